"""Read safetensors so that a damaged or hostile file gives one clear error, and load tensors into a module exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from headstart.core import pointers
from headstart.core.errors import SourceError, first_few, reason_of
from headstart.core.storage import refuse_pickle, sha256

MAX_HEADER_BYTES = 32 * 2**20  # a network with 100,000 tensors needs about 12 MiB


def read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    """Read the tensors of one file.

    Args:
        path: A safetensors file.

    Returns:
        The tensors by name, on the CPU.

    Raises:
        SourceError: The file is of a kind that can hold a pickle, is missing or damaged, or holds NaN or infinity.
    """
    refuse_pickle(path)
    _check_header(path)
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise SourceError(
            f"{path} is damaged: {reason_of(error)}. Fetch it again, or write it with safetensors.torch.save_file."
        ) from error
    check_finite(tensors, str(path))
    return tensors


def check_finite(tensors: Mapping[str, torch.Tensor], where: str) -> None:
    """Check that no tensor holds NaN or infinity.

    Args:
        tensors: Tensors by name.
        where: The file that they are from, for the message.

    Raises:
        SourceError: Some do; every one of them is named.
    """
    wrong = [name for name, tensor in tensors.items() if tensor.is_floating_point() and not _is_finite(tensor)]
    if wrong:
        raise SourceError(
            f"{where}: these tensors hold NaN or infinity: {first_few(wrong)}. Take weights from before they broke."
        )


def _is_finite(tensor: torch.Tensor) -> bool:
    """Look at the sum, which takes a twentieth of the time: NaN and infinity are in it too."""
    return bool(torch.isfinite(tensor.sum(dtype=torch.float32)) or torch.isfinite(tensor).all())


def check_sha256(path: Path, expected: str, stated_by: str) -> None:
    """Check a file's hash against the one that its card states.

    Args:
        path: The file.
        expected: The hash in hexadecimal.
        stated_by: Where the hash is from, for the message.

    Raises:
        SourceError: The file is missing or has another hash.
    """
    if not path.is_file():
        raise SourceError(f"{path} is not there.")
    found = sha256(path)
    if found != expected.lower():
        raise SourceError(
            f"{path} is not the file that {stated_by} describes: its SHA-256 is {found}, not {expected}. "
            "Fetch it again."
        )


class AnyShape(nn.Module):
    """A module with tensors that take the shapes of what is loaded, as they are known only once it has learnt."""

    def open_shapes(self) -> dict[str, torch.Tensor]:
        """Return these tensors of its own by name: the buffers, unless a module says otherwise."""
        return dict(self.named_buffers(recurse=False))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        for name, own in self.open_shapes().items():
            given = state_dict.get(prefix + name)
            if given is not None and given.shape != own.shape:
                own.data = own.new_empty(given.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)


def load_exactly(
    module: nn.Module, tensors: Mapping[str, torch.Tensor], where: str, *, drop: Sequence[str] = ()
) -> None:
    """Load tensors into a module, each into its place, with none missing and none left over.

    Args:
        module: What to load into.
        tensors: Tensors by name; they are converted to the module's number type.
        where: The file that they are from, for the message.
        drop: Modules whose tensors are left out by name: the classifier of the source task.

    Raises:
        SourceError: A tensor is missing, unexpected or of another shape; the first few of each kind are named.
    """
    expected = module.state_dict()
    free = {
        f"{at}.{name}"
        for at, part in module.named_modules()
        if isinstance(part, AnyShape)
        for name in part.open_shapes()
    }
    given = {n: t for n, t in tensors.items() if not any(n == d or n.startswith(f"{d}.") for d in drop)}
    missing = [f"{name}: missing" for name in expected if name not in given]
    unexpected = [f"{name}: unexpected" for name in given if name not in expected]
    shapes = [
        f"{name}: shape {list(given[name].shape)} instead of {list(tensor.shape)}"
        for name, tensor in expected.items()
        if name in given and name not in free and given[name].shape != tensor.shape
    ]
    if missing or unexpected or shapes:
        raise misfit(where, type(module).__name__, missing, unexpected, shapes)
    module.load_state_dict(given)


def misfit(where: str, network: str, *kinds: Sequence[str]) -> SourceError:
    """Make the error for tensors that do not fit a network: the first few of each kind of fault, a line each."""
    faults = [first_few(kind, "\n  ") for kind in kinds if kind]
    return SourceError("\n  ".join([f"{where} does not fit {network}:", *faults]))


def classifier_in(
    tensors: Mapping[str, torch.Tensor], names: Sequence[str], dim: int
) -> tuple[torch.Tensor, torch.Tensor | None] | None:
    """Find the source task's linear classifier among the tensors of a file.

    Args:
        tensors: Tensors by name.
        names: Modules that may be the classifier.
        dim: Width D of the features that it must take.

    Returns:
        Weight [C, D] and bias [C] where there is one; None without a classifier, or with one of another form.
    """
    for name in names:
        weight = tensors.get(f"{name}.weight")
        if (
            weight is not None and weight.ndim > 1 and weight[0].numel() == dim
        ):  # some are convolutions of one pixel, [C, D, 1, 1]
            return weight.reshape(-1, dim), tensors.get(f"{name}.bias")
    return None


def _check_header(path: Path) -> None:
    """Check what the file says of its header's length, before anything of that length is allocated."""
    if not path.is_file():
        raise SourceError(f"{path} is not there.")
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(len(pointers.START))
    if pointers.is_pointer(start):
        raise SourceError(f"{path} {pointers.WHAT}; {pointers.MEND}.")
    length = int.from_bytes(start[:8], "little")
    if start[8:9] != b"{":
        raise SourceError(
            f"{path} ({size:,} bytes) is not a safetensors file; nothing of it was run. Convert it where you trust it."
        )
    if length > min(size - 8, MAX_HEADER_BYTES):
        raise SourceError(
            f"{path} is damaged: it says that its header has {length:,} bytes; the file has {size:,}, "
            f"and at most {MAX_HEADER_BYTES:,} are read. Fetch it again."
        )
