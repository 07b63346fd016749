"""Claim: `--workers` opens the rows of every split, the test split too, and a lost one is told of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headstart as hs
from headstart.artifact import predictor
from headstart.data.loading import LostWorker


def test_the_test_split_is_read_by_the_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    y = {"train": np.arange(30) % 2, "test": np.arange(12) % 2}
    data = {split: (rng.normal(size=(len(of), 4)).astype(np.float32), of) for split, of in y.items()}
    asked: list[int] = []
    predict = predictor.predict

    def counted(*arguments: Any, workers: int = 0, **options: Any) -> Any:
        asked.append(workers)
        if workers == 2:
            raise LostWorker("process 1 ended by SIGKILL.")
        return predict(*arguments, workers=workers, **options)

    monkeypatch.setattr(predictor, "predict", counted)
    run = hs.fit(data, source="vector:mlp", out=tmp_path / "run", settings={"stages.0.steps": 2, "workers": 2})
    assert asked == [2, 1] and run.evaluations["test"].rows == 12
