"""Evaluate a saved model on labelled rows, and write the results."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from headstart.artifact.predictor import Predictor
from headstart.core import storage
from headstart.core.types import Task
from headstart.data.rows import Dataset, Rows
from headstart.evaluation.metrics import Evaluation, evaluate
from headstart.evaluation.tables import predictions_frame

Results = dict[str, tuple[Rows, np.ndarray]]


def evaluate_splits(predictor: Predictor, dataset: Dataset, *, seed: int, results: Results) -> dict[str, Evaluation]:
    """Evaluate on the validation and test rows that there are.

    Args:
        predictor: The model.
        dataset: Its class list is the model's.
        seed: Of the bootstrap.
        results: Takes the rows and predictions of each split.

    Returns:
        An evaluation a split.
    """
    evaluations = {}
    for split in ("validation", "test"):
        rows = dataset.splits.get(split)
        if rows is None or rows.targets is None:
            continue
        predictions = predictor.outputs(rows)
        results[split] = (rows, predictions)
        evaluations[split] = evaluate(dataset.task, rows.targets, predictions, seed=seed)
    return evaluations


def write_results(folder: Path, task: Task, metrics: Mapping[str, Evaluation], results: Results) -> None:
    """Write metrics.json and predictions.parquet."""
    import pandas as pd

    plain: dict[str, Any] = {split: evaluation.to_plain() for split, evaluation in metrics.items()}
    storage.write_text(folder / "metrics.json", json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False))
    frames = [
        predictions_frame(task, list(rows.ids), rows.targets, predictions).assign(split=split)
        for split, (rows, predictions) in results.items()
    ]
    if frames:
        with storage.new_file(folder / "predictions.parquet") as path:
            pd.concat(frames).to_parquet(path)
