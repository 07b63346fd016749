"""A class for each pixel of an image: labels are masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from headstart.core.columns import cells_of
from headstart.core.counting import agree, counted
from headstart.core.errors import BadRows, DataError, Problem, first_few
from headstart.core.task import Show
from headstart.targets._infer import LabelCells
from headstart.targets._legend import Value, find_legend, parsed, written
from headstart.targets._mask_outcomes import MaskOutcomes
from headstart.targets._masks import (
    IGNORED,
    MOST,
    BadMask,
    as_places,
    found_in,
    in_threads,
    is_mask,
    opened_mask,
    packed_mask,
    pixels_of,
    size_of,
    values_of,
)
from headstart.targets._target import BaseTarget

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from headstart.core.types import Labels, LossOptions
    from headstart.targets._outputs import Output


@dataclass(frozen=True)
class Segmentation(MaskOutcomes, BaseTarget):
    """A class for each pixel of an image, from masks of palette indices, grey values or colours.

    values: what stands for each class in masks. ignored: values of pixels that nothing is learnt of. unseen: classes
    of the legend that no training mask has.
    """

    # labels: read, encoded, learnt

    order: ClassVar[int] = 5
    dense: ClassVar[bool] = True
    pooled: ClassVar[bool] = False
    one_column: ClassVar[str] = "column of masks"
    head: ClassVar[str] = "decoder"
    surgery: ClassVar[tuple[str, ...]] = ("adapt_input whole=true", "maps")
    losses: ClassVar[tuple[str, ...]] = ("cross_entropy",)
    balances: ClassVar[tuple[str, ...]] = ("weights", "focal", "logit_adjust")
    values: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()

    @classmethod
    def fits(cls, labels: LabelCells) -> bool:
        """Return whether the labels are pictures."""
        return len(labels.columns) == 1 and len(labels) > 0 and all(map(is_mask, labels.cells))

    def complete(self, train: pd.DataFrame, frames: Mapping[str, pd.DataFrame]) -> Self:
        """Complete the target by its classes: those of the legend, else the values in the training masks.

        Args:
            train: The labelled training rows.
            frames: All labelled rows by split.

        Returns:
            The target.

        Raises:
            DataError: Masks are missing or cannot be read, or hold more values than there can be classes.
        """
        self.check_present(frames)
        cells = cells_of(train[self.columns[0]])
        legend = find_legend(cells[0])
        colours = legend.colours if legend else None
        each = self._read(train, lambda cell: found_in(values_of(cell, colours=colours)))
        found = set().union(*each)
        if legend is not None:
            names, ignored = legend.names, legend.ignored
        else:
            void: tuple[Value, ...] = ((IGNORED,),) if (IGNORED,) in found and found - {(0,), (IGNORED,)} else ()
            names, ignored = {value: written(value) for value in sorted(found - {*void})}, void
        if len(names) > MOST:
            raise DataError(
                f"The masks have {len(names):,} values, and at most {MOST} can be classes. Were they saved as JPEG, or "
                "smoothed? Masks are PNG files in which each class has one value."
            )
        unseen = tuple(name for value, name in names.items() if value not in found)
        return replace(
            self,
            classes=tuple(names.values()),
            values=tuple(map(written, names)),
            ignored=tuple(map(written, ignored)),
            unseen=unseen,
        )

    def encode(self, frame: pd.DataFrame) -> list[np.ndarray]:
        """Turn masks into PNGs of places in the class list, [L] uint8 each. DataError: values of no class."""
        known, ignored = [parsed(each) for each in self.values], [parsed(each) for each in self.ignored]
        colours = any(len(value) == 3 for value in (*known, *ignored))
        return self._read(frame, lambda cell: packed_mask(as_places(values_of(cell, colours=colours), known, ignored)))

    def lay_over(
        self, rows: Sequence[str], labels: Labels, sizes: Sequence[tuple[int, int] | None], items: Sequence[Any] = ()
    ) -> Labels:
        """Check that each mask has the size of its picture. DataError: some have not; all are listed."""
        problems = [
            Problem(
                row,
                f"is {size[0]} x {size[1]} pixels, its mask {own[0]} x {own[1]}",
                "give both one size",
            )
            for row, label, size in zip(rows, labels, sizes, strict=True)
            if len(label) and size is not None and (own := size_of(label)) != size
        ]
        if problems:
            raise BadRows(
                f"{counted(len(problems), 'masks')} {agree(len(problems), 'do')} not fit their pictures:", problems
            )
        return labels

    def check_training(self, labels: Labels) -> None:
        """Refuse masks all of whose pixels are of one class, or of none (DataError)."""
        if sum(count > 0 for count in self.counts(labels).values()) < 2:
            raise DataError("The training masks have pixels of one class only: there is nothing to learn.")

    def shown(self, label: Any, show: Show) -> Any:
        """Show a mask as its picture is shown: [H, W] uint8."""
        return show(opened_mask(label))

    def collate(self, labels: Labels) -> torch.Tensor:
        """Make the tensor [B, H, W] int64 of masks that were shown."""
        import torch

        return torch.from_numpy(np.stack(labels)).long()

    @property
    def outputs(self) -> int:
        """Numbers that a head gives for one pixel."""
        return len(self.classes)

    def output(self) -> Output:
        """Make the module that gives a head's numbers their meaning: cross-entropy and Dice, the likeliest class."""
        from headstart.targets._mask_output import MaskOutput

        return MaskOutput(len(self.classes))

    def choose_imbalance(self, labels: Labels, options: LossOptions) -> tuple[str, str]:
        """Leave it to Dice, which counts each class alike."""
        pixels = np.sum([pixels_of(label, len(self.classes)) for label in labels], axis=0)
        most, least = int(pixels.argmax()), int(pixels.argmin())
        sizes = f"{self.classes[most]} has {pixels[most]:,} pixels, {self.classes[least]} has {pixels[least]:,}"
        return "none", f"Dice, which counts each class alike, is in the loss; {sizes}"

    def describe(self) -> str:
        """Describe the classes, what is ignored, and what no training mask has."""
        more = f"; ignored: {first_few(self.ignored, '; ')}" if self.ignored else ""
        unseen = f"; in no training mask: {first_few(self.unseen)}" if self.unseen else ""
        return f"{super().describe()}{more}{unseen}"

    def _read(self, frame: pd.DataFrame, function: Any) -> list[Any]:
        """Apply a function to the mask of each row. BadRows: some cannot be used; all are listed."""

        def attempt(cell: Any) -> tuple[Any, str]:
            try:
                return function(cell), ""
            except BadMask as error:
                return None, str(error)

        done = in_threads(attempt, cells_of(frame[self.columns[0]]), "reading masks")
        problems = [
            Problem(str(row), f"its mask {why}") for row, (_, why) in zip(frame.index, done, strict=True) if why
        ]
        if problems:
            raise BadRows(f"{counted(len(problems), 'masks')} cannot be used:", problems)
        return [found for found, _ in done]

    def cell(self, named: Any) -> Any:
        """Write the classes of a picture as one value, for tables without lists."""
        return "|".join(named) if isinstance(named, list) else named

    # what comes out: decisions, figures, tables, report: `_mask_outcomes.py`
