"""What comes out of masks: labels are PNGs of places in the class list, outputs [N, H, W] uint8 the same, decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from PIL.Image import Image

from headstart.core.errors import DataError, first_few
from headstart.core.outcome import Calibration, Colours, Measurements, Wrong
from headstart.core.seeding import numpy_generator
from headstart.core.types import Labels
from headstart.drawing.blocks import Section, Table, Words
from headstart.drawing.text import UNKNOWN, number_text
from headstart.metrics._ranks import mean_known, ratio
from headstart.targets._by_class import absent
from headstart.targets._legend import parsed
from headstart.targets._mask_pictures import colours, laid, overlay, png, shaded
from headstart.targets._masks import IGNORED, opened_mask, packed_mask, pixels_of

MASK = "mask"  # the column of what was decided
RESAMPLES = 1000
LEAST_SHARE = 0.001  # of a picture's pixels, below which a class is not named as one of its own


class MaskOutcomes:
    """A target of a class for each pixel."""

    classes: tuple[str, ...]
    values: tuple[str, ...]
    form: ClassVar[str] = "masks"
    primary: ClassVar[str] = "miou"
    title: ClassVar[str] = "segmentation"
    hub: ClassVar[str] = "image-segmentation"
    loss_unit: ClassVar[str] = "nats, plus Dice"
    pictured: ClassVar[str] = MASK

    @property
    def names(self) -> tuple[str, ...]:
        """The classes."""
        return self.classes

    def check(self, labels: Labels, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Count the pixels of each class by row, [N, C, 3]: labelled, decided, both; return them as both of the two.

        Pixels that are ignored count nowhere. Decisions are brought to the size of the label by the nearest pixel.
        """
        decided = np.asarray(outputs)
        if not len(labels) or len(labels) != len(decided):
            raise DataError(
                f"There are {len(labels)} masks and {len(decided)} predictions: one for each row is needed."
            )
        if decided.ndim == 2:  # the same answer for all pixels, as `as_outputs` gives it
            decided = decided[:, :, None]
        areas = np.stack([self._areas(*pair) for pair in zip(labels, decided, strict=True)])
        return areas, areas

    def _areas(self, label: np.ndarray, decided: np.ndarray) -> np.ndarray:
        """Count the pixels of a row, [C, 3]."""
        mask, count = opened_mask(label), len(self.classes)
        y = np.asarray(mask).ravel()
        p = laid(decided, mask.size).ravel()
        known = y != IGNORED
        cells = np.bincount(y[known].astype(np.int64) * count + p[known], minlength=count * count).reshape(count, count)
        return np.stack([cells.sum(axis=1), cells.sum(axis=0), cells.diagonal()], axis=1)

    def laid(self, output: np.ndarray, size: tuple[int, int], item: Any = None) -> np.ndarray:
        """Bring what was decided for a row to the width and height of its picture: places in the class list."""
        return laid(output, size)

    def as_outputs(self, labels: Labels) -> np.ndarray:
        """Write for each row the class that most pixels of all of them have, [N, 1]: the best guess without a model."""
        most = int(np.sum([pixels_of(label, len(self.classes)) for label in labels], axis=0).argmax())
        return np.full((len(labels), 1), most, dtype=np.uint8)

    def decide(self, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None) -> None:
        """Return None: a row as a whole is neither right nor wrong."""

    def predictions(self, outputs: Any, thresholds: Mapping[str, float] | None = None) -> list[Any]:
        """Predict for each row the places of its pixels in the class list, [H, W] uint8."""
        return list(outputs)

    def calibrate(self, labels: Labels | None, outputs: np.ndarray | None) -> Calibration:
        """Choose nothing."""
        return Calibration()

    def scale(self, outputs: np.ndarray, temperature: float | None) -> np.ndarray:
        """Leave decisions as they are."""
        return outputs

    @property
    def table_columns(self) -> tuple[str, ...]:
        """The masks of labels and of decisions."""
        return ("label", MASK)

    def table(
        self, labels: Labels | None, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None
    ) -> dict[str, Any]:
        """Make the columns `prediction` (the classes in a picture, the largest first), `mask` (a PNG of the decisions,
        which are places in the class list) and `share:CLASS` of its area; with labels `label`, a PNG too, and `iou`,
        the mean over the classes of the picture.
        """
        found: dict[str, Any] = {}
        if labels is not None:
            found = {"label": [label.tobytes() for label in labels], "iou": self._ious(labels, outputs)}
        count = len(self.classes)
        shares = np.stack([np.bincount(each.ravel(), minlength=count)[:count] / each.size for each in outputs])
        found["prediction"] = [self._named(row) for row in shares]
        found[MASK] = [packed_mask(np.asarray(each, dtype=np.uint8)).tobytes() for each in outputs]
        return found | {f"share:{name}": shares[:, place] for place, name in enumerate(self.classes)}

    def read_table(self, table: Mapping[str, Any]) -> tuple[Labels, np.ndarray]:
        """Read the masks of labels and of decisions, [N, H, W] uint8."""
        labels, decided = ([np.frombuffer(cell, dtype=np.uint8) for cell in table[name]] for name in self.table_columns)
        return labels, np.stack([np.asarray(opened_mask(each)) for each in decided])

    def reorder(self, classes: Sequence[str], labels: Labels, outputs: np.ndarray) -> tuple[Labels, np.ndarray]:
        """Put labels and outputs of another class order into this one's."""
        place = np.full(IGNORED + 1, IGNORED, dtype=np.uint8)
        place[: len(classes)] = [self.classes.index(name) for name in classes]
        return [packed_mask(place[np.asarray(opened_mask(label))]) for label in labels], place[outputs]

    def mistakes(
        self, labels: Labels, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None
    ) -> np.ndarray:
        """Find all rows; those of the lowest IoU come first."""
        return np.argsort(np.nan_to_num(self._ious(labels, outputs), nan=2.0), kind="stable")

    def explain(self, label: Any, output: np.ndarray, thresholds: Mapping[str, float] | None = None) -> Wrong:
        """Name the classes of both, and how far they lie over each other."""
        decided, own = output.astype(np.uint8), pixels_of(label, len(self.classes))
        iou = float(self._ious([label], decided[None])[0])
        said = f"IoU {number_text(iou)}, mean over its classes" if np.isfinite(iou) else "nothing of it is labelled"
        shares = np.bincount(decided.ravel(), minlength=len(self.classes)) / decided.size
        named = [first_few(self._named(each)) for each in (own / max(own.sum(), 1), shares)]
        return Wrong(named[0], named[1], said)

    def overlay(
        self, label: Any, output: np.ndarray, size: tuple[int, int], thresholds: Mapping[str, float] | None = None
    ) -> str:
        """Draw the decisions in the colours of their classes, half clear, and the borders of the label in white."""
        return overlay(np.asarray(opened_mask(label)), output, len(self.classes))

    def colour_key(self) -> list[tuple[str, str]]:
        """Return each class with its colour."""
        shades = colours(len(self.classes))
        return [(name, f"#{bytes(shade.tolist()).hex()}") for name, shade in zip(self.classes, shades, strict=True)]

    def drawn(self, picture: Image, output: np.ndarray, thresholds: Mapping[str, float] | None = None) -> Image:
        """Lay the decisions over the picture in the colours of their classes, half clear."""
        return shaded(picture, output, len(self.classes))

    def picture(self, laid: np.ndarray) -> bytes:
        """Write a mask as those were that were learnt: with the values or the colours of its classes."""
        values = np.array([parsed(value) for value in self.values])
        found = values[laid] if values.shape[1] == 3 else values[laid, 0]
        return png(found.astype(np.uint8 if values.max() < 2**8 else np.uint16))

    def decisive(self, label: Any, output: np.ndarray, thresholds: Mapping[str, float] | None = None) -> int:
        """Name the class of most pixels."""
        return int(np.bincount(output.ravel().astype(np.int64)).argmax())

    def introduce(self, wrong: int, shown: int, split: str) -> str:
        """Describe which rows are shown."""
        return f"Of the {split} rows, these {shown} have the lowest IoU."

    def colours(self, labels: Labels) -> Colours:
        """Colour each row by the class of most of its pixels."""
        groups = [int(pixels_of(label, len(self.classes)).argmax()) for label in labels]
        return Colours(np.array(groups, dtype=np.int64), self.classes)

    def fold_strata(self, labels: Labels) -> None:
        """Return None: rows have no single class."""

    def counts(self, labels: Labels) -> dict[str, int]:
        """Count the rows with a pixel of each class."""
        there = np.sum([pixels_of(label, len(self.classes)) > 0 for label in labels], axis=0)
        return dict(zip(self.classes, there.tolist(), strict=True))

    def ranges(self, labels: Labels) -> dict[str, list[float]]:
        """Return nothing: labels are no numbers."""
        return {}

    def notes(self, labels: np.ndarray) -> list[str]:
        """Name the classes without a pixel in the measured masks, [N, C, 3]."""
        return absent(dict(zip(self.classes, labels[:, :, 0].sum(axis=0).tolist(), strict=True)))

    def selection(self, labels: Labels) -> str:
        """Name the metric by which steps are chosen."""
        return self.primary

    def validation_loss(self, labels: Labels, outputs: np.ndarray) -> float:
        """Compute 1 minus the mean IoU."""
        areas, _ = self.check(labels, outputs)
        return 1.0 - float(mean_known(_iou(areas.sum(axis=0).T[:, :, None]))[0])

    def sections(self, measured: Measurements) -> list[Section]:
        """Show the IoU of each class with an interval over pictures."""
        areas, _ = self.check(measured.labels, measured.outputs)
        rows, total = len(areas), areas[:, :, 0].sum()
        drawn = numpy_generator(0, "classes").multinomial(rows, np.full(rows, 1 / rows), RESAMPLES)  # [R, N]
        spread = _iou(np.einsum("rn,nck->kcr", drawn, areas))  # [C, R]
        values = _iou(areas.sum(axis=0).T[:, :, None])[:, 0]
        cells = []
        for place, name in enumerate(self.classes):
            known = spread[place][np.isfinite(spread[place])]
            low, high = np.quantile(known, [0.025, 0.975]) if known.size else (np.nan, np.nan)
            cells.append(
                (
                    name,
                    number_text(float(values[place])) if np.isfinite(values[place]) else UNKNOWN,
                    f"{number_text(float(low))} to {number_text(float(high))}" if np.isfinite(low) else UNKNOWN,
                    f"{areas[:, place, 0].sum() / max(total, 1):.2%}",
                    f"{int((areas[:, place, 0] > 0).sum()):,}",
                )
            )
        table = Table(("", "IoU", "95% interval", "of the labelled pixels", "pictures with it"), cells)
        told = Words(f"Intervals: {RESAMPLES:,} resamples of the {rows:,} pictures (bootstrap, percentiles).", "soft")
        return [Section("IoU by class", [table, told], early=True)]

    def _ious(self, labels: Labels, outputs: np.ndarray) -> np.ndarray:
        """Compute the mean IoU of each row by itself, [N]; NaN where nothing of it is labelled."""
        areas, _ = self.check(labels, outputs)
        return mean_known(_iou(areas.transpose(2, 1, 0)))

    def _named(self, shares: np.ndarray) -> list[str]:
        order = np.argsort(-shares, kind="stable")
        return [self.classes[int(place)] for place in order if shares[place] >= LEAST_SHARE]


def _iou(areas: np.ndarray) -> np.ndarray:
    """Divide intersections by unions: [3, C, R] to [C, R]."""
    labelled, decided, both = areas.astype(np.float64)
    return ratio(both, labelled + decided - both)
