"""How far two domains are from each other, before and after: the rows that tell it, values by hand, the report."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headstart as hs
import toys
from headstart.data.rows import Dataset, Rows
from headstart.inputs.vector import Vector
from headstart.objectives._kernels import WIDTHS
from headstart.runs.domains import MOST, how_far, two_sides, unbiased_mmd
from headstart.runs.embedding import as_map, drawn_rows


def test_mmd_is_that_of_the_equation() -> None:
    """Rows at 0, 0 and at 1, 1: of six distances four are 1, which is the median; k is the mean of exp(-1 / w)."""
    k = np.mean([np.exp(-1 / width) for width in WIDTHS])
    assert unbiased_mmd(np.zeros((2, 1)), np.ones((2, 1))) == pytest.approx(2 - 2 * k)


def test_mmd_of_one_distribution_is_zero_on_average() -> None:
    random = np.random.default_rng(0)
    found = [unbiased_mmd(*random.normal(size=(2, 20, 3))) for _ in range(200)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(200) < 0.01


def domains(source: int, target: int, *, test: bool = True) -> Dataset:
    """Make rows 0, 1, … of two classes in turn; those of the target are negative."""

    def part(name: str, rows: int, sign: int, *, labelled: bool = True) -> Rows:
        numbers = sign * np.arange(1, rows + 1, dtype=np.float32)[:, None]
        labels = {"target": np.arange(rows) % 2} if labelled else {}
        return Rows([f"{name} {row}" for row in range(rows)], numbers, labels)

    task = toys.task_for(Vector(1), classes=2)
    train = part("train", source, 1)
    splits = {"train": train} | ({"test": part("test", target, -1)} if test else {})
    return Dataset(task, splits, {"train": train, "source": train, "target": part("own", target, -1, labelled=False)})


def test_as_many_rows_of_either_domain_tell_it() -> None:
    sides = two_sides(domains(2 * MOST, 50), seed=0)
    assert sides is not None and [len(side) for side in sides] == [50, 50]
    assert (sides[0].inputs > 0).all() and (sides[1].inputs < 0).all() and np.ptp(sides[0].inputs) > 100
    far = how_far(sides, lambda rows: np.sign(rows.inputs), seed=0)
    k = np.mean([np.exp(-1 / width) for width in WIDTHS])
    assert far is not None and far["a_distance"] == 2 and far["mmd"] == pytest.approx(2 - 2 * k)
    near = how_far(sides, lambda rows: abs(rows.inputs) % 2, seed=0)
    assert near is not None and near["a_distance"] < 0.5 and abs(near["mmd"]) < 0.05
    assert how_far(sides, lambda rows: np.full((len(rows), 2), np.nan), seed=0) is None
    assert two_sides(domains(50, 19), seed=0) is None
    most = two_sides(domains(2 * MOST, MOST + 1), seed=0)
    assert most is not None and [len(side) for side in most] == [MOST, MOST]
    data = domains(50, 50)
    assert two_sides(dataclasses.replace(data, pools={"train": data.pools["train"]}), seed=0) is None


@pytest.mark.parametrize("test", [True, False])
def test_the_map_has_rows_of_both_domains(test: bool) -> None:
    drawn = drawn_rows(domains(30, 20, test=test), seed=0)
    seen = as_map(drawn, drawn.rows.inputs, None)
    assert (seen["split"], seen["rows"], seen.get("of_target")) == ("test" if test else "target", 50, 20)
    assert (drawn.rows.inputs[:20] < 0).all() and (drawn.rows.inputs[20:] > 0).all()
    assert seen["groups"][20:] == [float(row % 2) for row in range(30)]
    assert seen["groups"][:20] == ([float(row % 2) for row in range(20)] if test else [None] * 20)


def test_the_source_is_drawn_with_the_classes_of_the_target() -> None:
    data = domains(30, 20)
    only = data.splits["test"].take(np.arange(0, 20, 2))
    drawn = drawn_rows(dataclasses.replace(data, splits={**data.splits, "test": only}), seed=0)
    assert len(drawn.rows) == 10 + 15 and set(drawn.groups) == {0}


@pytest.mark.slow
def test_a_run_with_two_domains_reports_them_before_and_after(tmp_path: Path) -> None:
    """One column tells the class, another one the domain: a network that learns to align them is no longer told."""
    random = np.random.default_rng(0)
    label = np.arange(240) % 2
    table: dict[str, Any] = {"a": label + 0.3 * random.normal(size=240), "b": random.normal(size=240)}
    table |= {"domain": np.repeat(["near", "far"], 120), "label": np.array(["no", "yes"])[label]}
    table["c"] = 1.0 * (table["domain"] == "far") + 0.1 * random.normal(size=240)
    plan = {"data.source_domain": "near", "data.target_domain": "far", "stages.0.lr": 0.01}
    kept = tmp_path / "run"
    hs.fit(table, source="vector:mlp", strategy="full", objective="coral weight=10", steps=150, settings=plan, out=kept)
    seen = json.loads((kept / "report.json").read_text())
    assert seen["apart"]["before"]["a_distance"] > 1.5 and seen["apart"]["rows"] == 60
    assert seen["apart"]["after"]["mmd"] < seen["apart"]["before"]["mmd"]
    page = (kept / "report.html").read_text()
    assert "How far apart the domains are" in page and "by domain" in page
