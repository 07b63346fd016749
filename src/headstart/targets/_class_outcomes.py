"""What comes out of a target of exactly one class a row: labels [N] in [0, C), outputs are probabilities [N, C]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from headstart.core.errors import UsageError
from headstart.core.outcome import Calibration, Colours, Measurements, Wrong
from headstart.core.task import kind_of
from headstart.drawing.blocks import Section
from headstart.targets import _by_class, _calibration, _checks, _reliability, _tables
from headstart.targets._probabilities import ClassProbabilities


class ClassOutcomes(ClassProbabilities):
    """A target of exactly one class a row; a kind with thresholds overrides how it decides."""

    form: ClassVar[str] = "classes"
    primary: ClassVar[str] = "accuracy"
    title: ClassVar[str] = "classification"

    def as_outputs(self, labels: np.ndarray) -> np.ndarray:
        """Write classes [N] as probabilities [N, C]: 1 for the class of the row."""
        return np.eye(len(self.classes))[labels]

    def decide(self, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None) -> np.ndarray:
        """Decide for the likeliest class, [N]; thresholds are refused."""
        if thresholds:
            raise UsageError(f"Thresholds are for binary and multi-label tasks; this one is {self.title}.")
        return outputs.argmax(axis=1)

    def choose_thresholds(self, labels: np.ndarray, outputs: np.ndarray) -> tuple[dict[str, float], tuple[str, ...]]:
        """Choose thresholds on validation rows, and say why there are none; here there are never any."""
        return {}, ()

    def check(self, labels: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Check labels and probabilities; return them as int64 and float64."""
        y, p = np.asarray(labels), np.asarray(outputs, dtype=np.float64)
        _checks.check_shapes(kind_of(self), y, p, len(self.classes), single=True)
        wrong = ~np.isin(y, np.arange(len(self.classes)))
        problems = _checks.bad_labels(y, wrong, f"classes are whole numbers, 0 to {len(self.classes) - 1}")
        wrong = ((p < 0) | (p > 1)).any(axis=1) | (np.abs(p.sum(axis=1) - 1) > _checks.SUM_TOLERANCE)
        mend = f"{_checks.IN_RANGE} and sum to 1; are these logits? Head.decode turns them into probabilities"
        _checks.refuse(problems + _checks.bad_outputs(p, wrong, mend))
        return y.astype(np.int64), p

    def predictions(self, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None) -> list[str]:
        """Predict a class name for each row."""
        return [self.classes[place] for place in self.decide(outputs, thresholds)]

    def calibrate(self, labels: np.ndarray | None, outputs: np.ndarray | None) -> Calibration:
        """Choose temperature and thresholds on validation rows."""
        unfitted = _calibration.unfitted(labels)
        if unfitted is not None or labels is None or outputs is None:
            return unfitted or Calibration()
        errors = int((self.decide(outputs) != labels).sum())
        temperature, notes = _calibration.temperature_of(_calibration.fit_temperature, labels, outputs, errors)
        thresholds, more = self.choose_thresholds(labels, self.scale(outputs, temperature))
        return Calibration(temperature, thresholds, len(labels), (*notes, *more))

    def scale(self, outputs: np.ndarray, temperature: float | None) -> np.ndarray:
        """Soften or sharpen probabilities [N, C]; the likeliest class stays."""
        return outputs if temperature is None else _calibration.apply_temperature(outputs, temperature)

    def table(
        self, labels: np.ndarray | None, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None
    ) -> dict[str, Any]:
        """Make the columns `label`, `prediction` and `p:CLASS`."""
        given = None if labels is None else [self.classes[int(place)] for place in labels]
        return _tables.class_columns(self.classes, given, self.predictions(outputs, thresholds), outputs)

    def read_table(self, table: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Read classes [N] and probabilities [N, C]."""
        labels = _tables.places_of(self.classes, [[cell] for cell in table["label"]])
        return np.array([places[0] for places in labels], dtype=np.int64), _tables.matrix(table, self.table_columns[1:])

    def reorder(self, classes: Sequence[str], labels: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Put classes [N] and probabilities [N, C] of another class order into this target's."""
        columns = [classes.index(name) for name in self.classes]
        return np.argsort(columns)[labels], outputs[:, columns]

    def mistakes(
        self, labels: np.ndarray, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None
    ) -> np.ndarray:
        """Find the rows of another class than the decided one; those whose class was least likely come first."""
        p = outputs.astype(np.float64)
        wrong = np.flatnonzero(self.decide(outputs, thresholds) != labels)
        distance = -np.log(np.clip(np.take_along_axis(p, labels[:, None], axis=1)[:, 0], 1e-300, 1))
        return wrong[np.argsort(-distance[wrong], kind="stable")]

    def explain(self, label: Any, output: np.ndarray, thresholds: Mapping[str, float] | None = None) -> Wrong:
        """Describe the probabilities of the decided class and, where it is another one, of the label's."""
        decided = int(self.decide(output[None], thresholds)[0])
        how = f"probability {output[decided]:.1%}"
        how += f"; of its label {output[int(label)]:.1%}" if decided != int(label) else ""
        return Wrong(self.classes[int(label)], self.classes[decided], how)

    def decisive(self, label: Any, output: np.ndarray, thresholds: Mapping[str, float] | None = None) -> int:
        """Name the decided class: what speaks for it is what explains the row."""
        return int(self.decide(output[None], thresholds)[0])

    def colours(self, labels: np.ndarray) -> Colours:
        """Colour each row by its class."""
        return Colours(labels, self.classes)

    def fold_strata(self, labels: np.ndarray) -> np.ndarray:
        """Return the class of each row, [N]."""
        return labels

    def counts(self, labels: np.ndarray) -> dict[str, int]:
        """Count the rows of each class."""
        support = np.bincount(labels, minlength=len(self.classes)).tolist()
        return dict(zip(self.classes, support, strict=True))

    def validation_loss(self, labels: np.ndarray, outputs: np.ndarray) -> float:
        """Compute the mean log loss, in nats."""
        chosen = np.take_along_axis(outputs.astype(np.float64), labels[:, None], axis=1)
        return float(-np.log(np.clip(chosen, _calibration.TINY, 1)).mean())

    def sections(self, measured: Measurements) -> list[Section]:
        """Show what is confused with what, figures by class, and how well probabilities are calibrated."""
        confidence, correct = measured.outputs.max(axis=1), measured.outputs.argmax(axis=1) == measured.labels
        axes = _reliability.Names("probability of the likeliest class", "share of rows that are right", "rows")
        drawn = _reliability.section(measured, self.threshold_text(measured.calibration), confidence, correct, axes)
        decided = self.decide(measured.outputs, measured.calibration.thresholds)
        found = [
            Section("Confusion matrix", _by_class.confusion(self.classes, measured.labels, decided), early=True),
            Section("By class", _by_class.by_class(measured)),
            Section("Calibration", drawn),
        ]
        return [section for section in found if section.blocks]

    def threshold_text(self, calibration: Calibration) -> str:
        """Describe from which probability on a class is decided; "" where the likeliest one is."""
        return ""
