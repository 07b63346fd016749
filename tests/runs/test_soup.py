"""Claims: a soup is the mean of weights; the greedy one is never worse on validation than its best run.

Strangers are refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import headstart as hs
from headstart.core.errors import StorageError
from headstart.runs.report import write_report
from headstart.runs.soup import Soup, mean, soup

SPLITS = ("train", "validation", "test")


def data() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    y = {split: np.arange(rows) % 3 for split, rows in zip(SPLITS, (60, 30, 30), strict=True)}
    return {s: (rng.normal(size=(len(y[s]), 6)).astype(np.float32) + 1.2 * np.eye(6)[y[s]], y[s]) for s in SPLITS}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[hs.Run]:
    """Three runs from one start: the pretrained network of a first run."""
    folder = tmp_path_factory.mktemp("runs")
    source = hs.fit(data(), source="vector:mlp", out=folder / "source", settings={"stages.0.steps": 20})
    made = []
    for place, (rate, seed) in enumerate([(1e-3, 0), (3e-3, 1), (1e-2, 2)]):
        settings = {"stages.0.steps": 20, "stages.0.lr": rate}
        made.append(
            hs.fit(data(), source=f"run:{source.folder}", out=folder / str(place), seed=seed, settings=settings)
        )
    return made


def cook(runs: list[hs.Run], folder: Path, kind: Any) -> Soup:
    return soup([run.folder for run in runs], data(), out=folder / kind, kind=kind)


def test_a_uniform_soup_is_the_mean_of_all_weights(runs: list[hs.Run], tmp_path: Path) -> None:
    made = cook(runs, tmp_path, "uniform")
    weights = [hs.load(run.folder).model.state_dict() for run in runs]
    found = hs.load(made.folder).model.state_dict()
    for name, tensor in found.items():
        assert torch.allclose(tensor, torch.stack([w[name].float() for w in weights]).mean(0), atol=1e-6), name
    assert all(member.kept for member in made.members)
    assert hs.load(made.folder).predict([[0.0] * 6])


def test_a_soup_is_compared_like_a_run_and_has_no_report(runs: list[hs.Run], tmp_path: Path) -> None:
    made = cook(runs, tmp_path, "uniform")
    compared = hs.compare([runs[0].folder, made.folder])
    assert compared.metrics[str(made.folder)]["accuracy"].value == made.evaluations["test"].metrics["accuracy"].value
    with pytest.raises(StorageError, match="no finished run"):
        write_report(made.folder)


def test_a_greedy_soup_is_never_worse_on_validation_than_its_best_run(runs: list[hs.Run], tmp_path: Path) -> None:
    made = cook(runs, tmp_path, "greedy")
    alone = [member.validation for member in made.members]
    assert all(value is not None for value in alone)
    best = max(value for value in alone if value is not None)
    together = made.evaluations["validation"].metrics["accuracy"].value
    assert together is not None and together >= best - 1e-9
    assert made.members[alone.index(best)].kept


def test_whole_numbers_are_not_averaged() -> None:
    states = [{"count": torch.tensor(2), "w": torch.tensor(1.0)}, {"count": torch.tensor(9), "w": torch.tensor(2.0)}]
    assert mean(states) == {"count": torch.tensor(2), "w": torch.tensor(1.5)}


def test_strangers_are_refused(runs: list[hs.Run], tmp_path: Path) -> None:
    other = hs.fit(data(), source="vector:mlp", out=tmp_path / "other", settings={"stages.0.steps": 2})
    with pytest.raises(hs.UsageError, match="started from vector:mlp"):
        soup([runs[0].folder, other.folder], data(), out=tmp_path / "s")
    with pytest.raises(hs.UsageError, match="at least two"):
        soup([runs[0].folder], data(), out=tmp_path / "s")
    with pytest.raises(hs.UsageError, match="no soup 'gredy'"):
        soup([runs[0].folder, runs[1].folder], data(), out=tmp_path / "s", kind="gredy")  # pyright: ignore[reportArgumentType]


def test_runs_that_were_split_differently_are_refused(tmp_path: Path) -> None:
    """A random split by each run's seed: one run's training rows are the other's validation rows."""
    import pandas as pd

    x, y = data()["train"]
    table = tmp_path / "rows.csv"
    pd.DataFrame(x, columns=list("abcdef")).assign(label=[f"c{c}" for c in y]).to_csv(table, index=False)
    folders = [
        hs.fit(
            str(table), source="vector:mlp", out=tmp_path / str(seed), seed=seed, settings={"stages.0.steps": 2}
        ).folder
        for seed in (0, 1)
    ]
    with pytest.raises(hs.UsageError, match="may have learnt from rows that would judge it"):
        soup(folders, out=tmp_path / "s")
