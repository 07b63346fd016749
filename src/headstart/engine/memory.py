"""Tell a lack of memory from other errors, on a GPU and on a CPU."""

from __future__ import annotations

import torch

PHRASES = ("can't allocate memory", "out of memory", "ALLOC_FAILED", "not enough memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error is a lack of memory; allocators of the CPU raise a plain RuntimeError."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(phrase in str(error) for phrase in PHRASES)
