"""Checkpoints: tensors as safetensors, everything else as JSON, whole or not there, checked by hash when read.

Three kinds of folder lie in a run's `checkpoints/`. Only what can have moved is in them.

    start-S      the model before stage S > 0: what its strategy starts from
    step-S-N     everything that step N of stage S needs to go on
    best-S-N     the model at step N of stage S, the best so far
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file, save_file

from headstart.core import storage
from headstart.core.errors import StorageError
from headstart.core.interface import option

FORMAT = 4
STATE = "state.json"
Tensors = Mapping[str, torch.Tensor]


class OtherFormat(StorageError):
    """Another version of Headstart wrote the checkpoint."""


class Checkpoint(NamedTuple):
    """What a checkpoint contains: tensors by part ("model", "extra" …), and JSON data."""

    path: Path
    parts: dict[str, dict[str, torch.Tensor]]
    state: dict[str, Any]


def save(path: Path, parts: Mapping[str, Tensors], state: Mapping[str, Any]) -> None:
    """Write a checkpoint folder under its final name at once.

    Args:
        path: The folder to make; one of that name, from a training that was gone back on, is replaced.
        parts: Tensors by name, by part.
        state: JSON data: where the run stood.

    Raises:
        DiskError: The disk refuses; other checkpoints are untouched.
    """
    if path.exists():
        storage.remove_folder(path)
    with storage.new_folder(path, size(parts)) as folder:
        for part, tensors in parts.items():
            save_file(_own_memory(tensors), folder / f"{part}.safetensors")
        (folder / STATE).write_text(json.dumps({"format": FORMAT, **state}), encoding="utf-8")


def load(path: Path) -> Checkpoint:
    """Read a checkpoint after checking its manifest.

    Args:
        path: A folder that `save` wrote.

    Returns:
        Its content.

    Raises:
        OtherFormat: It was written by another version of Headstart.
        StorageError: The folder is damaged.
    """
    storage.verify(path)
    state = json.loads((path / STATE).read_text(encoding="utf-8"))
    found = state.pop("format", None)
    if found != FORMAT:
        raise OtherFormat(
            f"{path} has format {found}; this Headstart reads format {FORMAT}. Go on with the version that wrote it."
        )
    parts = {file.stem: load_file(file) for file in sorted(path.glob("*.safetensors"))}
    return Checkpoint(path, parts, state)


def latest(folder: Path, warn: Callable[[str], None]) -> Checkpoint | None:
    """Find the newest checkpoint that is whole, with those that it needs.

    Args:
        folder: A run's `checkpoints/`.
        warn: Is told of each one that is passed over, and why.

    Returns:
        The checkpoint to go on from; None to begin again.

    Raises:
        OtherFormat: The newest was written by another version of Headstart.
    """
    candidates = [path for path in folder.glob("*-*") if re.fullmatch(r"start-\d+|step-\d+-\d+", path.name)]
    for path in sorted(candidates, key=_place, reverse=True):
        try:
            found = load(path)
            for name in found.state["needs"]:
                storage.verify(folder / name)
        except OtherFormat:
            raise
        except StorageError as error:
            warn(f"{path.name} was passed over: {error} An older checkpoint, or the beginning, takes its place.")
            continue
        return found
    return None


def keep_only(folder: Path, keep: Iterable[str]) -> None:
    """Remove every checkpoint in the folder but those named."""
    names = set(keep)
    for path in folder.glob("*-*"):
        if path.name not in names and not path.name.startswith("."):
            storage.remove_folder(path)


def check_space(folder: Path, needed: int) -> None:
    """Check that the volume that the folder is on has room.

    Args:
        folder: Folder of the run.
        needed: Bytes.

    Raises:
        StorageError: It has not.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StorageError(
            f"Not enough room for checkpoints and the model in {folder.resolve()}: {needed:,} bytes are needed, "
            f"{free:,} are free on that volume. Make room, or name a folder on another volume with {option('out')}."
        )


def size(parts: Mapping[str, Tensors]) -> int:
    """Count the bytes of all tensors."""
    return sum(t.numel() * t.element_size() for tensors in parts.values() for t in tensors.values())


def _own_memory(tensors: Tensors) -> dict[str, torch.Tensor]:
    """Copy tensors to memory of their own, in plain order: safetensors takes no two names for one memory."""
    own: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        plain = tensor.detach().cpu().contiguous()
        own[name] = plain.clone() if plain.untyped_storage().data_ptr() in seen else plain
        seen.add(own[name].untyped_storage().data_ptr())
    return own


def _place(path: Path) -> tuple[int, int]:
    kind, stage, *step = path.name.split("-")
    return int(stage), -1 if kind == "start" else int(step[0])
