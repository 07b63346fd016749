"""Distinguish a lack of memory from other errors, on a GPU and on a CPU."""

from __future__ import annotations

import torch

CPU_ALLOCATOR = "DefaultCPUAllocator: "  # how torch's message begins after the place in its source

STATUSES = ("CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error is a lack of memory.

    Python and torch's allocator of GPU memory have types for it. The allocator of CPU tensors, cuBLAS and cuDNN raise a
    plain RuntimeError, which is told by the allocator's name or the library's status code; a failed CUDA call has one
    type for all its errors.
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    if isinstance(error, torch.AcceleratorError):
        return "out of memory" in str(error)
    return type(error) is RuntimeError and any(mark in str(error) for mark in (CPU_ALLOCATOR, *STATUSES))
