"""A table whose rows have labels of one target or the other: fitted, measured, compared, evaluated again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import headstart as hs
from headstart.artifact.load import load
from headstart.core.errors import DataError
from headstart.runs.report import read_facts

TARGETS = {"data.targets.mood.labels": "mood", "data.targets.size.labels": "size"}


def table(rows: int = 240) -> pd.DataFrame:
    """Make rows of which 2 in 5 lack one of both labels, and one in ten both."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(rows, 4)), columns=list("abcd"))
    mood = np.where(frame["a"] + 0.3 * frame["b"] > 0.2, "glad", "sad").astype(object)
    size = (10 * frame["c"] + 50).astype(object)
    lot = np.arange(rows) % 10
    mood[np.isin(lot, (1, 4, 9))], size[np.isin(lot, (2, 7, 9))] = None, None
    return frame.assign(mood=mood, size=size)


def fitted(folder: Path, data: pd.DataFrame, **more: Any) -> Any:
    settings = {**TARGETS, "stages.0.steps": 30}
    plan: dict[str, Any] = {
        "source": "vector:mlp",
        "blank_labels": "unlabelled",
        "validation": 0.3,
        "settings": settings,
    }
    return hs.fit(data, out=folder, **{**plan, **more})


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["supervised", "tasks"])
def test_each_target_is_measured_by_the_rows_that_have_its_label(tmp_path: Path, objective: str) -> None:
    data = table()
    run = fitted(tmp_path / "run", data, objective=objective)
    frame = pd.read_parquet(tmp_path / "run" / "predictions.parquet")
    facts = read_facts(tmp_path / "run")
    for split in ("validation", "test"):
        own = frame[frame["split"] == split]
        for name in ("mood", "size"):
            there = np.asarray(pd.notna(own[f"{name}.label"]))
            assert there.any() and not there.all()
            assert facts.metrics[f"{split}:{name}"]["rows"] == there.sum()
    other = fitted(tmp_path / "other", data, objective=objective, strategy="linear_probe", seed=0)
    compared = hs.compare([run.folder, other.folder])
    assert set(compared.targets) == {"mood", "size"}
    with pytest.raises(DataError, match="labels are missing"):  # 24 rows have none at all
        hs.evaluate(run.folder, data)
    again = hs.evaluate(run.folder, data.dropna(subset=["mood", "size"], how="all"))
    assert again.evaluations["test:mood"].rows == 168 and again.evaluations["test:size"].rows == 168
    assert set(load(run.folder).predict(data.drop(columns=["mood", "size"]))) == {"mood", "size"}
