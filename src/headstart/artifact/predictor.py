"""A saved model in use: predictions, probabilities and features of new examples."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from headstart.core.recipe import Recipe
from headstart.core.types import TARGET, Task
from headstart.data.read import read_unlabelled
from headstart.data.rows import Rows
from headstart.data.transforms import Transform, make_transform
from headstart.engine.machine import choose_threads, threads
from headstart.engine.predict import embed, predict
from headstart.evaluation.calibrate import Calibration
from headstart.evaluation.thresholds import decide
from headstart.models.model import Model


@dataclass(frozen=True)
class Predictor:
    """A model with its task.

    Every method raises `DataError` where examples cannot be read, and names all of them. `data` below is what
    `headstart.read` takes, without labels: a folder, a table, or a list of paths, images, texts, pairs of texts or
    rows of numbers.
    """

    model: Model
    task: Task
    recipe: Recipe
    precision: str
    fingerprint: str
    calibration: Calibration = field(default_factory=Calibration)

    def predict(self, data: Any) -> list[Any]:
        """Predict for each example a class name, a tuple of class names (multi-label), or a number (or several)."""
        return self.decide(self.outputs(self.rows(data)))

    def predict_proba(self, data: Any) -> np.ndarray:
        """Predict the calibrated probability of each class, [N, C] in the order of `classes`; a regression has none."""
        if not self.task.classes:
            raise ValueError("A regression has no probabilities; use predict.")
        return self.outputs(self.rows(data))

    def embed(self, data: Any) -> np.ndarray:
        """Compute the features that the head sees, [N, D]."""
        return self.features(self.rows(data))

    @property
    def classes(self) -> tuple[str, ...]:
        """The class list; empty for a regression."""
        return self.task.classes

    def rows(self, data: Any) -> Rows:
        """Read examples without labels."""
        return read_unlabelled(data, self.recipe.data, self.task)

    def outputs(self, rows: Rows) -> np.ndarray:
        """Compute calibrated probabilities [N, C] or values [N, T] of rows."""
        return self.calibration.apply(self.task, self.raw_outputs(rows))

    def raw_outputs(self, rows: Rows, *, workers: int = 0) -> np.ndarray:
        """Compute probabilities [N, C] as the network gives them, or values [N, T]."""
        with threads(choose_threads(self.model.backbone.card.params)):
            return predict(self.model, rows, self._transform, workers=workers, precision=self.precision)[TARGET]

    def features(self, rows: Rows) -> np.ndarray:
        """Compute the features [N, D] of rows that the head sees."""
        with threads(choose_threads(self.model.backbone.card.params)):
            return embed(self.model, rows, self._transform, precision=self.precision)

    def decide(self, outputs: np.ndarray) -> list[Any]:
        """Turn calibrated probabilities or values into predictions, by the model's own thresholds where it has some."""
        if self.task.kind == "regression":
            return outputs[:, 0].tolist() if outputs.shape[1] == 1 else outputs.tolist()
        decided = decide(self.task, outputs, self.calibration.thresholds)
        if self.task.kind == "multilabel":
            return [tuple(self.task.classes[place] for place in np.flatnonzero(row)) for row in decided]
        return [self.task.classes[place] for place in decided]

    @cached_property
    def _transform(self) -> Transform:
        return make_transform(self.model.backbone.card.input)
