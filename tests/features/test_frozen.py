"""Features of a frozen backbone: known again by all that they depend on, in this process and in later ones."""

from __future__ import annotations

import dataclasses
import hashlib
import multiprocessing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from headstart.core.seeding import torch_seeded
from headstart.data.rows import Rows
from headstart.features import cache, fingerprint, frozen
from headstart.features.cache import DATA, FOLDER, GB, Cache, shelves
from headstart.features.frozen import KnownFeatures
from headstart.models.load import load_source
from headstart.models.model import Backbone


@pytest.fixture(autouse=True)
def _all_is_worth_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(frozen, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(frozen, "LEAST_GAIN", 0.0)


def network(seed: str = "net") -> Backbone:
    """Make a small network; the seed decides its weights."""
    with torch_seeded(seed):
        return load_source("vector:mlp", {"dim": 3})


def rows(*names: str) -> Rows:
    """Make rows whose content is their name."""
    return Rows(list(names), list(names), {}, [hashlib.sha256(name.encode()).digest() for name in names])


def features(names: Sequence[str]) -> np.ndarray:
    """Make up the features of rows."""
    return np.array([[len(name), ord(name[0]), 0.1] for name in names], dtype=np.float32)


def ask(
    known: KnownFeatures, wanted: Rows, backbone: Backbone | None = None, how: str = "float32", **options: Any
) -> tuple[np.ndarray, list[str]]:
    """Ask for features; return them with the names of the rows that were computed."""
    computed: list[str] = []

    def compute(some: Rows) -> np.ndarray:
        computed.extend(some.ids)
        return features(some.inputs)

    return known.get(backbone or network(), wanted, compute, how=how, **options), computed


def later(told: list[str] | None = None, most: int = GB) -> KnownFeatures:
    """Return what a later run knows: what is on the disk."""
    return KnownFeatures(Cache(most, ([] if told is None else told).append))


def test_a_later_run_computes_only_rows_that_are_new() -> None:
    first, computed = ask(later(), rows("a", "bb", "a"))
    assert sorted(computed) == ["a", "bb"] and (first == features(["a", "bb", "a"])).all()
    again, computed = ask(later(), rows("bb", "ccc", "a"))
    assert computed == ["ccc"]
    assert again.dtype == first.dtype and (again == features(["bb", "ccc", "a"])).all()
    (shelf,) = shelves()
    assert shelf.rows == 3 and shelf.about == "vector:mlp, features"


def test_whatever_features_depend_on_makes_another_shelf(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = rows("a", "bb")
    ask(later(), wanted)
    other_input = network()
    expects: Any = other_input.card.input
    other_input.card = dataclasses.replace(other_input.card, input=dataclasses.replace(expects, dim=4))
    hooked = network()
    hooked.register_forward_hook(lambda *_: None)
    moved = network()
    with torch.no_grad():
        next(moved.parameters())[0] += 1e-6
    for backbone in (network("another"), other_input, hooked, moved):
        assert ask(later(), wanted, backbone)[1] == ["a", "bb"]
    assert ask(later(), wanted, how="bfloat16")[1] == ["a", "bb"]
    monkeypatch.setattr(fingerprint, "_file", lambda path: "as in another version")
    assert ask(later(), wanted)[1] == ["a", "bb"]
    assert len(shelves()) == 7


def test_code_that_is_not_installed_leaves_nothing_on_the_disk() -> None:
    """It may have changed by the next run, and no hash would show it."""

    class Own(nn.Linear):
        """A layer of the user's."""

    changed = network()
    changed.add_module("own", Own(1, 1))
    known = later()
    assert ask(known, rows("a"), changed)[1] == ["a"]
    assert ask(known, rows("a"), changed)[1] == [], "the process itself knows it"
    assert not shelves()


def test_what_is_computed_in_no_time_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frozen, "LEAST_SECONDS", 60.0)
    known = later()
    assert ask(known, rows("a"))[1] == ["a"] and ask(known, rows("a"))[1] == []
    assert not shelves()
    monkeypatch.setattr(frozen, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(frozen, "LEAST_GAIN", 1e12)
    ask(later(), rows("a"))
    assert not shelves()


def test_without_room_on_the_disk_all_goes_on_as_without(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    for most in (0, 1):
        known = later(told, most)
        assert (ask(known, rows("a", "bb"))[0] == features(["a", "bb"])).all()
        assert ask(known, rows("bb"))[1] == []
    assert len(told) == 1 and "features are kept in memory, not on disk" in told[0]
    monkeypatch.setattr(cache, "_free_memory", lambda: 0.0)
    assert (ask(later(told, 1), rows("a", "bb"))[0] == features(["a", "bb"])).all()
    assert not shelves()


def test_a_damaged_shard_is_computed_again(tmp_path: Path) -> None:
    ask(later(), rows("a", "bb"))
    (file,) = (tmp_path / "headstart" / FOLDER).glob(f"*/*/{DATA}")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    cache._open.cache_clear()
    told: list[str] = []
    again, computed = ask(later(told), rows("a", "bb"))
    assert computed == ["a", "bb"] and (again == features(["a", "bb"])).all()
    assert "damaged" in told[0]
    assert ask(later(), rows("a", "bb"))[1] == []


def test_one_that_is_stopped_leaves_the_pieces_that_it_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frozen, "PIECE", 2)
    monkeypatch.setattr(cache, "SHARD", 1)
    wanted = rows("a", "bb", "ccc", "dddd", "e")

    def stopped(some: Rows) -> np.ndarray:
        if "e" in some.ids:
            raise KeyboardInterrupt
        return features(some.inputs)

    with pytest.raises(KeyboardInterrupt):
        later().get(network(), wanted, stopped, how="float32")
    again, computed = ask(later(), wanted)
    assert computed == ["e"] and (again == features(wanted.inputs)).all()


def _other_process(names: Sequence[str]) -> list[str]:
    frozen.LEAST_SECONDS = frozen.LEAST_GAIN = 0.0
    found, computed = ask(later(), rows(*names))
    assert (found == features(names)).all()
    return computed


@pytest.mark.slow
def test_processes_share_one_shelf() -> None:
    names = [f"row {n}" for n in range(40)]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.map(_other_process, [names[:25], names[15:]])
    found, computed = ask(later(), rows(*names))
    assert computed == [] and (found == features(names)).all()


def test_processes_of_one_run_read_a_row_only_where_all_of_them_can() -> None:
    """All compute the same rows, or they would wait for one another for ever; one of them writes."""
    wanted = rows("a", "bb", "ccc", "dddd")
    ask(later(), rows("a", "bb"))

    def agree(here: list[bool]) -> list[bool]:
        assert here == [True, True, False, True]
        return [True, False, False, False]  # another process lacks the second, and the last, which this one computed

    reader = KnownFeatures(Cache(GB, print), writes=False)
    ask(reader, rows("dddd"))
    found, computed = ask(reader, wanted, agree=agree)
    assert computed == ["bb", "ccc", "dddd"] and (found == features(wanted.inputs)).all()
    assert shelves()[0].rows == 2, "only the writer writes"
