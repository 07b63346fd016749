"""Insert modules that stay in a backbone, once, and record them in its card so that they are there again on load."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

from torch import nn

from headstart.core.errors import UsageError
from headstart.core.options import to_plain
from headstart.models.model import Backbone
from headstart.models.tree import INSERTED

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def insert_once(backbone: Backbone, strategy: Any, make: Callable[[Backbone], ModuleT]) -> ModuleT:
    """Insert a strategy's modules, or find those that an earlier stage or run inserted.

    They belong to no stage of the backbone: `partial` and the like leave them as they are.

    Args:
        backbone: Takes the modules as `inserted_NAME`.
        strategy: Is recorded with its options.
        make: Makes the modules and sets their hooks.

    Returns:
        The modules.

    Raises:
        UsageError: The same strategy has inserted modules before, with other options.
    """
    name = type(strategy).__module__.rpartition(".")[2]
    choice = {"name": name, **to_plain(strategy)}
    present: Any = getattr(backbone, f"{INSERTED}{name}", None)
    if present is not None:
        earlier = next(dict(c) for c in backbone.card.inserted if c["name"] == name)
        if earlier != choice:
            raise UsageError(
                f"{backbone.card.name} has modules of '{name}' already, made with {earlier}; now {choice} is asked "
                "for. Use the same options."
            )
        return present
    module = make(backbone)
    backbone.add_module(f"{INSERTED}{name}", module)
    backbone.card = dataclasses.replace(backbone.card, inserted=(*backbone.card.inserted, choice))
    return module
