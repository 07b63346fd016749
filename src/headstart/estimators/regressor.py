"""`HeadstartRegressor`: one number an example, or several, for scikit-learn."""

from __future__ import annotations

from typing import Any, Self, cast

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_array

from headstart.core.types import TARGET, Task
from headstart.estimators.base import HeadstartEstimator
from headstart.targets.regression import Regression


class HeadstartRegressor(RegressorMixin, HeadstartEstimator):
    """Predict numbers from images, texts, pairs of texts or vectors with a pretrained network.

    Attributes:
        fitted_: The model.
        n_features_in_: Columns of X, where it has columns.
        feature_names_in_: Their names, where X was a frame.
    """

    def fit(self, X: Any, y: Any, validation_data: Any = None) -> Self:
        """Train.

        Args:
            X: N examples, as in `HeadstartClassifier.fit`.
            y: Numbers [N] or [N, T], in any unit.
            validation_data: Examples and numbers that choose the best step, a pair (X, y); they are not learnt.

        Returns:
            The estimator.

        Raises:
            ValueError: X or y is not what scikit-learn takes.
            UsageError: An option is wrong, or images or texts come without a source.
            DataError: Images or texts cannot be used; all are listed.
            SourceError: The source cannot be loaded.
            TrainingError: A loss is not finite.
        """
        modality, inputs, examples = self._read_training(X, y)
        targets = _numbers(y)
        self._flat_y = targets.ndim == 1
        target, labels = Regression.from_array(targets, getattr(y, "columns", None))
        task = Task(modality, inputs, {TARGET: target})
        held_out = self._held_out(validation_data, task, lambda numbers: _numbers(numbers).reshape(-1, labels.shape[1]))
        self._train(examples, task, labels, held_out)
        return self

    def predict(self, X: Any) -> np.ndarray:  # [N] or [N, T]
        """Predict numbers.

        Args:
            X: As in `fit`.

        Returns:
            Values in the unit of y and in its shape: [N] or [N, T].

        Raises:
            DataError: Some examples cannot be read; all are listed.
        """
        rows = self._rows_to_predict(X)
        values = self.fitted_.predictor.outputs(rows)[TARGET].astype(np.float64)
        return values[:, 0] if self._flat_y else values

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _numbers(y: Any) -> np.ndarray:
    return np.array(check_array(y, ensure_2d=False, dtype=cast(Any, np.float32), input_name="y"))
