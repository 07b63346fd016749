"""Batches of what is kept of a network's constant part, in the place of the examples (for `Model.features`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils import _pytree as pytree

from headstart.core.task import Show
from headstart.core.types import Input
from headstart.data.rows import Rows, take
from headstart.data.transforms import Draw, Transform
from headstart.features.cache import Row, Table
from headstart.features.staged import Staged
from headstart.features.tracing import Traced
from headstart.views.plain import Plain


@dataclass(frozen=True)
class _Places(Input):
    """Places of rows in a table, as if they were a modality."""


@dataclass(frozen=True, kw_only=True)
class KeptTransform(Transform):
    """Turns places of rows into batches of what is kept of them, with their x where the rest of the network reads it.

    traced: the network in two parts. tables: what is kept of each row, by the number of the view; the first is plain.
    whole: makes their examples. key: of its view. prepared: the rows, by `whole`. with_x: whether batches have x too.
    """

    traced: Traced | Staged
    tables: Sequence[Table]
    whole: Transform
    key: str
    prepared: Sequence[Any]
    with_x: bool

    @classmethod
    def of(
        cls,
        traced: Traced | Staged,
        tables: Sequence[Table],
        whole: Transform,
        prepared: Sequence[Any],
        *,
        with_x: bool,
    ) -> KeptTransform:
        """Make one, of a transform of a single view."""
        expects = _Places()  # pyright: ignore[reportAbstractUsage]  # it is never read from data
        (key,) = whole.views
        return cls(
            expects,
            {key: Plain()},
            traced=traced,
            tables=tables,
            whole=whole,
            key=key,
            prepared=prepared,
            with_x=with_x,
        )

    def prepare(self, inputs: Any) -> Any:
        """Take the places as they are."""
        return inputs

    @property
    def ragged(self) -> bool:
        """Whether the rows' own examples differ in length, so that batches are the same as without a cache."""
        return self.whole.ragged

    def lengths(self, prepared: Any) -> np.ndarray | None:
        """Count the tokens of the rows' own examples."""
        return self.whole.lengths(take(self.prepared, prepared))

    def example(self, item: Any, key: str, draw: Draw | None) -> tuple[Row, Any]:
        """Return what is kept of a row in one of its views, and its example."""
        row = self.tables[0 if draw is None else draw.number % len(self.tables)][item]
        return row, self.whole.example(self.prepared[item], self.key, draw) if self.with_x else None

    def beside(self, item: Any, key: str, draw: Draw | None) -> Show:
        """Return what shows a picture that lies over the row's own example."""
        return self.whole.beside(self.prepared[item], self.key, draw)

    def collate(self, examples: list[tuple[Row, Any]]) -> dict[str, Any]:
        """Make a batch for `Model.features`: {"kept": tensors by number, "x"}."""
        x = self.whole.collate([example for _, example in examples]) if self.with_x else None
        rows = [row for row, _ in examples]
        return batch_of(self.traced, rows, x)


def batch_of(traced: Traced | Staged, rows: Sequence[Row], x: Any) -> dict[str, Any]:
    """Put kept rows into one batch; tokens are cut and filled up to the number that x has.

    What is kept of a text has as many tokens as the longest one that was computed with it: beyond its own they mean
    nothing, and the rest of the network masks them.
    """
    kept = {}
    for place, (values, ragged) in enumerate(zip(zip(*rows, strict=True), traced.ragged, strict=True)):
        if ragged:
            most = pytree.tree_leaves(x)[0].shape[1]
            joined = pad_sequence([value[:most] for value in values], batch_first=True)
            kept[str(place)] = torch.nn.functional.pad(joined, (0, 0) * (joined.ndim - 2) + (0, most - joined.shape[1]))
        else:
            kept[str(place)] = torch.stack(list(values))
    return {"kept": kept} | ({} if x is None else {"x": x})


def kept_rows(rows: Rows) -> Rows:
    """Put places in the place of the examples."""
    return replace(rows, inputs=np.arange(len(rows)), digests=())
