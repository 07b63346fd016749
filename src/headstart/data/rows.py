"""Rows of a task, and the data set that holds them by split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from headstart.core.types import Labels, Task


@dataclass(frozen=True)
class Rows:
    """Examples in order. `ids` name each row in messages and predictions ("train/ants/1.jpg", "train.csv:17").

    inputs: for images paths, bytes of files, PIL images or arrays [H, W] or [H, W, C]; for text strings or pairs of
    strings; for vectors one array [N, D] float32.
    labels: by target; as each kind encodes them: [N] int64 classes, [N, C] float32 multi-label, [N, T] float32
    regression, a list of N where rows are ragged. Empty without labels.
    """

    ids: Sequence[str]
    inputs: Any
    labels: Mapping[str, Labels] = field(default_factory=dict)

    @property
    def y(self) -> Any:
        """The labels of the only target; None without labels."""
        assert len(self.labels) < 2, f"the rows have labels for {', '.join(self.labels)}"
        return next(iter(self.labels.values()), None)

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, places: Sequence[int] | np.ndarray) -> Rows:
        """Keep the rows at these places, in this order."""
        labels = {name: _take(labels, places) for name, labels in self.labels.items()}
        return Rows([self.ids[i] for i in places], _take(self.inputs, places), labels)

    def unlabelled(self) -> Rows:
        """Drop the labels."""
        return replace(self, labels={})


@dataclass(frozen=True)
class Dataset:
    """A task with its rows.

    splits: "train", and where there are any "validation" and "test", all labelled.
    pools: what streams are made of, by stream name: "train", and with domains "source" (labelled)
    and "target" (without labels). The test split is never among them.
    notes: what was inferred, in words, to be printed. fingerprint: a hash of all rows and labels.
    groups: by row, what must stay on one side of any split: the group that was asked for, or copies of an image.
    """

    task: Task
    splits: Mapping[str, Rows]
    pools: Mapping[str, Rows]
    notes: Sequence[str] = field(default_factory=tuple)
    fingerprint: str = ""
    groups: Mapping[str, str] = field(default_factory=dict)


def _take(values: Any, places: Sequence[int] | np.ndarray) -> Any:
    return values[places] if isinstance(values, np.ndarray) else [values[i] for i in places]
