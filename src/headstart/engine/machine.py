"""What the machine offers: device, number format, memory layout and allocator."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, TypeVar

import torch
from torch import nn

from headstart.core import processes
from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.core.types import Batch

Precision = Literal["auto", "float32", "bfloat16"]
ModuleT = TypeVar("ModuleT", bound=nn.Module)
SMALL = 500_000  # parameters


def choose_device(name: str) -> torch.device:
    """Find the device by name.

    Args:
        name: "auto" takes a GPU where there is one.

    Returns:
        The device.

    Raises:
        UsageError: The name is no device, or this machine has none of that kind.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"There is no device '{name}'. Use auto, cpu, cuda or cuda:NUMBER.") from error
    if device.type not in ("cpu", "cuda"):
        raise UsageError(f"Headstart computes on cpu and cuda, not on '{name}'.")
    if device.type == "cuda" and not torch.cuda.is_available():
        mend = option("device", "cpu")
        raise UsageError(f"device '{name}': this machine has no CUDA device that torch can use. Use {mend}.")
    return device


def choose_precision(name: Precision, device: torch.device) -> Literal["float32", "bfloat16"]:
    """Choose the number format by the device alone: "auto" is bfloat16 on a GPU, and float32 on a CPU.

    On a CPU some networks gain by bfloat16: `headstart.engine.precision` tries.
    """
    if name == "auto":
        return "bfloat16" if device.type == "cuda" else "float32"
    return name


def cpu_has_bfloat16() -> bool:
    """Return whether this processor computes with bfloat16 itself, as with AVX-512 BF16 or AMX, and torch uses it."""
    able = torch.cpu.get_capabilities()
    native = any(able.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))  # the last one is Arm's
    return native and torch.backends.mkldnn.is_available()


def autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """Compute in the number format inside the block; weights stay float32."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()


def place(module: ModuleT, device: torch.device) -> ModuleT:
    """Move a module to the device, convolutions in the channels-last layout, which is faster on CPUs and GPUs."""
    return module.to(device=device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def to_device(batch: Batch, device: torch.device) -> Batch:
    """Copy a batch to the device, images in the channels-last layout; from page-locked memory beside the computing."""

    def copy(tensor: torch.Tensor) -> torch.Tensor:
        layout = torch.channels_last if tensor.ndim == 4 else torch.preserve_format
        return tensor.to(device, non_blocking=True, memory_format=layout)

    return batch.map(copy)


@dataclass
class _Users:
    """Blocks of `threads` that are open in any Python thread, and the number that the process had before the first."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    count: int = 0
    before: int = 0


class _Nested(threading.local):
    """The numbers of the blocks that are open in this Python thread, from the outermost on."""

    def __init__(self) -> None:
        self.numbers: list[int] = []


_USERS, _NESTED = _Users(), _Nested()  # torch has one number for the process, so that there is one record of it


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Compute with this many threads inside the block.

    Blocks may be nested, and may overlap in several Python threads: after the last one the process has the number
    again that it had before the first, in whatever order they end.
    """
    numbers = _NESTED.numbers
    with _USERS.lock:
        now = torch.get_num_threads()  # in a new Python thread torch takes the process's number at the first question
        if not _USERS.count:
            _USERS.before = now
        _USERS.count += 1
        numbers.append(number)
        torch.set_num_threads(number)
    try:
        yield
    finally:
        with _USERS.lock:
            _USERS.count -= 1
            numbers.pop()
            torch.set_num_threads(numbers[-1] if numbers else _USERS.before)


def choose_threads(parameters: int) -> int:
    """Choose how many threads to compute with: a small network is faster on one, as the others mostly wait.

    A rule and no measurement, so that the same run takes the same number again: it is part of the result's last bits.
    What is computed beside it in other Python threads has no say either.
    """
    if parameters < SMALL:
        return 1
    with _USERS.lock:
        return _USERS.before if _USERS.count else torch.get_num_threads()


def check_processes(parameters: int, device: torch.device) -> None:
    """Refuse several processes of one machine where, by an estimate, one with as many threads takes no longer.

    Each of them has the whole optimiser's step and the exchange of gradients to do beside its shard.

    Args:
        parameters: Of the network; a small one computes with one thread, so that processes pay.
        device: Where the run computes.

    Raises:
        UsageError: There are fewer than two cores for each process on this machine, and no GPU.
    """
    local, cores = processes.local_count(), processes.cores()
    if device.type == "cpu" and local > 1 and parameters >= SMALL and cores < 2 * local:
        raise UsageError(
            f"{local} processes on {cores} cores are by an estimate no faster than one, which computes with {cores} "
            f"threads: each would have to add up the gradients of {parameters:,} parameters and take the whole step as "
            f"well. Leave {option('processes')} away, or give each process two cores, a machine or a GPU of its own."
        )


@cache
def keep_memory() -> None:
    """Ask glibc to keep freed memory for reuse: a training epoch on a CPU takes about 60 % of the time.

    By default each large tensor is given back to the system when it dies, and the next one pays
    for its pages again. Elsewhere than on glibc this does nothing.
    """
    if sys.platform != "linux":
        return
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:
        return
    for setting, value in (
        (-3, 1 << 30),
        (-1, (1 << 31) - 1),
        (-2, 64 << 20),
    ):  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_TOP_PAD
        libc.mallopt(setting, value)
