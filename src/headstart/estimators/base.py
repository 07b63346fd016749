"""What the classifier and the regressor share: options, rows, features, saving."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any, cast

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, TransformerTags, check_random_state
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from headstart.core.errors import UsageError
from headstart.core.recipe import Recipe
from headstart.core.types import TARGET, Task
from headstart.data.rows import Rows
from headstart.estimators.examples import column_names, is_frame, make_examples, modality_of, taken
from headstart.estimators.fitted import Fitted
from headstart.estimators.labels import told
from headstart.estimators.training import train
from headstart.inputs import by_name

NAMES_SOURCE = {"source", "source.name"}  # settings
WITHOUT_SOURCE = {"source": "vector:mlp", "stages.0.strategy": "scratch"}


class HeadstartEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Options of both estimators, and what does not depend on the kind of task.

    Args:
        source: The pretrained model to start from. None is for vectors only: a small perceptron that starts at random.
        strategy: How weights may move; None takes what `fit` would take, without a source `scratch`.
        head: The new part; None takes `linear`.
        surgery: Operations on the network, each written as in `headstart fit --surgery`: ["cut after=layer3"].
        epochs: Passes over the rows; None takes the strategy's default.
        lr: Learning rate; None takes the strategy's default.
        batch_size: Rows in a step; None takes the default.
        validation_fraction: Share of the rows on which the best step is chosen; with 0 all rows train and the last
            step counts.
        random_state: Decides everything random.
        device: "auto", "cpu", "cuda" …
        settings: Any other setting of the recipe by its path, such as {"stages.0.l2": 0.01}.
    """

    fitted_: Fitted
    n_features_in_: int
    feature_names_in_: np.ndarray

    def __init__(
        self,
        source: str | None = None,
        *,
        strategy: str | None = None,
        head: str | None = None,
        surgery: Sequence[str] | None = None,
        epochs: float | None = None,
        lr: float | None = None,
        batch_size: int | None = None,
        validation_fraction: float = 0.0,
        random_state: Any = 0,
        device: str = "auto",
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.source = source
        self.strategy = strategy
        self.head = head
        self.surgery = surgery
        self.epochs = epochs
        self.lr = lr
        self.batch_size = batch_size
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.device = device
        self.settings = settings

    def transform(self, X: Any) -> np.ndarray:  # [N, D]
        """Compute the features that the head sees.

        Args:
            X: As in `fit`.

        Returns:
            Features [N, D] float32; a frame after `set_output(transform="pandas")`.

        Raises:
            DataError: Some examples cannot be read.
        """
        rows = self._rows_to_predict(X)
        return self.fitted_.predictor.features(rows)

    def save(self, folder: str | Path) -> None:
        """Write the model as an artefact, which `headstart.load` reads.

        Args:
            folder: The folder to make.

        Raises:
            StorageError: The folder exists, or the disk refuses.
        """
        check_is_fitted(self)
        self.fitted_.save(Path(folder))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags = TransformerTags(preserves_dtype=["float32"])
        if self.source is not None:
            tags.input_tags.one_d_array = tags.input_tags.string = True
        return tags

    @property
    def _n_features_out(self) -> int:
        return self.fitted_.predictor.model.backbone.dim

    def _read_training(self, X: Any, y: Any) -> tuple[str, tuple[str, ...], Any]:
        """Check the training examples, and give their modality, the names of their columns, and themselves."""
        modality = modality_of(X)
        vectors = by_name(modality).tabular
        if y is None:
            validate_data(self, X, cast(Any, y))  # says that it is needed
        if not vectors and self.source is None and not NAMES_SOURCE & {*(self.settings or {})}:
            raise UsageError(
                f"X holds {modality}s, which need a pretrained model: source='timm:resnet18', 'hf:FOLDER_OR_ID', "
                "'local:FOLDER/NAME' … (headstart list sources). Without a source, X must be rows of numbers."
            )
        checked = self._check(X, vectors, reset=True)
        check_consistent_length(checked, y)
        return modality, tuple(getattr(self, "feature_names_in_", ["x"])) if vectors else column_names(X), checked

    def _train(self, examples: Any, task: Task, labels: np.ndarray, validation: Rows | None) -> None:
        if said := taken(examples, task):
            told(f"X was read as {task.modality}s of {said}.")
        rows = self._rows(examples, task)
        rows = Rows(rows.ids, rows.inputs, {TARGET: labels})
        self.fitted_ = train(rows, validation, task, self._recipe(task.modality))

    def _held_out(self, data: Any, task: Task, encode: Callable[[Any], np.ndarray]) -> Rows | None:
        """Make rows of the examples and labels on which steps are chosen, (X, y); None where there are none."""
        if data is None:
            return None
        if self.validation_fraction:
            raise UsageError("validation_data and validation_fraction exclude each other: give one of them.")
        if not isinstance(data, tuple | list) or len(data) != 2:
            raise UsageError("validation_data is a pair, (X, y); weights of rows are not known here.")
        X, y = data
        checked = self._check(X, by_name(task.modality).tabular, reset=False)
        check_consistent_length(checked, y)
        rows = self._rows(checked, task)
        return Rows([f"validation {row}" for row in rows.ids], rows.inputs, {TARGET: encode(y)})

    def _rows_to_predict(self, X: Any) -> Rows:
        check_is_fitted(self)
        task = self.fitted_.predictor.task
        return self._rows(self._check(X, by_name(task.modality).tabular, reset=False), task)

    def _check(self, X: Any, vectors: bool, *, reset: bool) -> Any:
        """Check examples as scikit-learn does: vectors become an array [N, D] float32, others stay as they are."""
        if vectors:
            return validate_data(self, X, reset=reset, dtype=np.float32, ensure_min_samples=2 if reset else 1)
        if is_frame(X):  # pictures and texts have no columns: what looks like their number is a height
            validate_data(self, X, reset=reset, skip_check_array=True)
        return X

    @staticmethod
    def _rows(examples: Any, task: Task) -> Rows:
        if by_name(task.modality).tabular:
            return Rows([f"row {place}" for place in range(len(examples))], examples)
        return make_examples(examples, task)

    def _recipe(self, modality: str) -> Recipe:
        named = {
            "source": self.source,
            "stages.0.strategy": self.strategy,
            "head": self.head,
            "stages.0.epochs": self.epochs,
            "stages.0.lr": self.lr,
            "stages.0.batch_size": self.batch_size,
            "data.validation": self.validation_fraction,
            "device": self.device,
            "seed": _seed(self.random_state),
            **(self.settings or {}),
        }
        chosen = {path: value for path, value in named.items() if value is not None}
        alone = by_name(modality).tabular and not NAMES_SOURCE & chosen.keys()
        recipe = Recipe().with_settings({**(WITHOUT_SOURCE if alone else {}), **chosen})
        return recipe.with_surgery(self.surgery or ())


def _seed(random_state: Any) -> int:
    """Take a whole number as the seed itself; draw one from a generator, and from NumPy's own for None."""
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))
