"""Several processes as one: the seam between the loop and torch.distributed.

The loop computes on its shard of each batch and of each evaluation; everything else is here.
Gradients are added up once an update, after all of its micro-batches. They are weighted by rows
before, so that shards of unequal size give the mean over the whole batch. Small decisions (stop,
score, budget) travel in a group of their own on the CPU, so that a GPU is never waited for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
from torch import distributed, nn

from headstart.core import processes
from headstart.core.errors import LostProcess, TrainingError
from headstart.core.interface import option

T = TypeVar("T")
BUCKET = 1 << 24  # numbers that are added up at a time: 64 MiB
TIMEOUT = 600.0  # seconds that processes wait for one another


@dataclass(frozen=True)
class World:
    """This process among all: `rank` of `size`. With `size` 1 every method does nothing."""

    rank: int = 0
    size: int = 1
    control: Any = None  # the group for decisions, on the CPU

    @property
    def is_writer(self) -> bool:
        """Return whether this process is the one that writes files and tells what happens."""
        return self.rank == 0

    def places(self, count: int) -> np.ndarray:
        """Return this process's shard of `count` rows: each place belongs to exactly one process."""
        return np.arange(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def add_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Add up the gradients of all processes.

        Args:
            parameters: The same ones in every process. One that has a gradient nowhere keeps none.
        """
        if self.size == 1:
            return
        has = torch.tensor([p.grad is not None for p in parameters], dtype=torch.float32)
        self._reduce(has, distributed.ReduceOp.MAX, self.control)
        learning = [p for p, any_has in zip(parameters, has.tolist(), strict=True) if any_has]
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in learning]
        for bucket in _buckets(gradients):
            flat = torch.cat([gradient.reshape(-1) for gradient in bucket])
            self._reduce(flat, distributed.ReduceOp.SUM)
            for gradient, summed in zip(bucket, flat.split([g.numel() for g in bucket]), strict=True):
                gradient.copy_(summed.view(gradient.shape))
        for parameter, gradient in zip(learning, gradients, strict=True):
            parameter.grad = gradient

    def add_up(self, tensors: Sequence[torch.Tensor]) -> None:
        """Put in the place of each tensor the sum of those of all processes."""
        for tensor in tensors if self.size > 1 else ():
            self._reduce(tensor, distributed.ReduceOp.SUM)

    def gather(self, values: np.ndarray, count: int) -> np.ndarray:
        """Put the shards of all processes together.

        Args:
            values: What this process computed for its `places(count)`, [n, …] float32 or uint8.
            count: Rows of all.

        Returns:
            [count, …], in every process.
        """
        if self.size == 1:
            return values
        most, axes = -(-count // self.size), int(self.most(values.ndim))
        # a process without rows does not know the shape
        shape = [int(self.most(values.shape[axis] if len(values) else 0)) for axis in range(1, axes)]
        bytes_ = bool(self.most(float(values.dtype == np.uint8)))
        own = torch.zeros(most, *shape, dtype=torch.uint8 if bytes_ else torch.float32)
        if len(values):
            own[: len(values)] = torch.from_numpy(values)
        shards = [torch.empty_like(own) for _ in range(self.size)]
        self._try(lambda: distributed.all_gather(shards, own, group=self.control))
        sizes = [len(World(rank, self.size).places(count)) for rank in range(self.size)]
        return torch.cat([shard[:size] for shard, size in zip(shards, sizes, strict=True)]).numpy()

    def most(self, value: float) -> float:
        """Return the largest of the processes' values: whether any of them was asked to stop, say."""
        if self.size == 1:
            return value
        tensor = torch.tensor([value], dtype=torch.float64)
        self._reduce(tensor, distributed.ReduceOp.MAX, self.control)
        return tensor.item()

    def add(self, values: Sequence[float]) -> list[float]:
        """Add up numbers of all processes, place by place."""
        if self.size == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64)
        self._reduce(tensor, distributed.ReduceOp.SUM, self.control)
        return tensor.tolist()

    def from_writer(self, value: T) -> T:
        """Send the writer's value to every process, which must be JSON data."""
        if self.size == 1:
            return value
        text = json.dumps(value).encode()
        length = torch.tensor([len(text)])
        self._try(lambda: distributed.broadcast(length, src=0, group=self.control))
        content = torch.zeros(int(length.item()), dtype=torch.uint8)
        if self.is_writer:
            content.copy_(torch.frombuffer(bytearray(text), dtype=torch.uint8))
        self._try(lambda: distributed.broadcast(content, src=0, group=self.control))
        return json.loads(content.numpy().tobytes())

    def copy_from_writer(self, module: nn.Module, *, buffers_only: bool = False) -> None:
        """Copy the writer's weights and buffers to every process."""
        if self.size == 1:
            return
        tensors = list(module.buffers()) if buffers_only else list(module.state_dict().values())
        for tensor in tensors:
            plain = tensor.detach().contiguous()
            self._try(lambda plain=plain: distributed.broadcast(plain, src=0))
            tensor.detach().copy_(plain)

    def barrier(self) -> None:
        """Wait for all processes."""
        if self.size > 1:
            self._try(lambda: distributed.barrier(group=self.control))

    def _reduce(self, tensor: torch.Tensor, how: Any, group: Any = None) -> None:
        self._try(lambda: distributed.all_reduce(tensor, op=how, group=group))

    def _try(self, work: Any) -> None:
        try:
            work()
        except RuntimeError as error:  # torch.distributed raises nothing narrower
            what = str(error).strip().splitlines()[0][:200]
            raise LostProcess(
                f"Process {self.rank} of {self.size} lost touch with another one, which ended or hung: look for the "
                f"first error among the processes. With {option('resume')} the run goes on from its last saved step. "
                f"({what})"
            ) from error


def connect(device: torch.device, *, timeout: float = TIMEOUT) -> tuple[World, torch.device]:
    """Join the processes that a launcher such as torchrun started.

    Args:
        device: Device of this run; a GPU without a number becomes the one of this process's place on its machine.
        timeout: Seconds to wait for one another before giving up.

    Returns:
        The world, and this process's device.

    Raises:
        TrainingError: The processes did not find each other.
    """
    size = processes.count()
    if size == 1:
        return World(), device
    cuda = device.type == "cuda"
    if cuda:
        device = torch.device("cuda", processes.local_rank() % torch.cuda.device_count())
        torch.cuda.set_device(device)
    wait = timedelta(seconds=timeout)
    try:
        if not distributed.is_initialized():
            distributed.init_process_group("nccl" if cuda else "gloo", timeout=wait)
        control = distributed.new_group(backend="gloo", timeout=wait) if cuda else distributed.group.WORLD
    except (RuntimeError, ValueError) as error:
        raise TrainingError(f"The {size} processes did not find each other: {error}") from error
    return World(distributed.get_rank(), size, control), device


def disconnect() -> None:
    """Leave the group of processes."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()


def _buckets(gradients: Sequence[torch.Tensor]) -> list[list[torch.Tensor]]:
    buckets: list[list[torch.Tensor]] = []
    filled = BUCKET
    for gradient in gradients:
        if filled + gradient.numel() > BUCKET:
            buckets.append([])
            filled = 0
        buckets[-1].append(gradient)
        filled += gradient.numel()
    return buckets
