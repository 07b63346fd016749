"""Rows of a task, and the data set that holds them by split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from headstart.core.errors import Problem, first_few
from headstart.core.lazy import Lazy
from headstart.core.packed import Packed
from headstart.core.types import Labels, Target, Task


@dataclass(frozen=True, repr=False)
class Rows:
    """Examples in order. `ids` name each row in messages and predictions ("train/ants/1.jpg", "train.csv:17").

    inputs: a sequence of N or an array [N, …], as the modality's `read` makes them (paths, texts, numbers …).
    labels: by target; as each kind encodes them: [N] int64 classes, [N, C] float32 multi-label, [N, T] float32
    regression, a list of N where rows are ragged. Empty without labels.
    digests: the SHA-256 of each row's content; empty where it was not computed.
    domains: [N] int64, the number of each row's domain, the source domains first; None where none are named.
    known: by target, [N] bool, which rows have its label; the others hold zeros there. A target that is not named has
        a label in every row.
    """

    ids: Sequence[str]
    inputs: Any
    labels: Mapping[str, Labels] = field(default_factory=dict)
    digests: Sequence[bytes] = ()
    domains: np.ndarray | None = None
    known: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Count the rows and name the first few."""
        labelled = f", labelled for {first_few(self.labels)}" if self.labels else ", without labels"
        return f"{len(self):,} rows ({first_few(self.ids, most=3)}){labelled}"

    @property
    def y(self) -> Any:
        """The labels of the only target; None without labels."""
        assert len(self.labels) < 2, f"the rows have labels for {', '.join(self.labels)}"
        return next(iter(self.labels.values()), None)

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, places: Sequence[int] | np.ndarray) -> Rows:
        """Keep the rows at these places, in this order."""
        labels = {name: take(labels, places) for name, labels in self.labels.items()}
        digests = take(self.digests, places) if self.digests else ()
        domains = None if self.domains is None else self.domains[places]
        known = {name: known[places] for name, known in self.known.items()}
        return Rows(take(self.ids, places), take(self.inputs, places), labels, digests, domains, known)

    def unlabelled(self) -> Rows:
        """Drop the labels."""
        return replace(self, labels={}, known={})

    def places(self, target: str) -> np.ndarray | slice:
        """Return where the rows stand that have a label of a target: all of them as a slice, which copies nothing."""
        known = self.known.get(target)
        return slice(None) if known is None else np.flatnonzero(known)

    def of(self, target: str) -> Rows:
        """Keep the rows that have a label of a target, with the labels of it alone."""
        alone = replace(self, labels={target: self.labels[target]}, known={})
        return alone if target not in self.known else alone.take(np.flatnonzero(self.known[target]))

    def labels_of(self, target: str) -> Labels:
        """Return the labels of the rows that have one of a target, in the order of `places`."""
        labels = self.labels[target]
        return labels if target not in self.known else take(labels, np.flatnonzero(self.known[target]))

    def among_all(self, target: str, values: np.ndarray, missing: float = -1) -> np.ndarray:
        """Put what was found for the rows that have a label of a target, [n, …], in their places among all, [N, …]."""
        if target not in self.known:
            return values
        found = np.full((len(self), *values.shape[1:]), missing, values.dtype)
        found[self.known[target]] = values
        return found

    def by_row(self, target: str, find: Callable[[Labels], np.ndarray | None]) -> np.ndarray | None:
        """Find something of each row's label of a target, [N], -1 where it has none; None where `find` gives None."""
        found = find(self.labels_of(target))
        return None if found is None else self.among_all(target, found)

    def bare(self) -> Rows:
        """Leave the inputs away: what is left costs next to nothing to take and to put together."""
        return replace(self, inputs=range(len(self)), digests=(), domains=None)

    @property
    def targets(self) -> list[str]:
        """The targets of which some row has a label."""
        return [name for name in self.labels if name not in self.known or self.known[name].any()]

    def predicted(self, task: Task) -> dict[str, Target]:
        """Return the targets of a task of which some row has a label, by name."""
        known = self.targets
        return {name: target for name, target in task.predicted.items() if name in known}


