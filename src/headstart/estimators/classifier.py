"""`HeadstartClassifier`: one class an example, or any number of them, for scikit-learn."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags, assert_all_finite
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from headstart.core.types import TARGET, Task
from headstart.estimators.base import HeadstartEstimator
from headstart.targets._arrays import target_of_array


class HeadstartClassifier(ClassifierMixin, HeadstartEstimator):
    """Classify images, texts, pairs of texts or vectors with a pretrained network.

    Attributes:
        classes_: The class labels, sorted; for several labels an example the numbers of the columns of y.
        fitted_: The model.
        n_features_in_: Columns of X, where it has columns.
        feature_names_in_: Their names, where X was a frame.
    """

    classes_: np.ndarray

    def fit(self, X: Any, y: Any) -> Self:
        """Train.

        Args:
            X: N examples: an array or a frame of numbers [N, D]; paths, PIL images or arrays [N, H, W, C] of images;
                texts; pairs of texts, as tuples or a frame with two columns.
            y: Classes [N], or for several labels an example an array of 0 and 1 [N, C].

        Returns:
            The estimator.

        Raises:
            ValueError: X or y is not what scikit-learn takes, or y has one class only.
            UsageError: An option is wrong, or images or texts come without a source.
            DataError: Images or texts cannot be used; all are listed.
            SourceError: The source cannot be loaded.
            TrainingError: A loss is not finite.
        """
        modality, inputs, examples = self._read_training(X, y)
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        form = type_of_target(y)
        flags = form.endswith("-indicator")  # 0 and 1, [N, C]
        target, labels, self.classes_ = target_of_array(y if flags else column_or_1d(y, warn=True), form)
        if len(self.classes_) < 2:
            raise ValueError(f"y holds only 1 class, {self.classes_[0]!r}; a classifier needs two or more.")
        self._train(examples, Task(modality, inputs, {TARGET: target}), labels)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:  # [N, C]
        """Predict the probability of each class.

        Args:
            X: As in `fit`.

        Returns:
            Probabilities [N, C] float32, in the order of `classes_`.

        Raises:
            DataError: Some examples cannot be read; all are listed.
        """
        rows = self._rows_to_predict(X)
        return self.fitted_.predictor.outputs(rows)[TARGET]

    def predict(self, X: Any) -> np.ndarray:
        """Predict classes.

        Args:
            X: As in `fit`.

        Returns:
            Classes [N] as in y, or for several labels an example 0 and 1 [N, C].

        Raises:
            DataError: Some examples cannot be read; all are listed.
        """
        probabilities = self.predict_proba(X)
        target: Any = self.fitted_.predictor.task.target
        return target.to_array(probabilities, self.classes_)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        assert tags.classifier_tags is not None
        tags.classifier_tags.multi_label = True
        return tags
