"""Rows of a task, and the data set that holds them by split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from headstart.core.types import Task


@dataclass(frozen=True)
class Rows:
    """Examples in order. `ids` name each row in messages and predictions ("train/ants/1.jpg", "train.csv:17").

    inputs: for images paths, bytes of files, PIL images or arrays [H, W] or [H, W, C]; for text strings or pairs of
    strings; for vectors one array [N, D] float32.
    targets: [N] int64 classes, [N, C] float32 multi-label, [N, T] float32 regression; None without labels.
    """

    ids: Sequence[str]
    inputs: Any
    targets: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, places: Sequence[int] | np.ndarray) -> Rows:
        """Keep the rows at these places, in this order."""
        inputs = self.inputs[places] if isinstance(self.inputs, np.ndarray) else [self.inputs[i] for i in places]
        return Rows([self.ids[i] for i in places], inputs, None if self.targets is None else self.targets[places])

    def unlabelled(self) -> Rows:
        """Drop the labels."""
        return replace(self, targets=None)


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
