"""A tag for each word of a text: entities (persons, places …), or parts of speech."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from headstart.core.columns import cells_of
from headstart.core.counting import counted
from headstart.core.errors import BadRows, DataError, Problem, UsageError, first_few
from headstart.targets._infer import LabelCells
from headstart.targets._schemes import (
    BEGINS,
    INSIDE,
    OUT,
    BadTags,
    Entity,
    as_places,
    entities_in,
    scheme_of,
    seems_scheme,
    tags_of,
)
from headstart.targets._tag_outcomes import TagOutcomes
from headstart.targets._target import BaseTarget

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from headstart.core.types import Labels, LossOptions
    from headstart.targets._outputs import Output

MOST = 254  # tags: one is a byte, and 0 is for words that are not seen
LOOKED_AT = 200  # rows, for whether their labels are tags


@dataclass(frozen=True)
class Tags(TagOutcomes, BaseTarget):
    """A tag for each word of a text: entities in IOB1, IOB2 (BIO), IOBES or BILOU, or any other tags.

    scheme: in which entities are written; "" where tags are classes of words by themselves.
    """

    order: ClassVar[int] = 3
    dense: ClassVar[bool] = True
    pooled: ClassVar[bool] = False
    one_column: ClassVar[str] = "column of tags"
    head: ClassVar[str] = "tokens"
    surgery: ClassVar[tuple[str, ...]] = ("words",)
    losses: ClassVar[tuple[str, ...]] = ("cross_entropy",)
    scheme: str = ""

    @classmethod
    def fits(cls, labels: LabelCells) -> bool:
        """Return whether the labels write entities, or are lists most of which have a tag twice."""
        if len(labels.columns) != 1 or not len(labels):
            return False
        rows, repeated = [], 0
        for cell in labels.cells[:LOOKED_AT]:
            try:
                tags = tags_of(cell)
            except BadTags:
                return False
            if isinstance(cell, str) and not seems_scheme([*tags, "B-any"]):
                return False
            rows.append(tags)
            repeated += len({*tags}) < len(tags)
        return seems_scheme(tag for tags in rows for tag in tags) or 2 * repeated > len(rows)

    def complete(self, train: pd.DataFrame, frames: Mapping[str, pd.DataFrame]) -> Self:
        """Complete the target by the scheme and the classes of the training tags.

        Args:
            train: The labelled training rows.
            frames: All labelled rows by split.

        Returns:
            The target.

        Raises:
            DataError: Tags are missing or cannot be used, are of two schemes, or there are too many.
        """
        self.check_present(frames)
        rows = self._each(train, tags_of)
        try:
            scheme = scheme_of(rows)
        except BadTags as error:
            raise DataError(f"The tags of training {error}. Write them in one scheme.") from error
        made = replace(self, scheme=scheme)
        names = sorted({name for found in made._each(train, made._read) for *_, name in found})
        made = replace(made, classes=tuple(names))
        if len(made.tags) > MOST:
            raise DataError(
                f"There are {len(made.tags):,} tags, and at most {MOST} can be learnt: {first_few(made.tags)}."
            )
        return made

    @property
    def tags(self) -> tuple[str, ...]:
        """What is learnt for each word: the classes, or O and for each class B- and I-."""
        if not self.scheme:
            return self.classes
        return (OUT, *(f"{letter}-{name}" for name in self.classes for letter in (BEGINS, INSIDE)))

    def knows(self, frame: pd.DataFrame) -> np.ndarray:
        """Return which rows have no class but those of the class list, [N] bool."""
        return np.array([{name for *_, name in found} <= {*self.classes} for found in self._each(frame, self._read)])

    def encode(self, frame: pd.DataFrame) -> list[np.ndarray]:
        """Turn cells into places in `tags`, [W] uint8 each. DataError: cells cannot be used, or have other classes."""

        def encoded(cell: Any) -> np.ndarray:
            found, count = self._read(cell), len(tags_of(cell))
            if new := sorted({name for *_, name in found} - {*self.classes}):
                raise BadTags(f"has {first_few(new)}, which no training row has")
            if self.scheme:
                return as_places(found, count, self.classes)
            return np.array([self.classes.index(name) for *_, name in found], dtype=np.uint8)

        return self._each(frame, encoded)

    def lay_over(
        self, rows: Sequence[str], labels: Labels, sizes: Sequence[tuple[int, int] | None], items: Sequence[Any] = ()
    ) -> Labels:
        """Check that each word has a tag. UsageError: examples are no single texts. DataError: some have not."""
        if None in sizes:
            raise UsageError("Tags are for the words of single texts, and these examples are none: name one column.")
        problems = [
            Problem(row, f"has {counted(words, 'words')} and {counted(len(label), 'tags')}", "give each word a tag")
            for row, label, (words, _) in zip(rows, labels, filter(None, sizes), strict=True)
            if words != len(label)
        ]
        if problems:
            raise BadRows(f"The tags of {counted(len(problems), 'rows')} cannot be used:", problems)
        return labels

    def check_training(self, labels: Labels) -> None:
        """Refuse tags without any entity, or of one class (DataError)."""
        found = {int(tag) for label in labels for tag in np.unique(label)}
        if len(found) < 2:
            what = "no entity" if self.scheme else "one tag only"
            raise DataError(f"The training rows have {what}: there is nothing to learn.")

    def collate(self, labels: Labels) -> torch.Tensor:
        """Make the tensor [B, W] int64 of places in `tags`; -1 fills up."""
        import torch

        found = np.full((len(labels), max(1, *map(len, labels))), -1, dtype=np.int64)
        for row, label in enumerate(labels):
            found[row, : len(label)] = label
        return torch.from_numpy(found)

    @property
    def outputs(self) -> int:
        """Numbers that a head gives for one word."""
        return len(self.tags)

    def output(self) -> Output:
        """Make the module that gives a head's numbers their meaning: cross-entropy, the likeliest tags in order."""
        from headstart.targets._tag_output import TagOutput

        return TagOutput(entities=bool(self.scheme))

    def check_loss(self, options: LossOptions) -> None:
        """Refuse class weights: tags are of more than the classes (UsageError)."""
        super().check_loss(options)
        if options.class_weights:
            raise UsageError("class_weights are not for tags of words: leave them away.")

    def describe(self) -> str:
        """Describe the classes and the scheme."""
        return super().describe() + (
            f", entities written in {self.scheme}" if self.scheme else ", a class for each word"
        )

    def cell(self, named: Any) -> Any:
        """Write the tags of a text as one value, for tables without lists."""
        return " ".join(named) if isinstance(named, list) else named

    def _read(self, cell: Any) -> list[Entity]:
        """Read the entities of a cell; of tags without a scheme, each word is one."""
        tags = tags_of(cell)
        if self.scheme:
            return entities_in(tags, self.scheme)
        return [(place, place + 1, tag) for place, tag in enumerate(tags)]

    def _each(self, frame: pd.DataFrame, function: Any) -> list[Any]:
        """Apply a function to the cell of each row. BadRows: some cannot be used; all are listed."""
        found, problems = [], []
        for row, cell in zip(frame.index, cells_of(frame[self.columns[0]]), strict=True):
            try:
                found.append(function(cell))
            except BadTags as error:
                problems.append(Problem(str(row), str(error)))
        if problems:
            raise BadRows(f"The tags of {counted(len(problems), 'rows')} cannot be used:", problems)
        return found
