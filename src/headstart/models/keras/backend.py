"""Import Keras on its torch backend, in a process that has not chosen another one."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from headstart.core.errors import SourceError, UsageError

EXTRA = "pip install 'headstart[keras]'"
BACKEND = "KERAS_BACKEND"


def import_keras() -> Any:
    """Import Keras 3 with the torch backend.

    Returns:
        The module.

    Raises:
        UsageError: Keras is not installed.
        SourceError: This process or its environment has chosen another backend.
    """
    chosen = os.environ.get(BACKEND, "torch")
    if chosen != "torch":
        raise SourceError(
            f"keras: needs Keras' torch backend, and {BACKEND} is '{chosen}' here. "
            f"Unset it, or set {BACKEND}=torch, and start again."
        )
    if "keras" not in sys.modules:
        os.environ[BACKEND] = "torch"  # goes before keras.json, and holds for this process and those that it starts
    try:
        keras = importlib.import_module("keras")
        backend = keras.backend.backend()
    except ImportError as error:
        raise UsageError(
            f"keras: needs the package Keras, which is not here ({error}). Install it: {EXTRA}."
        ) from error
    if backend != "torch":
        raise SourceError(
            f"keras: needs Keras' torch backend, and this process imported Keras with '{backend}'. "
            f"Set {BACKEND}=torch before Keras is imported, or use another process."
        )
    return keras
