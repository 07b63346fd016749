"""Checkpoints: tensors as safetensors, everything else as JSON, whole or not there, checked by hash when read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from headstart.core import storage
from headstart.core.errors import StorageError

FORMAT = 1


def save(path: Path, tensors: Mapping[str, torch.Tensor], state: Mapping[str, Any]) -> None:
    """Write a checkpoint folder under its final name at once.

    Args:
        path: The folder to make.
        tensors: Weights by name.
        state: JSON data: where the run stood.

    Raises:
        StorageError: The disk refuses; older checkpoints are untouched.
    """
    with storage.new_folder(path) as folder:
        save_file(
            {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors"
        )
        (folder / "state.json").write_text(json.dumps({"format": FORMAT, **state}), encoding="utf-8")


def load(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read a checkpoint after checking its manifest.

    Args:
        path: A folder that `save` wrote.

    Returns:
        The tensors and the state.

    Raises:
        StorageError: The folder is damaged, or was written by a newer Headstart.
    """
    storage.verify(path)
    state = json.loads((path / "state.json").read_text(encoding="utf-8"))
    if state.pop("format") != FORMAT:
        raise StorageError(
            f"{path} was written by another version of Headstart (its format is not {FORMAT}). Use that version."
        )
    return load_file(path / "model.safetensors"), state


def keep_only(folder: Path, keep: Path) -> None:
    """Remove every checkpoint in the folder but one."""
    for path in folder.glob("step-*"):
        if path != keep:
            storage.remove_folder(path)
