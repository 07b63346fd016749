"""Claim: rows without labels that are of other classes are told, and left out of training where that is asked for."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import toys
from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.core.recipe import Stage
from headstart.core.seeding import torch_seeded
from headstart.data.rows import Dataset, Rows
from headstart.inputs.vector import Vector
from headstart.objectives._domains import TwoDomains
from headstart.objectives._unlabelled import Unlabelled

NAMES = {
    kind: [name for name in plugins.names("objectives") if issubclass(plugins.load("objectives", name), kind)]
    for kind in (Unlabelled, TwoDomains)
}
STAGE = Stage(steps=3, batch_size=8, lr=1e-2, augment="plain")


class Wide(toys.Tiny):
    """Gives the vectors themselves."""

    def forward(self, x: Any) -> Any:
        return {"pooled": super().forward(x)["pooled"] * 0 + x[:, :5]}


def data_of(strange: int, labelled: int = 60) -> Dataset:
    """Make three classes along three axes, and among 120 rows without labels so many of a fourth."""
    random = np.random.default_rng(0)

    def rows(name: str, axes: np.ndarray) -> Rows:
        inputs = (random.normal(size=(len(axes), 6)) * 0.5 + 4 * np.eye(6)[axes]).astype(np.float32)
        return Rows([f"{name} {row}" for row in range(len(axes))], inputs, {"target": axes})

    known, bare = rows("known", np.arange(labelled) % 3), rows("bare", np.arange(120) % 3)
    other = rows("strange", np.full(strange, 3)).unlabelled() if strange else None
    bare = bare.unlabelled()
    if other is not None:
        bare = Rows([*bare.ids, *other.ids], np.concatenate([bare.inputs, other.inputs]))
    return Dataset(toys.task_for(Vector(6)), {"train": known}, {"train": known, "unlabelled": bare}, fingerprint="open")


def domains(few: int = 60) -> Dataset:
    """Make the same rows without labels a target domain, all of it far from the source, with so many labelled rows."""
    data = data_of(60)
    away = 8 * np.eye(6)[4].astype(np.float32)
    target = dataclasses.replace(data.pools["unlabelled"], inputs=data.pools["unlabelled"].inputs + away)
    pools = {"train": data.pools["train"], "source": data.pools["train"], "target": target}
    if few:
        labelled = data_of(0, few).pools["train"]
        pools["target_labelled"] = dataclasses.replace(labelled, inputs=labelled.inputs + away)
    return dataclasses.replace(data, pools=pools)


def trained(
    folder: Path, data: Dataset, name: str = "fixmatch", stream: str = "unlabelled", **options: Any
) -> tuple[set[str], list[str], Any]:
    """Train; give the names of the rows without labels that were seen, the notes and the model."""
    kind: Any = plugins.load("objectives", name)
    seen: set[str] = set()
    told: list[str] = []

    @dataclasses.dataclass(frozen=True)
    class Watched(kind):
        def losses(self, model: Any, extra: Any, batches: Any, progress: float) -> Any:
            seen.update(batches[stream].ids)
            return super().losses(model, extra, batches, progress)

    Watched.__module__ = kind.__module__
    with torch_seeded("open"):
        model = toys.make_model(Wide(), data)
    objective = Watched(**options)
    stage = dataclasses.replace(STAGE, steps=12)
    toys.train(folder, model, data, "full", objective, stage=stage, listen=lambda event: told.append(event.message))
    return seen, [message for message in told if "like none of the classes" in message], toys.snapshot(model)


def test_rows_of_another_class_are_told_and_stay_unless_the_user_says_so(tmp_path: Path) -> None:
    seen, (told,), _ = trained(tmp_path / "tell", data_of(60))
    assert any(name.startswith("strange") for name in seen) and "of 180 rows without labels look" in told
    assert "strange" in told and "open_set=yes" in told
    seen, (told,), _ = trained(tmp_path / "yes", data_of(60), open_set="yes")
    assert not any(name.startswith("strange") for name in seen) and len(seen) > 90 and told.endswith("are left out")
    _, found, left = trained(tmp_path / "no", data_of(60), open_set="no")
    assert found == [] and all(
        (left[name] == each).all() for name, each in trained(tmp_path / "t", data_of(60))[2].items()
    )


def test_where_there_are_none_nothing_is_said(tmp_path: Path) -> None:
    assert trained(tmp_path, data_of(0))[1] == []


@pytest.mark.parametrize(("name", "stream"), [("fixmatch", "unlabelled"), ("mcc", "target")])
def test_rows_of_a_target_domain_are_compared_with_its_labelled_ones(tmp_path: Path, name: str, stream: str) -> None:
    pool: dict[str, Any] = {"pool": "target"} if name == "fixmatch" else {}
    seen, (told,), _ = trained(tmp_path / "tell", domains(), name, stream, **pool)
    assert any(row.startswith("strange") for row in seen) and f"{name} open_set=yes" in told
    assert 50 < int(told.partition(" ")[0]) < 75 and "of 180 rows without labels look" in told
    seen, (told,), _ = trained(tmp_path / "yes", domains(), name, stream, open_set="yes", **pool)
    assert not any(row.startswith("strange") for row in seen) and len(seen) > 60 and told.endswith("are left out")
    _, found, left = trained(tmp_path / "no", domains(), name, stream, open_set="no", **pool)
    assert found == [] and set(left) == set(trained(tmp_path / "none", domains(0), name, stream, **pool)[2])
    assert trained(tmp_path / "alone", domains(0), name, stream, **pool)[1] == [], "the source's rows tell nothing"
    with pytest.raises(UsageError, match=r"^open_set=yes compares rows of the target domain .*target_labels"):
        trained(tmp_path / "refused", domains(0), name, stream, open_set="yes", **pool)


@pytest.mark.parametrize("name", [*NAMES[Unlabelled], *NAMES[TwoDomains]])
def test_every_objective_leaves_out_those_of_a_target_domain(name: str) -> None:
    pools = domains().pools
    options: dict[str, Any] = {"open_set": "yes"} | ({"pool": "target"} if name in NAMES[Unlabelled] else {})
    objective: Any = plugins.build("objectives", name, options)
    rows = {stream.name: pools[stream.pool] for stream in objective.streams_in(pools)}
    staying, _ = objective.choose_rows(toys.make_model(Wide(), domains()), rows, lambda some: np.asarray(some.inputs))
    ((stream, places),) = staying.items()
    assert stream == objective.streams[1].name and places.max() < 120 and len(places) > 80


def test_a_class_without_labelled_rows_of_the_target_is_not_taken_for_a_strange_one() -> None:
    pools, objective = domains().pools, plugins.build("objectives", "mcc", {"open_set": "yes"})
    few = pools["target_labelled"].take(range(30))
    few = few.take(np.flatnonzero(np.asarray(few.y)))
    rows = {"source": pools["source"], "target": pools["target"], "target_labelled": few}
    model = toys.make_model(Wide(), domains())
    staying, told = objective.choose_rows(model, rows, lambda some: np.asarray(some.inputs))
    assert len(few) == 20 and staying == {} and told.endswith("and labelled rows of each class")


@pytest.mark.parametrize("name", NAMES[Unlabelled])
def test_every_objective_of_rows_without_labels_leaves_them_out(name: str) -> None:
    data = data_of(60)
    rows = {"train": data.pools["train"], "unlabelled": data.pools["unlabelled"]}
    objective: Any = plugins.build("objectives", name, {"open_set": "yes"})
    staying, _ = objective.choose_rows(toys.make_model(Wide(), data), rows, lambda some: np.asarray(some.inputs))
    assert set(staying) == {"unlabelled"} and staying["unlabelled"].max() < 120 and len(staying["unlabelled"]) > 100


def test_what_cannot_be_told_by_few_rows_is_said_and_all_strange_rows_are_refused() -> None:
    data, objective = data_of(60, labelled=9), plugins.build("objectives", "fixmatch", {"open_set": "yes"})
    model, rows = toys.make_model(Wide(), data), {name: data.pools[name] for name in ("train", "unlabelled")}
    staying, told = objective.choose_rows(model, rows, lambda some: np.asarray(some.inputs))
    assert staying == {} and told.startswith("rows of other classes are not looked for")
    more = data_of(60).pools["train"]
    away = Rows(
        [str(row) for row in range(40)], np.repeat(np.array([[0.0, 0, 0, 4, 0, 0], [0, 0, 0, -4, 0, 0]]), 20, axis=0)
    )
    with pytest.raises(UsageError, match="nothing is left to learn from"):
        objective.choose_rows(model, {"train": more, "unlabelled": away}, lambda some: np.asarray(some.inputs))