@dataclass(frozen=True, repr=False)
class Dataset:
    """A task with its rows.

    splits: "train", and where there are any "validation" and "test", all labelled.
    pools: what streams are made of: "train"; "unlabelled" where there are rows without labels; with domains "source"
    (labelled), "target" (without labels) and perhaps "target_labelled" (a few more rows of it, with labels); with
    several targets "task:NAME". The test split is never among them.
    notes: what was inferred, in words, to be printed. fingerprint: a hash of all rows and labels.
    groups: by row, what must stay on one side of any split: the group that was asked for, or copies of an image.
    drawn: the splits that were cut from given ones. left_out: what is wrong with the rows that were left out.
    aside: those of the notes that tell of splits without labels, which are in no split here.
    """

    task: Task
    splits: Mapping[str, Rows]
    pools: Mapping[str, Rows]
    notes: Sequence[str] = field(default_factory=tuple)
    fingerprint: str = ""
    groups: Mapping[str, str] = field(default_factory=dict)
    drawn: Sequence[str] = ()
    left_out: Sequence[Problem] = ()
    aside: Sequence[str] = ()

    def __repr__(self) -> str:
        """Say what is predicted from what, and how many rows there are."""
        counts = {**self.splits, **self.pools}
        rows = first_few(f"{name} {len(part):,}" for name, part in counts.items())
        return f"Dataset: {self.task.sentence()}; rows: {rows}"

    def groups_of(self, rows: Rows) -> list[str] | None:
        """Name the group of each row, the row itself where it is alone; None where there are no groups."""
        return [self.groups.get(row, row) for row in rows.ids] if self.groups else None


def concatenate(parts: Sequence[Rows]) -> Rows:
    """Put rows below each other; digests and domains stay if all have them.

    Args:
        parts: Rows, each perhaps with labels of other targets, or with none.

    Returns:
        The rows of all; `known` says which have a label of each target.
    """
    names = list(dict.fromkeys(name for part in parts for name in part.labels))
    labels = {name: join(_labels(parts, name)) for name in names}
    known = {name: np.concatenate([_known(part, name) for part in parts]) for name in names}
    digests = join([part.digests for part in parts]) if all(part.digests for part in parts) else ()
    numbered = [part.domains for part in parts if part.domains is not None]
    domains = np.concatenate(numbered) if len(numbered) == len(parts) else None
    ids, inputs = join([part.ids for part in parts]), join([part.inputs for part in parts])
    return Rows(ids, inputs, labels, digests, domains, {name: has for name, has in known.items() if not has.all()})


def _labels(parts: Sequence[Rows], name: str) -> list[Labels]:
    """Return each part's labels of a target; those of a part without any are zeros, or empty where rows are ragged."""
    like = max((part.labels[name] for part in parts if name in part.labels), key=len)
    return [part.labels[name] if name in part.labels else blank(like, len(part)) for part in parts]


def blank(like: Labels, count: int) -> Labels:
    """Make what stands for the labels of rows that have none, such as these: zeros, or empty where rows are ragged."""
    if isinstance(like, np.ndarray):
        return np.zeros((count, *like.shape[1:]), like.dtype)
    return [like[0][:0] for _ in range(count)]


def filled(labels: Labels, known: np.ndarray) -> Labels:
    """Put the labels of the rows that have one in their places among all, with `blank` labels between them."""
    found = blank(labels, len(known))
    for place, label in zip(np.flatnonzero(known).tolist(), labels, strict=True):
        found[place] = label
    return found


def _known(part: Rows, name: str) -> np.ndarray:
    return part.known.get(name, np.full(len(part), name in part.labels))


def join(values: Sequence[Any]) -> Any:
    """Put arrays, lists or what is `Packed` below each other."""
    if all(isinstance(each, Packed) for each in values):
        return Packed.join(values)
    return np.concatenate(values) if isinstance(values[0], np.ndarray) else [one for each in values for one in each]


def take(values: Any, places: Sequence[int] | np.ndarray) -> Any:
    """Keep the entries of an array, a list or what is `Lazy` or `Packed` at these places, in this order."""
    if isinstance(values, Lazy | Packed):
        return values.take(places)
    return values[places] if isinstance(values, np.ndarray) else [values[i] for i in places]
