"""What comes out of a target of numbers: labels [N, T], outputs [N, T] in the unit of the labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from headstart.core.errors import first_few
from headstart.core.outcome import Calibration, Colours, Measurements, Wrong
from headstart.core.task import kind_of
from headstart.drawing.blocks import Section
from headstart.metrics._ranks import constant
from headstart.targets import _by_class, _checks, _scatter, _tables


class ValueOutcomes:
    """A target of one number a row, or several."""

    columns: tuple[str, ...]
    form: ClassVar[str] = "values"
    primary: ClassVar[str] = "rmse"
    title: ClassVar[str] = "regression"
    hub: ClassVar[str] = "regression"
    loss_unit: ClassVar[str] = "squared, in standard deviations of the training labels"

    @property
    def names(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    def check(self, labels: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Check labels and values; return both as float64."""
        y, p = np.asarray(labels), np.asarray(outputs, dtype=np.float64)
        _checks.check_shapes(kind_of(self), y, p, len(self.columns), single=False)
        problems = _checks.bad_labels(y, ~np.isfinite(y).all(axis=1), "labels must be finite numbers")
        _checks.refuse(problems + _checks.bad_outputs(p))
        return y.astype(np.float64), p

    def decide(self, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None) -> None:
        """Return None: there is nothing to decide."""

    def predictions(self, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None) -> list[Any]:
        """Predict a number for each row, or a list of numbers."""
        return outputs[:, 0].tolist() if outputs.shape[1] == 1 else outputs.tolist()

    def calibrate(self, labels: np.ndarray | None, outputs: np.ndarray | None) -> Calibration:
        """Choose nothing."""
        return Calibration()

    def scale(self, outputs: np.ndarray, temperature: float | None) -> np.ndarray:
        """Leave numbers as they are."""
        return outputs

    @property
    def table_columns(self) -> tuple[str, ...]:
        """The labels and the predictions."""
        return (*self._suffixed("label"), *self._suffixed("prediction"))

    def table(
        self, labels: np.ndarray | None, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None
    ) -> dict[str, Any]:
        """Make the columns `label` and `prediction`, of several numbers `label:COLUMN` and `prediction:COLUMN`."""
        made: dict[str, Any] = {}
        for place, (label, prediction) in enumerate(
            zip(self._suffixed("label"), self._suffixed("prediction"), strict=True)
        ):
            if labels is not None:
                made[label] = labels[:, place]
            made[prediction] = outputs[:, place]
        return made

    def read_table(self, table: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Read labels and values, both [N, T]."""
        return _tables.matrix(table, self._suffixed("label")), _tables.matrix(table, self._suffixed("prediction"))

    def reorder(self, classes: Sequence[str], labels: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Leave both as they are: there are no classes."""
        return labels, outputs

    def mistakes(
        self, labels: np.ndarray, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None
    ) -> np.ndarray:
        """Find all rows; those that are off by most standard deviations of the label come first."""
        off = np.abs(outputs.astype(np.float64) - labels) / np.maximum(labels.std(axis=0, dtype=np.float64), 1e-12)
        return np.argsort(-off.mean(axis=1), kind="stable")

    def explain(self, label: Any, output: np.ndarray, thresholds: Mapping[str, float] | None = None) -> Wrong:
        """Describe by how much each number is off."""
        names = self.columns if len(self.columns) > 1 else ("",)
        given, guessed = (
            first_few((f"{name} {value:.4g}".strip() for name, value in zip(names, row, strict=True)), "; ")
            for row in (label, output)
        )
        off = first_few(
            (f"{name} {value:+.3g}".strip() for name, value in zip(names, output - label, strict=True)), "; "
        )
        return Wrong(given, guessed, f"off by {off}, in the unit of the label")

    def decisive(self, label: Any, output: np.ndarray, thresholds: Mapping[str, float] | None = None) -> int:
        """Name the column that is furthest off."""
        return int(np.abs(output - np.asarray(label)).argmax())

    def introduce(self, wrong: int, shown: int, split: str) -> str:
        """Describe which rows are shown."""
        return f"Of the {split} rows, these {shown} are furthest from their label."

    def colours(self, labels: np.ndarray) -> Colours:
        """Colour each row by its first number."""
        return Colours(labels[:, 0], ())

    def fold_strata(self, labels: np.ndarray) -> None:
        """Return None: rows have no single class."""

    def counts(self, labels: np.ndarray) -> dict[str, int]:
        """Return nothing: there are no classes."""
        return {}

    def ranges(self, labels: np.ndarray) -> dict[str, list[float]]:
        """Find the least, the mean and the greatest number of each column."""
        return {
            name: [float(find(column)) for find in (np.min, np.mean, np.max)]
            for name, column in zip(self.columns, labels.T, strict=True)
        }

    def notes(self, labels: np.ndarray) -> list[str]:
        """Name the columns in which all rows have the same label."""
        fixed = [f"'{name}'" for name, same in zip(self.columns, constant(labels), strict=True) if same]
        return [f"All rows have the same label for {first_few(fixed)}."] if fixed else []

    def selection(self, labels: np.ndarray) -> str:
        """Name the metric by which steps are chosen."""
        return self.primary

    def validation_loss(self, labels: np.ndarray, outputs: np.ndarray) -> float:
        """Compute the mean squared error in variances of the labels, averaged over columns."""
        y = labels.astype(np.float64)
        return float((((outputs - y) ** 2).mean(axis=0) / np.maximum(y.var(axis=0), 1e-16)).mean())

    def sections(self, measured: Measurements) -> list[Section]:
        """Draw predicted against true values, and show figures by column where there are several."""
        found = [
            Section("Predictions", _scatter.section(self.columns, measured.labels, measured.outputs), early=True),
            Section("By target", _by_class.by_class(measured)),
        ]
        return [section for section in found if section.blocks]

    def _suffixed(self, word: str) -> tuple[str, ...]:
        return tuple(f"{word}:{name}" for name in self.columns) if len(self.columns) > 1 else (word,)
