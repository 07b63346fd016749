"""Distinguish a lack of memory from other errors, on a GPU and on a CPU."""

from __future__ import annotations

import torch

CPU_ALLOCATOR = "DefaultCPUAllocator: "  # how torch's message begins after the place in its source


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error is a lack of memory.

    Python and CUDA have types for it. The allocator of torch's CPU tensors raises a plain RuntimeError, which is told
    by the allocator's name: it raises for nothing else.
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return type(error) is RuntimeError and CPU_ALLOCATOR in str(error)
