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
from headstart.core.errors import DiskError, StorageError, UsageError
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


@pytest.mark.slow
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


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs of a table that is named by a relative path."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = [f"{a},{b},{'b' if a + b > 0 else 'a'}" for a, b in rng.normal(size=(80, 2))]
    (tmp_path / "a.csv").write_text("\n".join(["a,b,label", *rows]))
    source = hs.fit("a.csv", source="vector:mlp", out="source", settings={"stages.0.steps": 5}, progress=False)
    for place, rate in enumerate((1e-3, 1e-2)):
        settings = {"stages.0.steps": 5, "stages.0.lr": rate, "refit": "no"}
        hs.fit("a.csv", source=f"run:{source.folder}", out=str(place), settings=settings, progress=False)
    return tmp_path


@pytest.mark.slow
def test_runs_are_averaged_from_any_folder(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (files / "other").mkdir()
    monkeypatch.chdir(files / "other")
    assert soup(["../0", "../1"], out="soup", kind="uniform").evaluations["test"].rows
    (files / "moved").mkdir()
    (files / "a.csv").rename(files / "moved/a.csv")
    with pytest.raises(UsageError, match=r"no longer at .*a\.csv. Name where it is now: hs.soup\(RUNS, data='DATA'"):
        soup(["../0", "../1"], out="again", kind="uniform")
    assert not (files / "other/again").exists()
    assert soup(["../0", "../1"], "../moved/a.csv", out="again", kind="uniform").folder.is_dir()


def test_a_soup_that_the_disk_refuses_leaves_nothing_behind(
    runs: list[hs.Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DiskError("the disk is full")

    monkeypatch.setattr("headstart.runs.soup.write_results", refuse)
    with pytest.raises(DiskError):
        cook(runs, tmp_path, "uniform")
    assert not (tmp_path / "uniform").exists()
    monkeypatch.undo()
    assert cook(runs, tmp_path, "uniform").folder.is_dir()
