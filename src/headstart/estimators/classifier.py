"""`HeadstartClassifier`: one class an example, or any number of them, for scikit-learn."""

from __future__ import annotations

from typing import Any, Self, cast

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags, assert_all_finite
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_array, check_is_fitted, column_or_1d

from headstart.core.types import TARGET, Task
from headstart.estimators.base import HeadstartEstimator
from headstart.estimators.labels import as_classes, places_of
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

    def fit(self, X: Any, y: Any, validation_data: Any = None) -> Self:
        """Train.

        Args:
            X: N examples: an array or a frame of numbers [N, D]; paths, PIL images or arrays [N, H, W, C] of images;
                texts; pairs of texts, as tuples or a frame with two columns.
            y: Classes [N], or one-hot rows [N, C]; for several labels an example an array of 0 and 1 [N, C], which is
                a frame where each example happens to have one.
            validation_data: Examples and labels that choose the best step, a pair (X, y); they are not learnt.

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
        y = as_classes(y, warn=True)
        check_classification_targets(y)
        form = type_of_target(y)
        self._flags = form.endswith("-indicator")  # 0 and 1, [N, C]
        target, labels, self.classes_ = target_of_array(y if self._flags else column_or_1d(y, warn=True), form)
        if len(self.classes_) < 2:
            raise ValueError(f"y holds only 1 class, {self.classes_[0]!r}; a classifier needs two or more.")
        task = Task(modality, inputs, {TARGET: target})
        self._train(examples, task, labels, self._held_out(validation_data, task, self._encode))
        return self

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Measure the accuracy.

        Args:
            X: As in `fit`.
            y: As in `fit`.
            sample_weight: How much each example counts; None lets all count alike.

        Returns:
            The share of examples that are right.
        """
        check_is_fitted(self)
        return super().score(X, y if self._flags else as_classes(y), sample_weight)

    def _encode(self, y: Any) -> np.ndarray:
        """Encode labels of other examples as those of `fit` were."""
        if not self._flags:
            return places_of(y, self.classes_)
        return check_array(y, dtype=cast(Any, np.float32), input_name="y")

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
