"""Two finished runs on the same real rows, and how to make more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer

import headstart as hs

FitRows = Callable[..., hs.Run]


@pytest.fixture(scope="session")
def cancer(tmp_path_factory) -> Path:
    """Write scikit-learn's breast cancer data as a table of named classes."""
    frame: pd.DataFrame = load_breast_cancer(as_frame=True).frame  # pyright: ignore[reportAttributeAccessIssue]
    frame = (frame - frame.mean()) / frame.std()
    frame["target"] = ["benign" if value > 0 else "malignant" for value in frame["target"]]
    path = tmp_path_factory.mktemp("data") / "cancer.csv"
    frame.iloc[::2].to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def fit_rows(cancer, tmp_path_factory) -> FitRows:
    """Fit a small network for a few steps."""

    def run(strategy: str = "full", *, seed: int = 0, steps: int = 12, out: Path | None = None, **extra: Any) -> hs.Run:
        settings = {"stages.0.steps": steps, "stages.0.lr": 3e-3, "stages.0.evaluate": 6, "data.validation": 0.3}
        folder = out or tmp_path_factory.mktemp("runs") / strategy
        given = {**settings, **extra.pop("settings", {})}
        return hs.fit(cancer, source="vector:mlp", strategy=strategy, seed=seed, settings=given, out=folder, **extra)

    return run


@pytest.fixture(scope="session")
def two_runs(fit_rows) -> tuple[hs.Run, hs.Run]:
    """Fit by two strategies on the same splits."""
    return fit_rows("linear_probe"), fit_rows("full")
