"""What comes out of a target of any number of classes a row: labels [N, C] of 0 and 1, probabilities [N, C]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from headstart.core.errors import first_few
from headstart.core.outcome import Calibration, Colours, Measurements, Wrong
from headstart.core.task import kind_of
from headstart.drawing.blocks import Section
from headstart.targets import _by_class, _calibration, _checks, _reliability, _tables
from headstart.targets._decisions import FEWEST_POSITIVES, USUAL, best_threshold, from_thresholds
from headstart.targets._probabilities import ClassProbabilities

MOST_SAID = 6  # labels of a row


class LabelOutcomes(ClassProbabilities):
    """A target of any number of classes a row."""

    form: ClassVar[str] = "labels"
    primary: ClassVar[str] = "average_precision"
    title: ClassVar[str] = "multi-label classification"

    def check(self, labels: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Check labels and probabilities; return them as int64 and float64."""
        y, p = np.asarray(labels), np.asarray(outputs, dtype=np.float64)
        _checks.check_shapes(kind_of(self), y, p, len(self.classes), single=False)
        problems = _checks.bad_labels(y, ~np.isin(y, (0, 1)).all(axis=1), "labels are 0 or 1 for each class")
        wrong = ((p < 0) | (p > 1)).any(axis=1)
        _checks.refuse(problems + _checks.bad_outputs(p, wrong, _checks.IN_RANGE))
        return y.astype(np.int64), p

    def decide(self, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None) -> np.ndarray:
        """Decide each class from its threshold on, [N, C] of 0 and 1."""
        return from_thresholds(self.classes, outputs, thresholds)

    def predictions(self, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None) -> list[tuple[str, ...]]:
        """Predict a tuple of class names for each row."""
        return [tuple(names) for names in self._named(self.decide(outputs, thresholds))]

    def calibrate(self, labels: np.ndarray | None, outputs: np.ndarray | None) -> Calibration:
        """Choose one temperature, and a threshold for each class, on validation rows."""
        unfitted = _calibration.unfitted(labels)
        if unfitted is not None or labels is None or outputs is None:
            return unfitted or Calibration()
        errors = int((self.decide(outputs) != labels).sum())
        temperature, notes = _calibration.temperature_of(_calibration.fit_label_temperature, labels, outputs, errors)
        scaled = self.scale(outputs, temperature)
        support = self.counts(labels)
        rare = [name for name, rows in support.items() if rows < FEWEST_POSITIVES]
        thresholds = {
            name: USUAL if name in rare else best_threshold(labels[:, c] == 1, scaled[:, c])
            for c, name in enumerate(self.classes)
        }
        if rare:
            shown = first_few(rare)
            few = f"threshold {USUAL} for classes of fewer than {FEWEST_POSITIVES} validation rows: {shown}"
            notes = (*notes, few)
        return Calibration(temperature, thresholds, len(labels), notes)

    def scale(self, outputs: np.ndarray, temperature: float | None) -> np.ndarray:
        """Soften or sharpen the probability of each label about 0.5, [N, C]."""
        return outputs if temperature is None else _calibration.apply_label_temperature(outputs, temperature)

    def table(
        self, labels: np.ndarray | None, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None
    ) -> dict[str, Any]:
        """Make the columns `label` and `prediction`, lists of classes, and `p:CLASS`."""
        given = None if labels is None else self._named(labels)
        return _tables.class_columns(self.classes, given, self._named(self.decide(outputs, thresholds)), outputs)

    def read_table(self, table: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Read labels [N, C] of 0 and 1 and probabilities [N, C]."""
        places = _tables.places_of(self.classes, [list(cell) for cell in table["label"]])
        labels = np.zeros((len(places), len(self.classes)), dtype=np.float32)
        for row, found in enumerate(places):
            labels[row, found] = 1
        return labels, _tables.matrix(table, self.table_columns[1:])

    def reorder(self, classes: Sequence[str], labels: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Put labels and probabilities [N, C] of another class order into this target's."""
        columns = [classes.index(name) for name in self.classes]
        return labels[:, columns], outputs[:, columns]

    def mistakes(
        self, labels: np.ndarray, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None
    ) -> np.ndarray:
        """Find the rows with a label that was decided wrongly; those whose labels were least likely come first."""
        wrong = np.flatnonzero((self.decide(outputs, thresholds) != labels).any(axis=1))
        p = outputs.astype(np.float64)
        distance = -np.log(np.clip(np.where(labels == 1, p, 1 - p), 1e-12, 1)).mean(axis=1)
        return wrong[np.argsort(-distance[wrong], kind="stable")]

    def explain(self, label: Any, output: np.ndarray, thresholds: Mapping[str, float] | None = None) -> Wrong:
        """Describe the probabilities of the labels that were decided wrongly, or where none was, of those it has."""
        decided = self.decide(output[None], thresholds)[0]
        told = np.flatnonzero(decided != label)
        told = (told if told.size else np.flatnonzero(decided))[:MOST_SAID]
        how = first_few(f"{self.classes[c]} {output[c]:.0%}" for c in told) or "of every label below its threshold"
        return Wrong(self._said(label), self._said(decided), f"probability: {how}")

    def decisive(self, label: Any, output: np.ndarray, thresholds: Mapping[str, float] | None = None) -> int:
        """Name the label whose probability is furthest from what is right."""
        return int(np.abs(output - np.asarray(label)).argmax())

    def colours(self, labels: np.ndarray) -> Colours:
        """Colour each row by its rarest label."""
        frequency = np.where(labels > 0, labels.sum(axis=0), np.inf)
        return Colours(np.where(labels.any(axis=1), frequency.argmin(axis=1), -1), self.classes)

    def fold_strata(self, labels: np.ndarray) -> None:
        """Return None: rows have no single class."""

    def counts(self, labels: np.ndarray) -> dict[str, int]:
        """Count the rows of each class."""
        return {name: int(rows) for name, rows in zip(self.classes, labels.sum(axis=0), strict=True)}

    def validation_loss(self, labels: np.ndarray, outputs: np.ndarray) -> float:
        """Compute the mean binary cross-entropy, in nats."""
        p = outputs.astype(np.float64)
        return float(-np.log(np.clip(np.where(labels == 1, p, 1 - p), _calibration.TINY, 1)).mean())

    def sections(self, measured: Measurements) -> list[Section]:
        """Show figures by class, and how well probabilities are calibrated."""
        axes = _reliability.Names("predicted probability of a label", "share of rows with the label", "labels")
        confidence, correct = measured.outputs.reshape(-1), measured.labels.reshape(-1)
        drawn = _reliability.section(measured, "", confidence, correct, axes)
        found = [Section("By class", _by_class.by_class(measured)), Section("Calibration", drawn)]
        return [section for section in found if section.blocks]

    def _named(self, flags: np.ndarray) -> list[list[str]]:
        return [[self.classes[place] for place in np.flatnonzero(row)] for row in flags]

    def _said(self, flags: np.ndarray) -> str:
        found = self._named(flags[None])[0]
        return first_few(found) or "none"
