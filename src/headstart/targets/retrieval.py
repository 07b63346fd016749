"""An embedding in which rows of one class are near each other, also of classes that training has not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from headstart.core.cells import class_name
from headstart.core.columns import cells_of
from headstart.core.errors import DataError, Problem, first_few
from headstart.core.interface import option
from headstart.core.task import kind_of
from headstart.targets._class_list import find_classes
from headstart.targets._embedding_outcomes import EmbeddingOutcomes
from headstart.targets._target import BaseTarget

if TYPE_CHECKING:
    import pandas as pd

    from headstart.core.types import Labels
    from headstart.targets._outputs import Output


@dataclass(frozen=True)
class Retrieval(EmbeddingOutcomes, BaseTarget):
    """An embedding in which rows of one class are near each other, also of classes that training has not.

    columns: the column of class names. classes: none, as no output is of a class. identities: the class names of all
    rows that were read, training or not; a label is a place among them, and names that come later follow. dim: numbers
    of an embedding, where the head does not say.
    """

    identities: tuple[str, ...] = ()
    dim: int = 128

    # labels: read, encoded, learnt

    head: ClassVar[str] = "embedding"
    new_classes: ClassVar[bool] = True
    one_column: ClassVar[str] = "label column"

    def complete(self, train: pd.DataFrame, frames: Mapping[str, pd.DataFrame]) -> Self:
        """Complete the target by the names of all classes. DataError: labels are missing or cannot be used."""
        self.check_present(frames)
        import pandas as pd

        return replace(self, identities=find_classes(pd.concat(frames.values()), frames, self.columns[0], _alone))

    def encode(self, frame: pd.DataFrame) -> np.ndarray:
        """Turn the labels of a split into places among the identities, [N] int64; new names follow, by name."""
        names = [class_name(cell) for cell in cells_of(frame[self.columns[0]])]
        new = sorted({*names} - {*self.identities})
        places = {name: place for place, name in enumerate((*self.identities, *new))}
        return np.array([places[name] for name in names], dtype=np.int64)

    def check_training(self, labels: Labels) -> None:
        """Refuse classes of which none has two rows (DataError): no row would have one to be near to."""
        sizes = np.bincount(labels)
        if (sizes > 1).sum() < 1 or (sizes > 0).sum() < 2:
            raise DataError(
                f"A {kind_of(self)} task needs at least two classes in training, one of them with two rows or more: "
                f"the column '{self.columns[0]}' has {len(labels):,} rows of {(sizes > 0).sum():,} classes."
            )

    def check_splits(self, labels: Mapping[str, Labels]) -> None:
        """Refuse classes that have rows in two of the given splits (DataError); all are listed."""
        homes: dict[int, list[str]] = defaultdict(list)
        for split, given in labels.items():
            for label, rows in zip(*np.unique(given, return_counts=True), strict=True):
                homes[int(label)].append(f"{rows:,} in {split}")
        problems = [
            Problem(
                f"class '{self.name_of(label)}'", f"has rows in several splits: {first_few(found)}", "move all to one"
            )
            for label, found in homes.items()
            if len(found) > 1
        ]
        if problems:
            raise DataError(
                f"{len(problems)} of {len(homes)} classes span the given splits, and a {kind_of(self)} task is "
                f"measured on classes that training has not. Without splits whole classes are held out; to tell known "
                f"classes apart, take {option('task', 'multiclass')}.",
                problems,
            )

    @property
    def outputs(self) -> int:
        """Numbers of an embedding, where the head does not say."""
        return self.dim

    def output(self) -> Output:
        """Make the module that gives an embedding its meaning: ProxyNCA++, length 1."""
        from headstart.targets._embedding_output import EmbeddingOutput

        return EmbeddingOutput(len(self.identities), self.dim)

    def describe(self) -> str:
        """Describe in words what the labels were taken for."""
        return f"{len(self.identities)} classes ({first_few(self.identities)}), read as {kind_of(self)}"

    # what comes out: figures, tables, report: `_embedding_outcomes.py`


def _alone(cell: object) -> list[object]:
    return [cell]
