"""The cache of features: what is asked for comes back, whoever writes, is killed or finds no room."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch

from headstart.core import storage
from headstart.features import cache
from headstart.features.cache import GB, Cache, NoRoom, Row, remove, shelves

DIGESTS = [hashlib.sha256(str(n).encode()).digest() for n in range(12)]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def row(number: int) -> Row:
    """Make the two tensors of a row, one of them of a length and a format of its own."""
    return torch.full((2, 3), float(number)), torch.arange(number + 1, dtype=torch.bfloat16)


def table(
    numbers: Sequence[int],
    *,
    most: int = GB,
    told: list[str] | None = None,
    row_bytes: float = 50.0,
    pause: float = 0.0,
) -> tuple[cache.Table, list[int]]:
    """Ask for rows; return them with the numbers of those that were computed."""
    computed: list[int] = []

    def compute(places: Sequence[int]) -> Iterator[tuple[Sequence[int], Sequence[Row]]]:
        for start in range(0, len(places), 2):
            some = list(places[start : start + 2])[::-1]
            computed.extend(numbers[place] for place in some)
            yield some, [row(numbers[place]) for place in some]
            time.sleep(pause)

    made = Cache(most, ([] if told is None else told).append)
    return made.table("shelf", "about it", [DIGESTS[n] for n in numbers], row_bytes, compute), computed


def holds(found: cache.Table, numbers: Sequence[int]) -> bool:
    """Compare a table with what the rows are."""
    return len(found) == len(numbers) and all(
        torch.equal(one, other) and one.dtype == other.dtype
        for place, number in enumerate(numbers)
        for one, other in zip(found[place], row(number), strict=True)
    )


def test_rows_come_back_and_are_computed_once() -> None:
    first, computed = table([3, 1, 4])
    assert holds(first, [3, 1, 4])
    assert sorted(computed) == [1, 3, 4]
    again, computed = table([4, 0, 3, 3])
    assert holds(again, [4, 0, 3, 3])
    assert computed == [0]
    (shelf,) = shelves()
    assert (shelf.about, shelf.rows) == ("about it", 4)


@pytest.mark.slow
def test_a_writer_that_is_killed_leaves_the_shards_that_it_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from headstart.features import cache; import test_cache\n"
        "cache.SHARD = 1\n"
        "test_cache.table(list(range(12)), pause=0.2)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(Path(__file__).parent)])
    shelf = tmp_path / "headstart" / cache.FOLDER / "shelf"
    deadline = time.monotonic() + 60
    while len(list(shelf.glob(f"[!.]*/{cache.DATA}"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    orphan = shelf / f".tmp-{storage._host()}-{process.pid}-torn"  # as if it had been killed while it wrote
    orphan.mkdir()
    found, computed = table(list(range(12)))
    assert holds(found, list(range(12)))
    assert 0 < len(computed) <= 8
    assert not orphan.exists()


@pytest.mark.slow
def test_two_processes_on_one_shelf_get_the_same() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from headstart.features import cache; import test_cache\n"
        "cache.SHARD = 1\n"
        "found, _ = test_cache.table(list(range(12)), pause=0.02)\n"
        "assert test_cache.holds(found, list(range(12)))"
    )
    several = [subprocess.Popen([sys.executable, "-c", code, str(Path(__file__).parent)]) for _ in range(2)]
    assert [process.wait(120) for process in several] == [0, 0]
    found, computed = table(list(range(12)))
    assert holds(found, list(range(12)))
    assert not computed


def test_a_shard_that_another_process_is_writing_is_left_alone() -> None:
    table([0, 1])
    being_written = shelves()[0].folder / f".tmp-{storage._host()}-{os.getpid()}-now"
    being_written.mkdir()
    (being_written / cache.DATA).write_bytes(b"half of it")
    told: list[str] = []
    found, computed = table([0, 1, 2], told=told)
    assert holds(found, [0, 1, 2])
    assert computed == [2]
    assert not told
    assert being_written.exists()
    assert shelves()[0].rows == 3


def test_a_damaged_shard_is_told_and_computed_again() -> None:
    table([0, 1])
    cache._open.cache_clear()
    (file,) = shelves()[0].folder.glob(f"*/{cache.DATA}")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    told: list[str] = []
    found, computed = table([0, 1], told=told)
    assert holds(found, [0, 1])
    assert len(computed) == 2
    assert "damaged" in told[0]
    assert "computed again" in told[0]


def test_other_shelves_make_room_those_first_that_were_used_longest_ago() -> None:
    for age, name in enumerate(("new", "old")):
        Cache(GB, print).table(name, name, DIGESTS[:1], 1, lambda places: [(places, [(torch.zeros(1000),)])])
        about = storage.cache() / cache.FOLDER / name / cache.ABOUT
        then = time.time() - 100 * age - 100
        os.utime(about, (then, then))
    size = sum(shelf.bytes for shelf in shelves())
    found, _ = table([0], most=size + 10, row_bytes=1000.0)
    assert holds(found, [0])
    assert {shelf.about for shelf in shelves()} == {"about it", "new"}


def test_a_bound_that_is_too_low_is_told_and_memory_takes_the_rows() -> None:
    told: list[str] = []
    found, _ = table([0, 1, 2], most=100, told=told)
    assert holds(found, [0, 1, 2])
    assert not shelves()
    assert "cache_gb" in told[0]
    assert "memory" in told[0]


def test_a_full_disk_is_told_and_memory_takes_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    free = shutil.disk_usage("/")._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    told: list[str] = []
    found, _ = table([0, 1, 2], told=told)
    assert holds(found, [0, 1, 2])
    assert "0.00 GB are free" in told[0]


def test_a_disk_that_fills_up_on_the_way_is_told_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "SHARD", 1)
    import safetensors.torch

    save, count = safetensors.torch.save_file, []

    def fails(tensors: dict[str, torch.Tensor], path: Path) -> None:
        count.append(1)
        if len(count) > 2:
            raise OSError(28, "No space left on device")
        save(tensors, path)

    monkeypatch.setattr(safetensors.torch, "save_file", fails)
    told: list[str] = []
    found, _ = table(list(range(10)), told=told)
    assert holds(found, list(range(10)))
    assert len(count) == 3, "once it is full nothing more is tried"
    assert len(told) == 1
    assert "bytes are free" in told[0]
    monkeypatch.setattr(safetensors.torch, "save_file", save)
    again, computed = table(list(range(10)))
    assert holds(again, list(range(10)))
    assert len(computed) == 6


def test_rows_that_fit_nowhere_are_refused_before_any_is_computed() -> None:
    with pytest.raises(NoRoom, match="in memory"):
        table([0], most=0, row_bytes=1e18)


def test_a_shelf_is_removed() -> None:
    found, _ = table([0, 1])
    remove(shelves()[0])
    assert not shelves()
    assert holds(found, [0, 1]), "what was opened stays"
