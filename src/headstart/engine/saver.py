"""When and what is saved: steps now and then, the best at once, and what to do when the disk refuses."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import torch

from headstart.core.errors import StorageError
from headstart.core.types import Event, Listener
from headstart.engine import checkpoint
from headstart.engine.checkpoint import Checkpoint, Tensors

RATIO = 20  # training takes at least this many times as long as saving, unless every step is to be saved


class Saver:
    """Writes checkpoints and keeps the last two steps, with the best and the start that each of them needs.

    The older of the two makes way before the next is written, so that there are never three.

    Where the disk refuses, training goes on and the last checkpoint stays: the best weights stay
    in memory, and are written before the next step is.

    Args:
        folder: Takes the checkpoints.
        every: Seconds between saved steps; 0 saves each.
        listen: Is told what could not be saved.
        found: The checkpoint that the run went on from.
        writer: False in the processes that write nothing.
    """

    def __init__(
        self, folder: Path, *, every: float, listen: Listener, found: Checkpoint | None = None, writer: bool = True
    ) -> None:
        self.folder, self.every, self.listen, self.writer = folder, every, listen, writer
        self._unwritten: dict[str, dict[str, torch.Tensor]] = {}
        self._kept: dict[str, list[str]] = {} if found is None else {found.path.name: found.state["needs"]}
        self._ended, self._cost = time.monotonic(), 0.0

    @property
    def due(self) -> bool:
        """Return whether it is time to save a step."""
        wait = max(self.every, RATIO * self._cost) if self.every else 0.0
        return time.monotonic() - self._ended >= wait

    def save_start(self, stage: int, parts: Mapping[str, Tensors], state: Mapping[str, Any]) -> None:
        """Save the model before a stage.

        Args:
            stage: Its number.
            parts: What `start_tensors` gave.
            state: JSON data: where the run stands.

        Raises:
            StorageError: The disk refuses; the stages before are still there.
        """
        if self.writer:
            checkpoint.save(self.folder / f"start-{stage}", parts, {"needs": [], **state})
            self._keep(f"start-{stage}", [])

    def save_best(self, stage: int, step: int, tensors: Tensors) -> str:
        """Save the best weights, or keep them in memory where the disk refuses; return their name."""
        name = f"best-{stage}-{step:07d}"
        if self.writer:
            try:
                checkpoint.save(self.folder / name, {"model": tensors}, {})
            except StorageError as error:
                self._unwritten = {name: {key: tensor.detach().cpu().clone() for key, tensor in tensors.items()}}
                self._refused(error, "The best weights stay in memory")
        return name

    def save_step(
        self, stage: int, step: int, parts: Mapping[str, Tensors], state: Mapping[str, Any], *, best: str | None
    ) -> Path | None:
        """Save a step; return its folder, or None where the disk refuses."""
        if not self.writer:
            return None
        name = f"step-{stage}-{step:07d}"
        if name in self._kept:  # from where this process went on: it comes to the same from there
            return self.folder / name
        needs = [*([f"start-{stage}"] if stage else []), *([best] if best else [])]
        started = time.monotonic()
        try:
            if best in self._unwritten:
                checkpoint.save(self.folder / best, {"model": self._unwritten[best]}, {})
            self._unwritten.clear()
            self._make_room(needs)
            checkpoint.save(self.folder / name, parts, {"needs": needs, **state})
        except StorageError as error:
            self._refused(error, "The checkpoint before it stays")
            return None
        finally:
            self._ended = time.monotonic()
            self._cost = self._ended - started
        self._keep(name, needs)
        return self.folder / name

    def load_best(self, name: str) -> Tensors:
        """Return the best weights.

        Args:
            name: What `save_best` gave.

        Returns:
            Tensors by name.

        Raises:
            StorageError: They were damaged after they were written.
        """
        return self._unwritten[name] if name in self._unwritten else checkpoint.load(self.folder / name).parts["model"]

    def _make_room(self, needs: list[str]) -> None:
        """Delete all saved steps but the last one, before the next is written."""
        self._kept = dict([*self._kept.items()][-1:])
        self._sweep(needs)

    def _keep(self, name: str, needs: list[str]) -> None:
        self._kept.pop(name, None)
        self._kept = {**dict([*self._kept.items()][-1:]), name: needs}
        self._sweep()

    def _sweep(self, besides: Sequence[str] = ()) -> None:
        checkpoint.keep_only(self.folder, [*besides, *self._kept, *chain(*self._kept.values())])

    def _refused(self, error: StorageError, meanwhile: str) -> None:
        self.listen(Event("warning", f"{error} {meanwhile}, training goes on, and saving is tried again."))
