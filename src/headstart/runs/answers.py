"""Whether heads can give the labels of a run: told or refused before training."""

from __future__ import annotations

from itertools import product

import numpy as np
import torch

from headstart.core.counting import counted
from headstart.core.errors import BadRows, Problem, first_few
from headstart.data.rows import Dataset, Rows
from headstart.data.transforms import make_transform
from headstart.models.model import Backbone, Model
from headstart.models.taps import probe

AT_ONCE = 64  # rows


def told_cut_labels(model: Model, data: Dataset) -> list[str]:
    """Tell of which labels a head can give only a part, split by split, with the first few by name."""
    notes = []
    for (target, head), (split, rows) in product(model.by_target().items(), data.splits.items()):
        own = rows.of(target) if target in rows.targets else None
        if own is not None and (found := head.cut(own.labels_of(target))) is not None:
            named = first_few(str(own.ids[place]) for place in found.places)
            notes.append(f"{counted(len(found.places), 'labels', len(own))} of {split} {found.what}: {named}")
    return notes


def check_room(model: Model, data: Dataset) -> None:
    """Check that each example gives as many tokens as its label needs, where the heads ask for some.

    Args:
        model: As it begins.
        data: Its labelled rows.

    Raises:
        DataError: Some give fewer; all are listed.
    """
    problems = []
    for (target, head), rows in product(model.by_target().items(), data.splits.values()):
        own = rows.of(target) if target in rows.targets else None
        needed = None if own is None else head.needs(own.labels_of(target))
        if own is not None and needed is not None:
            given = tokens_of(model.backbone, own)
            problems += [
                Problem(str(own.ids[place]), f"its text needs {needed[place]:,} tokens, and it gives {given[place]:,}")
                for place in np.flatnonzero(needed > given).tolist()
            ]
    if problems:
        raise BadRows(f"The texts of {counted(len(problems), 'rows')} are too long for their examples:", problems)


def tokens_of(backbone: Backbone, rows: Rows) -> np.ndarray:
    """Count the tokens that a backbone gives of each row, [N]; it is not run but for one made-up example."""
    transform, every = make_transform(backbone.card.input), probe(backbone).get("tokens")
    assert every is not None
    items, found = transform.prepare(rows.inputs), []
    for start in range(0, len(rows), AT_ONCE):
        places = range(start, min(start + AT_ONCE, len(rows)))
        x = transform.collate([transform.example(items[place], "x", None) for place in places])
        mask = backbone.mask_of(x, every.shape[1])
        found.append(torch.full((len(places),), every.shape[1]) if mask is None else mask.sum(dim=1).cpu())
    return torch.cat(found).numpy()
