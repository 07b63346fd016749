"""What comes out of boxes: labels are [n, 6] a row, outputs [N, K, 6], as shares of the picture, best score first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from PIL.Image import Image

from headstart.core.errors import first_few
from headstart.core.outcome import Calibration, Colours, Measurements, Wrong
from headstart.core.types import Labels
from headstart.drawing.blocks import Section
from headstart.metrics._matching import FLAGS, MOST, SCORE, matched
from headstart.targets._box_curves import best_cut
from headstart.targets._box_pictures import drawn, overlay
from headstart.targets._box_tables import sections
from headstart.targets._boxes import written
from headstart.targets._by_class import absent
from headstart.targets._mask_pictures import colours

BOXES = "boxes"  # the column of what was found
THRESHOLD = 0.3  # the score from which on a box counts as found, for a class without validation labels
NUMBERS = 6  # of a box


class BoxOutcomes:
    """A target of boxes with a class each."""

    classes: tuple[str, ...]
    form: ClassVar[str] = "boxes"
    primary: ClassVar[str] = "mean_average_precision"
    title: ClassVar[str] = "detection"
    hub: ClassVar[str] = "object-detection"
    loss_unit: ClassVar[str] = "focal, GIoU and centre losses"

    @property
    def names(self) -> tuple[str, ...]:
        """The classes."""
        return self.classes

    def check(self, labels: Labels, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Match boxes to labels: see `headstart.metrics._matching.matched`."""
        return matched(labels, np.asarray(outputs), len(self.classes))

    def laid(self, output: np.ndarray, size: tuple[int, int], item: Any = None) -> np.ndarray:
        """Bring the boxes of a row to pixels."""
        return np.concatenate([output[:, :4] * np.array([*size, *size]), output[:, 4:]], axis=1)

    def as_outputs(self, labels: Labels) -> np.ndarray:
        """Find nothing, [N, 1, 6]: the best guess without a model."""
        return np.zeros((len(labels), 1, NUMBERS), dtype=np.float32)

    def decide(self, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None) -> None:
        """Return None: a row as a whole is neither right nor wrong."""

    def predictions(self, outputs: Any, thresholds: Mapping[str, float] | None = None) -> list[Any]:
        """Predict for each row its boxes, the surest first: {"class", "score", "box"}, in the unit of `outputs`."""
        return [
            [
                {"class": self.classes[int(one[5])], "score": float(one[4]), "box": one[:4].astype(float).tolist()}
                for one in self._found(output, thresholds)
            ]
            for output in outputs
        ]

    def calibrate(self, labels: Labels | None, outputs: np.ndarray | None) -> Calibration:
        """Choose by class the score from which on boxes count as found: that of the best F1 at an IoU of 0.5."""
        if labels is None or outputs is None:
            told = f"no validation rows: boxes of a score of at least {THRESHOLD} count as found"
            return Calibration(notes=(told,))
        counts, found = self.check(labels, outputs)
        cuts = [best_cut(found, place, int(total)) for place, total in enumerate(counts.sum(axis=0))]
        known = {name: cut.score for name, cut in zip(self.classes, cuts, strict=True) if cut is not None}
        return Calibration(thresholds=known, rows=len(labels))

    def scale(self, outputs: np.ndarray, temperature: float | None) -> np.ndarray:
        """Leave boxes as they are."""
        return outputs

    @property
    def table_columns(self) -> tuple[str, ...]:
        """The boxes of labels and those that were found."""
        return ("label", BOXES)

    def table(
        self, labels: Labels | None, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None
    ) -> dict[str, Any]:
        """Make the columns `prediction` (how many of each class were found), `boxes` (float32 [K, 6] as bytes, shares
        of the picture, of any score) and with labels `label`, such bytes too.
        """
        found: dict[str, Any] = {} if labels is None else {"label": [self._bytes(label) for label in labels]}
        found["prediction"] = [self._named(self._found(output, thresholds)[:, 5]) for output in outputs]
        found[BOXES] = [self._bytes(output[output[:, 4] > 0]) for output in outputs]
        return found

    def cells(
        self, laid: Sequence[np.ndarray], thresholds: Mapping[str, float] | None = None, items: Sequence[Any] = ()
    ) -> dict[str, list[Any]]:
        """Write the boxes that were found in pixels, as labels are written, with their scores."""
        found = [self._found(output, thresholds) for output in laid]
        names = [[self.classes[int(place)] for place in each[:, 5]] for each in found]
        return {BOXES: [written(own, each[:, :4], scores=each[:, 4]) for own, each in zip(names, found, strict=True)]}

    def read_table(self, table: Mapping[str, Any]) -> tuple[Labels, np.ndarray]:
        """Read the boxes of labels and those found, [N, 100, 6]."""
        labels, found = (
            [np.frombuffer(cell, dtype=np.float32).reshape(-1, NUMBERS) for cell in table[name]]
            for name in self.table_columns
        )
        outputs = np.zeros((len(found), MOST, NUMBERS), dtype=np.float32)
        for row, boxes in enumerate(found):
            outputs[row, : len(boxes)] = boxes
        return labels, outputs

    def reorder(self, classes: Sequence[str], labels: Labels, outputs: np.ndarray) -> tuple[Labels, np.ndarray]:
        """Put labels and outputs of another class order into this one's."""
        place = np.array([self.classes.index(name) for name in classes])
        moved = [np.array(label, copy=True) for label in labels]
        for label in moved:
            label[:, 4] = place[label[:, 4].astype(int)]
        found = np.array(outputs, copy=True)
        found[..., 5] = place[found[..., 5].astype(int)]
        return moved, found

    def mistakes(
        self, labels: Labels, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None
    ) -> np.ndarray:
        """Find the rows with boxes that are missing or false, by how many these are, most first."""
        wrong = np.array([sum(self._told(*each, thresholds)[1:]) for each in zip(labels, outputs, strict=True)])
        order = np.argsort(-wrong, kind="stable")
        return order[wrong[order] > 0]

    def explain(self, label: Any, output: np.ndarray, thresholds: Mapping[str, float] | None = None) -> Wrong:
        """Count the boxes of both by class, and those that are right, missing and false at an IoU of 0.5."""
        right, missing, false = self._told(label, output, thresholds)
        kept = label[label[:, 5] == 0, 4]
        found = self._found(output, thresholds)[:, 5]
        return Wrong(self._named(kept), self._named(found), f"{right} right, {missing} missing, {false} false")

    def overlay(
        self, label: Any, output: np.ndarray, size: tuple[int, int], thresholds: Mapping[str, float] | None = None
    ) -> str:
        """Draw the boxes that were found in the colours of their classes, and those of the label in dashes of white."""
        return overlay(label, self._found(output, thresholds), len(self.classes), size)

    def drawn(self, picture: Image, output: np.ndarray, thresholds: Mapping[str, float] | None = None) -> Image:
        """Draw the boxes that were found, with class and score."""
        return drawn(picture, self._found(output, thresholds), self.classes)

    def colour_key(self) -> list[tuple[str, str]]:
        """Return each class with its colour."""
        shades = colours(len(self.classes))
        return [(name, f"#{bytes(shade.tolist()).hex()}") for name, shade in zip(self.classes, shades, strict=True)]

    def decisive(self, label: Any, output: np.ndarray, thresholds: Mapping[str, float] | None = None) -> int:
        """Name the class of the surest box."""
        return int(output[0, 5])

    def introduce(self, wrong: int, shown: int, split: str) -> str:
        """Describe which rows are shown."""
        return f"Of the {split} rows, {wrong} have boxes that are missing or false. These {shown} have the most."

    def colours(self, labels: Labels) -> Colours:
        """Colour each row by the class that most of its boxes have."""
        groups = [int(np.bincount(label[:, 4].astype(int)).argmax()) if len(label) else -1 for label in labels]
        return Colours(np.array(groups, dtype=np.int64), self.classes)

    def fold_strata(self, labels: Labels) -> None:
        """Return None: rows have no single class."""

    def counts(self, labels: Labels) -> dict[str, int]:
        """Count the boxes of each class."""
        each = [np.bincount(label[label[:, 5] == 0, 4].astype(int), minlength=len(self.classes)) for label in labels]
        return dict(zip(self.classes, np.sum(each, axis=0, dtype=int).tolist(), strict=True))

    def ranges(self, labels: Labels) -> dict[str, list[float]]:
        """Return nothing: labels are no numbers."""
        return {}

    def notes(self, labels: np.ndarray) -> list[str]:
        """Name the classes without a box among the measured rows, [N, C]."""
        return absent(dict(zip(self.classes, labels.sum(axis=0).tolist(), strict=True)))

    def selection(self, labels: Labels) -> str:
        """Name the metric by which steps are chosen."""
        return self.primary

    def validation_loss(self, labels: Labels, outputs: np.ndarray) -> float:
        """Compute 1 minus the mean average precision."""
        from headstart.metrics._measured import Measured
        from headstart.metrics.mean_average_precision import MeanAveragePrecision

        counts, found = self.check(labels, outputs)
        measured = Measured(self.form, self.classes, counts, found, None)
        return 1.0 - float(MeanAveragePrecision().weighted(measured)(np.ones((len(counts), 1)))[0])

    def sections(self, measured: Measurements) -> list[Section]:
        """Show the average precision of each class, and the curves of precision and recall."""
        least = self._least(measured.calibration.thresholds)
        return sections(*self.check(measured.labels, measured.outputs), self.classes, least)

    def _least(self, thresholds: Mapping[str, float] | None) -> list[float]:
        """Return the score from which on boxes count as found, by class."""
        return [(thresholds or {}).get(name, THRESHOLD) for name in self.classes]

    def _found(self, output: np.ndarray, thresholds: Mapping[str, float] | None) -> np.ndarray:
        """Return the boxes of a row whose score is that of their class at least."""
        least = np.array(self._least(thresholds))
        return output[(output[:, 4] > 0) & (output[:, 4] >= least[output[:, 5].astype(int)])]

    def _told(
        self, label: np.ndarray, output: np.ndarray, thresholds: Mapping[str, float] | None
    ) -> tuple[int, int, int]:
        """Count the boxes of a row that are right, missing and false at an IoU of 0.5."""
        counts, found = self.check([label], self._found(output, thresholds)[None])
        flags = found[0, found[0, :, SCORE] > 0, FLAGS.start]
        right = int((flags == 1).sum())
        return right, int(counts.sum()) - right, int((flags == 0).sum())

    def _named(self, places: np.ndarray) -> str:
        """Say how many boxes of each class there are."""
        counted = Counter(self.classes[int(place)] for place in places)
        return first_few(f"{count} {name}" for name, count in counted.most_common()) or "nothing"

    @staticmethod
    def _bytes(boxes: np.ndarray) -> bytes:
        return np.ascontiguousarray(boxes, dtype=np.float32).tobytes()
