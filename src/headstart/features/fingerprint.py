"""Hashes of all that a frozen network's features depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

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
        flat = tensor.detach().cpu().contiguous().flatten().view(torch.uint8)
        hasher.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        hasher.update(flat.numpy().data)
    return hasher.hexdigest()


def _content(path: str | None) -> str:
    """Hash a file, or the files of a folder."""
    if not path:
        return ""
    hasher, root = hashlib.sha256(), Path(path)
    for file in sorted(root.rglob("*")) if root.is_dir() else [root]:
        if file.is_file():
            hasher.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return hasher.hexdigest()
