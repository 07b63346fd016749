"""Canary: with the target's labels replaced by noise, or taken away, training and choice are bit-identical."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import toys
from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.recipe import DataPlan, Stage
from headstart.data.read import read
from headstart.data.rows import Dataset

CRITERIA = [
    name
    for name in plugins.names("criteria")
    if name != "last" and "classes" in (getattr(plugins.load("criteria", name), "forms", ()) or ("classes",))
]
PLAN = DataPlan(source_domain=("here",), target_domain=("there",), modality="vector", labels=("y",))


def write(folder: Path, how: str, splits: dict[str, int]) -> Path:
    """Write two domains, the target's labels but for the test rows as they are ("true"), as noise, or blank."""
    random, noise = np.random.default_rng(0), np.random.default_rng(1)
    names = [*(f"x{i}" for i in range(6)), "y", "domain"]
    folder.mkdir()
    for split, count in splits.items():
        with (folder / f"{split}.csv").open("w", newline="") as file:
            lines = csv.writer(file)
            lines.writerow(names)
            for domain, shift in (("here", 0.0), ("there", 0.7)):
                for row in range(count):
                    numbers, label = random.normal(shift, 1, 6) + 2 * np.eye(6)[row % 3], "abc"[row % 3]
                    if domain == "there" and split != "test" and how != "true":
                        label = "abc"[noise.integers(3)] if how == "noise" else ""
                    lines.writerow([*(f"{number:.5f}" for number in numbers), label, domain])
    return folder


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Dataset]:
    folder = tmp_path_factory.mktemp("domains")
    return {
        how: read(write(folder / how, how, {"train": 60, "validation": 30, "test": 12}), PLAN)
        for how in ("true", "noise", "blank")
    }


def trained(folder: Path, data: Dataset, objective: str, criterion: str) -> tuple[dict[str, torch.Tensor], Any]:
    stage = Stage(
        steps=8,
        batch_size=8,
        lr=3e-2,
        evaluate=2,
        patience=1,
        augment="plain",
        criterion=Choice(criterion, {"least": 1}),
    )
    model = toys.make_model(toys.tiny(), data)
    outcome = toys.train(folder, model, data, "full", objective, stage=stage, validate=True)
    return toys.snapshot(model), (outcome.kept, outcome.levelled, outcome.best)


def same(one: Any, other: Any) -> bool:
    return one[1] == other[1] and all(torch.equal(tensor, other[0][name]) for name, tensor in one[0].items())


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["dann", "mcd"])
@pytest.mark.parametrize("criterion", CRITERIA)
def test_the_targets_labels_have_no_part_in_training_and_choice(
    tmp_path: Path, datasets: dict[str, Dataset], objective: str, criterion: str
) -> None:
    weights = {how: trained(tmp_path / how, data, objective, criterion) for how, data in datasets.items()}
    assert weights["true"][1][2] is not None, "something was chosen by"
    assert same(weights["true"], weights["noise"]) and same(weights["true"], weights["blank"])


def test_the_canary_sings(tmp_path: Path, datasets: dict[str, Dataset]) -> None:
    """Other labels of the source, or another row of the target, do change the weights."""
    data = datasets["true"]
    turned = {**data.pools, "source": data.pools["source"].take(range(len(data.pools["source"]) - 1, -1, -1))}
    fewer = {**data.pools, "target": data.pools["target"].take(range(len(data.pools["target"]) - 1))}
    whole = trained(tmp_path / "whole", data, "dann", "entropy")
    for name, pools in (("turned", turned), ("fewer", fewer)):
        other = Dataset(data.task, data.splits, pools)
        assert not same(whole, trained(tmp_path / name, other, "dann", "entropy"))


def test_which_rows_of_the_target_are_its_test_rows_does_not_hang_on_labels(tmp_path: Path) -> None:
    read_as = {how: read(write(tmp_path / how, how, {"rows": 400}) / "rows.csv", PLAN) for how in ("true", "noise")}
    one, other = read_as.values()
    assert list(one.splits["test"].ids) == list(other.splits["test"].ids)
    assert list(one.pools["target"].ids) == list(other.pools["target"].ids)
    assert list(one.splits["validation"].ids) == list(other.splits["validation"].ids)
    assert len(one.splits["test"]) == 200 and {row.partition(":")[0] for row in one.splits["test"].ids} == {"rows.csv"}
