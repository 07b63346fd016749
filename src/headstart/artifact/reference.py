"""Features of rows that a model has not learnt, kept with it: new rows that look unlike them are told.

Rows that a network has learnt look unlike new ones of the same kind to it, so that they are no reference.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from headstart.core.interface import call
from headstart.core.seeding import numpy_generator
from headstart.core.types import Task
from headstart.data.rows import Rows
from headstart.engine.predict import predict
from headstart.features.frozen import FeatureTransform
from headstart.models.model import Model, reads_more

FILE = "reference.safetensors"
MOST = 300  # rows that are kept, and new ones that are compared with them


def write(folder: Path, features: np.ndarray | None) -> None:
    """Write features [N, D] in 16 bits; not those that are beyond them."""
    if features is not None and np.isfinite(half := _rounded(features)).all():
        save_file({"features": half}, folder / FILE)


def read(folder: Path) -> np.ndarray | None:
    """Read what `write` wrote; None where it wrote nothing."""
    return load_file(folder / FILE)["features"] if (folder / FILE).is_file() else None


class Compared:
    """A sample of new rows beside the reference; it is drawn over all of the rows, which come in parts.

    Args:
        model: Gives the features.
        task: What it predicts.
        reference: Features in 16 bits, [N, D].
        count: How many new rows there are.
        seed: Decides which of them are compared.
    """

    def __init__(self, model: Model, task: Task, reference: np.ndarray, count: int, seed: int) -> None:
        self.model, self.task, self.reference, self.seed = model, task, reference, seed
        self._drawn = numpy_generator(seed, "compared").permutation(count)[:MOST]
        self._features = np.empty((len(self._drawn), reference.shape[1]), np.float16)
        self._start = 0

    def add(self, features: np.ndarray) -> None:
        """Take in the features [B, D] of the next rows."""
        places = self._drawn - self._start
        own = np.flatnonzero((places >= 0) & (places < len(features)))
        self._features[own] = _rounded(features[places[own]])
        self._start += len(features)

    def sample(self, rows: Rows, features: Callable[[Rows], np.ndarray]) -> None:
        """Take in what is compared of all rows at once; features are computed of these alone."""
        self._features = _rounded(features(rows.take(self._drawn)))

    def told(self) -> str:
        """Tell whether the rows look unlike the reference, once all are taken in; "" where they do not.

        As many rows of each predicted class are compared: other shares of the classes are no matter of looks.
        """
        from headstart.solvers.two_samples import matched, unlike  # with SciPy, which predicting needs for nothing else

        both = np.concatenate([self.reference, self._features]).astype(np.float32)
        rows, other = np.split(both, [len(self.reference)])
        own, others = matched(*np.split(self._strata(both), [len(rows)]))
        found = unlike(rows[own], other[others], seed=self.seed)
        if found is None:
            return ""
        return (
            f"these rows look unlike those that the model was tested on: {found}. Its figures may not hold for them. "
            f"{call('adapt', 'DATA', target='ROWS')} learns from such rows, too, without labels of theirs"
        )

    def _strata(self, features: np.ndarray) -> np.ndarray:
        """Find the predicted class of each row; all are alike where the first target has none, or one a place."""
        if reads_more(self.model):
            return np.zeros(len(features))
        outputs = predict(self.model, Rows([""] * len(features), features), FeatureTransform())
        for name, target in self.task.predicted.items():
            labels = target.decide(outputs[name])
            strata = None if labels is None else target.strata(labels)
            if strata is not None:
                return strata
        return np.zeros(len(features))


def _rounded(features: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return features.astype(np.float16)
