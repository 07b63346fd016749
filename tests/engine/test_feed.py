"""Claims of the workers: one that dies or hangs is named, and fewer of them give the same batches."""

from __future__ import annotations

import dataclasses
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import toys
from headstart.core.types import Stream
from headstart.data import streams
from headstart.data.rows import Rows
from headstart.data.streams import BatchStream
from headstart.data.transforms import make_transform
from headstart.engine.feed import Feed, Workers


@dataclasses.dataclass(frozen=True)
class Harmed:
    """A transform whose worker meets with something at the row of brightness 7; the main process is spared."""

    transform: Any
    harm: Any
    main: int

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transform, name)

    def example(self, item: Any, key: str, seed: int | None) -> Any:
        if os.getpid() != self.main:
            self.harm()
        return self.transform.example(item, key, seed)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def overrun() -> None:
    """End as a process does that writes to a full /dev/shm."""
    os.kill(os.getpid(), signal.SIGBUS)


def hang() -> None:
    time.sleep(60)


@pytest.mark.parametrize("harm", [die, overrun, hang])
def test_a_lost_worker_is_named_and_the_batches_stay_the_same(
    harm: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(streams, "HUNG", 2)
    expects = toys.source("digits:cnn").card.input
    rows: Rows = toys.examples(expects, 12)
    harmed = Harmed(make_transform(expects, {"x": "weak"}), harm, os.getpid())

    def make(workers: int) -> BatchStream:
        transform: Any = harmed
        return BatchStream(rows, transform, stream=Stream("train"), batch_size=4, seed=1, workers=workers)

    whole = make(0).batches(2)
    warnings: list[str] = []
    workers = Workers(2, warnings.append)
    feed = Feed(make, workers, 2)
    for _ in range(3):
        one, other = next(whole), next(feed)
        assert one["ids"] == other["ids"] and torch.equal(one["x"], other["x"])
    assert workers.count == 0 and len(warnings) == 2
    assert all("timed out" in text if harm is hang else "--shm-size" in text for text in warnings)
    assert ("in hang" in capfd.readouterr().err) == (harm is hang), "where it stood"


def test_an_error_of_a_transform_is_not_taken_for_a_lost_worker() -> None:
    def wrong(workers: int) -> np.ndarray:
        raise RuntimeError("Caught RuntimeError in DataLoader worker process 0.")

    with pytest.raises(RuntimeError, match="Caught"):
        Workers(2, print).run(wrong)


def test_the_last_batch_is_never_a_single_row(tmp_path: Path) -> None:
    """Batch norm that learns cannot take a batch of one: batches are always full."""
    expects = toys.source("digits:cnn").card.input
    stream = BatchStream(
        toys.examples(expects, 9), make_transform(expects), stream=Stream("train"), batch_size=4, seed=0
    )
    batches = stream.batches()
    assert [len(next(batches)["ids"]) for _ in range(6)] == [4] * 6
