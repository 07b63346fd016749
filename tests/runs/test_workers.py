"""Claim: `--workers` opens the rows of every split, the test split too, and a lost one is told of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import headstart as hs
from headstart.artifact import predictor
from headstart.cli.main import main
from headstart.data import streams
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


def test_a_saved_model_is_asked_with_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`predict` and `evaluate`: pictures are opened in processes, and the answers are those of none."""
    for place in range(24):
        folder = tmp_path / "pictures" / ("light" if place % 2 else "dark")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("L", (12, 12), 9 * place % 100 + 150 * (place % 2)).save(folder / f"{place}.png")
    run = tmp_path / "run"
    hs.fit(
        tmp_path / "pictures",
        source="digits:cnn",
        out=run,
        settings={"data.test": 0.25},
        strategy="linear_probe",
        progress=False,
    )
    used: list[int] = []
    load = streams.load

    def counted(make: Any, samples: Any, workers: int, **options: Any) -> Any:
        used.append(workers)
        return load(make, samples, workers, **options)

    monkeypatch.setattr(streams, "load", counted)
    tables = []
    for workers in ("0", "2"):
        out = tmp_path / f"{workers}.csv"
        rest = ["--workers", workers]
        for command in (["predict", run, tmp_path / "pictures", "--out", out, *rest], ["evaluate", run, *rest]):
            with pytest.raises(SystemExit) as ended:
                main(list(map(str, command)))
            assert not ended.value.code and used and set(used) == {int(workers)}
            used.clear()
        tables.append(out.read_text())
    assert tables[0] == tables[1] and tables[0].count("\n") == 25
