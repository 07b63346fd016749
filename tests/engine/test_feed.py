"""Claims of the workers: one that dies or hangs is named, and fewer of them give the same batches."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import toys
from headstart.core.types import Batch, Stream
from headstart.data import loading
from headstart.data.rows import Rows
from headstart.data.streams import BatchStream, in_order
from headstart.data.transforms import make_transform
from headstart.engine.feed import Feed, Workers


@dataclasses.dataclass(frozen=True)
class Harmed:
    """A transform whose worker meets with something at each row; the main process is spared."""

    transform: Any
    harm: Any
    main: int

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transform, name)

    def example(self, item: Any, key: str, draw: Any) -> Any:
        if os.getpid() != self.main:
            self.harm()
        return self.transform.example(item, key, draw)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def overrun() -> None:
    """End as a process does that writes to a full /dev/shm."""
    os.kill(os.getpid(), signal.SIGBUS)


def hang() -> None:
    time.sleep(60)


@pytest.mark.parametrize("harm", [die, overrun, pytest.param(hang, marks=pytest.mark.slow)])
def test_a_lost_worker_is_named_and_the_batches_stay_the_same(
    harm: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loading, "HUNG", 2)
    expects = toys.source("digits:cnn").card.input
    rows: Rows = toys.examples(expects, 12)
    harmed = Harmed(make_transform(expects, views={"x": "weak"}), harm, os.getpid())

    def make(workers: int) -> BatchStream:
        transform: Any = harmed
        return BatchStream(rows, transform, stream=Stream("train"), batch_size=4, seed=1, workers=workers)

    whole = make(0).batches(2)
    warnings: list[str] = []
    workers = Workers(2, warnings.append)
    feed = Feed(lambda count, start: make(count).batches(start), workers, 2)
    for _ in range(3):
        one, other = next(whole), next(feed)
        assert one.ids == other.ids and torch.equal(one.x, other.x)
    assert workers.count == 0 and len(warnings) == 2
    said = {die: "ended by SIGKILL", overrun: "ended by SIGBUS, likely for want of memory", hang: "it hung"}[harm]
    assert all(said in text for text in warnings)
    assert harm is hang or all("--shm-size" in text for text in warnings)
    assert ("in hang" in capfd.readouterr().err) == (harm is hang), "where it stood"


class Wrong(Exception):
    """An error that cannot be pickled."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")
        self.kept = lambda: one


def mistake() -> None:
    raise ValueError("row 7 is wrong")


def unsendable() -> None:
    raise Wrong(1, 2)


@pytest.mark.parametrize(("harm", "kind"), [(mistake, ValueError), (unsendable, RuntimeError)])
def test_an_error_of_a_transform_is_raised_as_it_is_and_no_worker_is_lost(harm: Any, kind: type[Exception]) -> None:
    expects = toys.source("digits:cnn").card.input
    transform: Any = Harmed(make_transform(expects), harm, os.getpid())
    rows = toys.examples(expects, 9)

    def make(workers: int) -> BatchStream:
        return BatchStream(rows, transform, stream=Stream("train"), batch_size=4, seed=0, workers=workers)

    warnings: list[str] = []
    with pytest.raises(kind, match="row 7 is wrong" if harm is mistake else "Wrong: 1 and 2") as caught:
        next(Feed(lambda count, start: make(count).batches(start), Workers(2, warnings.append), 0))
    assert not warnings
    told = "".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
    assert f"in {harm.__name__}" in told, "where it came from"


def test_no_process_is_left_when_the_batches_are_no_longer_wanted() -> None:
    expects = toys.source("digits:cnn").card.input
    rows = toys.examples(expects, 9)
    stream = BatchStream(rows, make_transform(expects), stream=Stream("train"), batch_size=4, seed=0, workers=2)
    batches = stream.batches()
    next(batches)
    assert len(multiprocessing.active_children()) == 2
    del batches
    assert multiprocessing.active_children() == []


def test_batches_are_pinned_beside_the_training_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """With workers in a thread of its own; in what order they come does not change."""
    threads: list[str] = []

    def pin(self: Batch) -> Batch:
        threads.append(threading.current_thread().name)
        return self

    monkeypatch.setattr(Batch, "pin_memory", pin)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    expects = toys.source("digits:cnn").card.input
    rows = toys.examples(expects, 9)

    def make(workers: int, pin: bool) -> BatchStream:
        asked, transform = Stream("train"), make_transform(expects)
        return BatchStream(rows, transform, stream=asked, batch_size=4, seed=0, workers=workers, pin=pin)

    plain, pinned = make(0, False).batches(), make(2, True).batches()
    assert [next(plain).ids for _ in range(4)] == [next(pinned).ids for _ in range(4)]
    assert threads and threading.main_thread().name not in threads
    del pinned
    assert multiprocessing.active_children() == []
    seen = list(in_order(rows, make_transform(expects), batch_size=4, workers=1, pin=True))
    assert [len(batch) for _, batch in seen] == [4, 4, 1]


ORPHANS = """
import os, signal, sys
import toys
from headstart.core.types import Stream
from headstart.data.streams import BatchStream
from headstart.data.transforms import make_transform
import multiprocessing
expects = toys.source("digits:cnn").card.input
rows = toys.examples(expects, 9)
asked, transform = Stream("t", labelled=False), make_transform(expects)
make = lambda: BatchStream(rows, transform, stream=asked, batch_size=4, seed=0, workers=2).batches()
several = [make(), make()]
several[0].__next__(), several[1].__next__()
print(*(child.pid for child in multiprocessing.active_children()), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_workers_end_where_the_main_process_was_killed() -> None:
    search = os.pathsep.join([str(Path(toys.__file__).parent), *(part for part in sys.path if part)])
    done = subprocess.run(
        [sys.executable, "-c", ORPHANS],
        env={**os.environ, "PYTHONPATH": search, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    children = [int(word) for word in done.stdout.split()]
    assert done.returncode == -signal.SIGKILL and len(children) == 4, done.stderr
    until = time.monotonic() + 20
    while any(alive(pid) for pid in children) and time.monotonic() < until:
        time.sleep(0.1)
    assert not [pid for pid in children if alive(pid)]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_last_batch_is_never_a_single_row(tmp_path: Path) -> None:
    """Batch norm that learns cannot take a batch of one: batches are always full."""
    expects = toys.source("digits:cnn").card.input
    stream = BatchStream(
        toys.examples(expects, 9), make_transform(expects), stream=Stream("train"), batch_size=4, seed=0
    )
    batches = stream.batches()
    assert [len(next(batches)) for _ in range(6)] == [4] * 6
