"""The rows of the embedding map: which are drawn, where they lie, and what colours them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.core.seeding import numpy_generator
from headstart.core.types import Colours, Task
from headstart.data.rows import Dataset, Rows, concatenate
from headstart.evaluation.report.facts import Map

MAP_ROWS = 150  # of each domain; two passes of them through the backbone: a small part of what evaluation takes
MAP_CLASSES = 8  # as many as can be told apart by colour


@dataclass(frozen=True)
class Drawn:
    """Rows on the map.

    split: the split or pool that is drawn; of two domains the target's. rows: M of them, without labels. groups: [M],
    the place of each row's class in `names`, of its task where each has rows of its own, or the number where it is
    empty; nan without a label. of_target: how many
    rows of two domains are of the target; the source's follow.
    """

    split: str
    rows: Rows
    groups: np.ndarray
    names: tuple[str, ...]
    of_target: int | None = None


def drawn_rows(data: Dataset, seed: int) -> Drawn:
    """Choose the rows of the map: test rows, else validation rows, else training rows; of two domains some of either.

    Args:
        data: Of two domains the target's are test rows, or without any those that are learnt from.
        seed: Decides which rows.

    Returns:
        The rows, about as many of each class where they are coloured by class.
    """
    two = {"source", "target"} <= data.pools.keys()
    order = ("test", "target") if two else ("test", "validation", "train")
    found = {**data.pools, **data.splits}
    split = next(name for name in order if name in found)
    rows, colours = _chosen(data.task, found[split], seed)
    if not two:
        return Drawn(split, rows.unlabelled(), *colours)
    only = np.unique(colours.groups) if rows.labels else None
    source, of_source = _chosen(data.task, data.pools["source"], seed, only)
    groups = colours.groups if rows.labels else np.full(len(rows), np.nan)
    both = concatenate([rows.unlabelled(), source.unlabelled()])
    return Drawn(split, both, np.concatenate([groups, of_source.groups]), of_source.names, len(rows))


def as_map(drawn: Drawn, before: np.ndarray, after: np.ndarray | None) -> Map:
    """Draw rows in two dimensions.

    Args:
        drawn: The M rows.
        before: Their features in the source model, [M, D].
        after: Those in the trained one; None where they are the same.

    Returns:
        Plain data for the report.
    """
    groups, names, labelled = drawn.groups.astype(np.float64), list(drawn.names), np.isfinite(drawn.groups)
    if names:
        present = np.unique(groups[labelled])
        names = [names[int(place)] for place in present]
        groups[labelled] = np.searchsorted(present, groups[labelled])
    places, share = project(before)
    seen: Map = {
        "split": drawn.split,
        "rows": len(drawn.rows),
        "names": names,
        "groups": [float(value) if known else None for value, known in zip(groups, labelled, strict=True)],
        "before": _rounded(places),
        "variance": [share],
    }
    if drawn.of_target is not None:
        seen["of_target"] = drawn.of_target
    if after is not None:
        places, share = project(after)
        seen["after"] = _rounded(places)
        seen["variance"].append(share)
    return seen


def project(features: np.ndarray) -> tuple[np.ndarray, float]:
    """Project features [M, D] onto their first two principal components (Pearson 1901).

    Args:
        features: [M, D].

    Returns:
        Places [M, 2], each component's sign such that its largest entry is positive, and the share of the variance.
    """
    centred = features.astype(np.float64) - features.mean(axis=0)
    u, scale, _ = np.linalg.svd(centred, full_matrices=False)
    places = np.zeros((len(features), 2))
    width = min(2, u.shape[1])
    places[:, :width] = u[:, :width] * scale[:width]
    places *= np.where(places[np.abs(places).argmax(axis=0), [0, 1]] < 0, -1, 1)
    total = float((scale**2).sum())
    return places, float((scale[:2] ** 2).sum() / total) if total else 0.0


def _chosen(task: Task, rows: Rows, seed: int, only: np.ndarray | None = None) -> tuple[Rows, Colours]:
    """Choose rows at random; where they are coloured by class, about as many of each of the frequent ones."""
    random = numpy_generator(seed, "map")
    colours = _by_task(rows)
    if colours is None:
        rows = rows.of(rows.targets[0]) if rows.known else rows
        colours = _colours(task, rows)
    if not colours.names:
        places = np.sort(random.permutation(len(rows))[:MAP_ROWS])
    else:
        wanted = (colours.groups >= 0) & (True if only is None else np.isin(colours.groups, only))
        names, counts = np.unique(colours.groups[wanted], return_counts=True)
        chosen = names[np.argsort(-counts, kind="stable")[:MAP_CLASSES]]
        share = -(-MAP_ROWS // max(len(chosen), 1))
        found = [random.permutation(np.flatnonzero(colours.groups == name))[:share] for name in chosen]
        places = np.sort(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)
    return rows.take(places), Colours(colours.groups[places], colours.names)


def _by_task(rows: Rows) -> Colours | None:
    """Colour rows by the target that they have a label of, where each has one of several; else None."""
    if len(rows.targets) < 2 or len(rows.known) < len(rows.labels):
        return None
    known = np.stack([rows.known[name] for name in rows.labels])
    return Colours(known.argmax(axis=0), tuple(rows.labels)) if (known.sum(axis=0) == 1).all() else None


def _colours(task: Task, rows: Rows) -> Colours:
    """Find what colours rows: the first target's labels; without labels all are alike."""
    for name, target in task.predicted.items():
        if name in rows.labels:
            return target.colours(rows.labels[name])
    return Colours(np.zeros(len(rows), dtype=np.int64), ("rows",))


def _rounded(places: np.ndarray) -> list[list[float]]:
    return [[float(f"{value:.5g}") for value in row] for row in places]
