"""Import timm without torch's compiler, which takes two seconds, for a network that nobody compiles.

timm marks functions that a compiler is to leave alone, and torchvision, which it imports, asks which devices there are
to compile for: on import neither needs the compiler itself.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

COMPILER = "torch._dynamo.utils"


class _Later(ModuleType):
    """Stands for the compiler's module while timm is imported; what is asked of it is answered by the real one."""

    def is_compile_supported(self, device: Any) -> Any:
        """Ask the real module when this is called; torchvision imports the name alone."""
        return importlib.import_module(COMPILER).is_compile_supported(device)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        sys.modules.pop(COMPILER, None)
        return getattr(importlib.import_module(COMPILER), name)


def import_timm() -> Any:
    """Import timm.

    Returns:
        The module.
    """
    if "timm" in sys.modules or COMPILER in sys.modules:
        return importlib.import_module("timm")
    import torch

    later, disable = _Later(COMPILER), torch.compiler.disable
    sys.modules[COMPILER], torch.compiler.disable = later, _unmarked
    try:
        return importlib.import_module("timm")
    finally:
        torch.compiler.disable = disable
        if sys.modules.get(COMPILER) is later:
            del sys.modules[COMPILER]


def _unmarked(function: Any = None, *_: Any, **__: Any) -> Any:
    """Take the place of `torch.compiler.disable`, as a decorator with arguments or without."""
    return function if function is not None else lambda function: function
