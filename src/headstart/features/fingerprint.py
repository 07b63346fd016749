"""Hashes of tensors, and of all that a frozen network's features depend on."""

from __future__ import annotations

import hashlib
import json
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import torch

from headstart.core.storage import sha256
from headstart.core.types import Input
from headstart.models.cards import input_to_plain


def name_of(parts: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], expects: Input) -> str:
    """Hash what was computed.

    Args:
        parts: Plain data that tells one computation from another: its code, the view, the number format.
        tensors: All that it computes with, by name.
        expects: How rows are made into examples; the files that it names count by their content.

    Returns:
        A name for the cache.
    """
    hasher = hashlib.sha256(f"torch {torch.__version__}".encode())
    plain = input_to_plain(expects)
    for field in expects.files:
        plain[field] = _content(plain.get(field))
    hasher.update(json.dumps({**parts, "input": plain}, sort_keys=True, default=str).encode())
    for name, tensor in tensors.items():
        hasher.update(f"{name} {hash_of(tensor)}\n".encode())
    return hasher.hexdigest()


def hash_of(tensor: torch.Tensor) -> str:
    """Hash a tensor: its shape, its format and its numbers, bit by bit."""
    hasher = hashlib.sha256(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
    hasher.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return hasher.hexdigest()


def code_of(classes: Iterable[type]) -> dict[str, str] | None:
    """Hash the files that classes are written in, and tell the versions of their packages.

    Args:
        classes: Any.

    Returns:
        By file and package; None where some code is of no installed package: what it calls may change, and no one
        would know.
    """
    found = {}
    for module in {each.__module__ for each in classes}:
        file = getattr(sys.modules.get(module), "__file__", None)
        if file is None or not any(Path(file).is_relative_to(root) for root in _installed()):
            return None
        package = module.partition(".")[0]
        found[package] = str(getattr(sys.modules[package], "__version__", ""))
        found[module] = _file(file)
    return found


@cache
def _installed() -> set[Path]:
    """Return the folders of installed packages, and that of Headstart."""
    paths = sysconfig.get_paths()
    return {Path(paths["purelib"]), Path(paths["platlib"]), Path(__file__).parents[1]}


@cache
def _file(path: str) -> str:
    return sha256(Path(path))


@lru_cache(maxsize=256)
def _hash(file: Path, unchanged: tuple[int, ...]) -> str:
    """Hash a file, once as long as it is unchanged."""
    assert unchanged
    return sha256(file)


def _content(path: str | None) -> str:
    """Hash a file, or the files of a folder."""
    if not path:
        return ""
    hasher, root = hashlib.sha256(), Path(path)
    for file in sorted(root.rglob("*")) if root.is_dir() else [root]:
        if file.is_file():
            found = file.stat()
            unchanged = (found.st_size, found.st_mtime_ns, found.st_ino)
            hasher.update(f"{file.name} {_hash(file, unchanged)}\n".encode())
    return hasher.hexdigest()
