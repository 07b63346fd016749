"""Boxes with a class each, any number in a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from headstart.core.columns import cells_of
from headstart.core.counting import counted
from headstart.core.errors import BadRows, DataError, Problem, UsageError, first_few
from headstart.core.task import Show
from headstart.targets._box_labels import shown_boxes
from headstart.targets._box_outcomes import BoxOutcomes
from headstart.targets._boxes import BadBoxes, Parsed, is_boxes, parsed
from headstart.targets._infer import LabelCells
from headstart.targets._target import BaseTarget

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from headstart.core.types import Labels, LossOptions
    from headstart.targets._outputs import Output


@dataclass(frozen=True)
class Detection(BoxOutcomes, BaseTarget):
    """Boxes with a class each, from COCO, Pascal VOC or YOLO files, or a column of boxes as JSON."""

    # labels: read, encoded, learnt

    order: ClassVar[int] = 4
    dense: ClassVar[bool] = True
    pooled: ClassVar[bool] = False
    one_column: ClassVar[str] = "column of boxes"
    head: ClassVar[str] = "fcos"
    usual_batch: ClassVar[int | None] = 8  # each picture has many boxes
    surgery: ClassVar[tuple[str, ...]] = ("adapt_input size=320 whole=true", "maps finest=8")

    @classmethod
    def fits(cls, labels: LabelCells) -> bool:
        """Return whether the labels are boxes."""
        return len(labels.columns) == 1 and len(labels) > 0 and all(map(is_boxes, labels.cells))

    def complete(self, train: pd.DataFrame, frames: Mapping[str, pd.DataFrame]) -> Self:
        """Complete the target by the classes of the training boxes. DataError: labels are missing or cannot be used."""
        self.check_present(frames)
        return replace(self, classes=tuple(sorted({name for found in self._read(train) for name in found.classes})))

    def knows(self, frame: pd.DataFrame) -> np.ndarray:
        """Return which rows have boxes of no class but those of the class list, [N] bool."""
        return np.array([set(found.classes) <= {*self.classes} for found in self._read(frame)], dtype=bool)

    def encode(self, frame: pd.DataFrame) -> list[np.ndarray]:
        """Turn cells into boxes in pixels with classes and crowds, [n, 6] float32 each.

        Args:
            frame: Rows with the label column.

        Returns:
            The boxes of each row; `lie_over` makes shares of their pictures of them.

        Raises:
            DataError: Cells cannot be used, or have classes that no training row has; all are listed.
        """
        places = {name: place for place, name in enumerate(self.classes)}
        return [
            np.column_stack([found.corners, [places[name] for name in found.classes], found.crowd]).astype(np.float32)
            if len(found.classes)
            else np.zeros((0, 6), dtype=np.float32)
            for found in self._read(frame, places)
        ]

    def lay_over(
        self, rows: Sequence[str], labels: Labels, sizes: Sequence[tuple[int, int] | None], items: Sequence[Any] = ()
    ) -> Labels:
        """Make boxes shares of their pictures, cut to these. DataError: some lie outside; all are listed."""
        problems, laid = [], []
        for row, label, size in zip(rows, labels, sizes, strict=True):
            assert size is not None, "boxes are over pictures"
            share = np.concatenate([label[:, :4] / np.array([*size, *size], dtype=np.float32), label[:, 4:]], axis=1)
            share[:, :4] = share[:, :4].clip(0, 1)
            for place in np.flatnonzero((share[:, 2:4] <= share[:, :2]).any(axis=1)).tolist():
                corners = ", ".join(f"{each:g}" for each in label[place, :4])
                named = f"{place + 1} ({self.classes[int(label[place, 4])]}: {corners})"
                problems.append(
                    Problem(row, f"box {named} lies outside of the picture, {size[0]} x {size[1]} pixels", "mend it")
                )
            laid.append(share)
        if problems:
            raise BadRows(f"{counted(len(problems), 'boxes')} cannot be used:", problems)
        return laid

    def check_training(self, labels: Labels) -> None:
        """Refuse training rows without any box (DataError)."""
        if not any(len(label) for label in labels):
            raise DataError("No training picture has a box: there is nothing to learn.")

    def shown(self, label: Any, show: Show) -> Any:
        """Show boxes as their picture is shown: [n, 6] float32."""
        return shown_boxes(label, show)

    def collate(self, labels: Labels) -> torch.Tensor:
        """Make the tensor [B, M, 6] float32 of boxes that were shown; the class -1 fills up."""
        import torch

        found = np.zeros((len(labels), max(1, *map(len, labels)), 6), dtype=np.float32)
        found[..., 4] = -1
        for row, label in enumerate(labels):
            found[row, : len(label)] = label
        return torch.from_numpy(found)

    @property
    def outputs(self) -> int:
        """Numbers that a head gives for one place: four sides, how central it is, and the classes."""
        return 5 + len(self.classes)

    def output(self) -> Output:
        """Make the module that gives a head's numbers their meaning."""
        from headstart.targets._box_output import BoxOutput

        return BoxOutput()

    def check_loss(self, options: LossOptions) -> None:
        """Refuse what is for classes of whole examples (UsageError)."""
        super().check_loss(options)
        if options.class_weights or options.label_smoothing:
            raise UsageError("class_weights and label_smoothing are not for boxes: focal loss is in the loss already.")

    def _read(self, frame: pd.DataFrame, known: Mapping[str, int] | None = None) -> list[Parsed]:
        """Read the boxes of each row. BadRows: cells cannot be used, or have other classes than are known."""
        found, problems = [], []
        for row, cell in zip(frame.index, cells_of(frame[self.columns[0]]), strict=True):
            try:
                boxes = parsed(cell)
            except BadBoxes as error:
                problems.append(Problem(str(row), str(error)))
                continue
            new = sorted({*boxes.classes} - {*known}) if known is not None else []
            if new:
                problems.append(Problem(str(row), f"has boxes of {first_few(new)}, which no training row has"))
            found.append(boxes)
        if problems:
            raise BadRows(f"The boxes of {counted(len(problems), 'rows')} cannot be used:", problems)
        return found
