"""The part of the rows that a search learns where its budget is too small for one pass over all of them."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np

from headstart.core.durations import rounded_up
from headstart.core.interface import call, option
from headstart.data.pools import with_training
from headstart.data.rows import Dataset
from headstart.selection.candidates import short
from headstart.selection.clock import Clock
from headstart.selection.found import Found
from headstart.selection.rank import order_of_rows

END = 4.0  # seconds that saving and the report take, beside passes over the rows
LABELLED = ("train", "validation")


class Part(NamedTuple):
    """rows: labelled ones that are learnt or choose. test: whether there is time to measure the test rows. why: in
    sentences.
    """

    rows: int
    test: bool
    why: str


def affordable(found: Found, data: Dataset, clock: Clock) -> Part | None:
    """Say which part of the rows a budget allows.

    Args:
        found: The source that was best on a sample: a row of it is known to take so long.
        data: With its test rows.
        clock: Says what time is left.

    Returns:
        The part; at least the sample, which has been seen. None: there is time for one pass over all labelled rows.
    """
    total = sum(len(data.splits[name]) for name in LABELLED if name in data.splits)
    if (total - found.rows) * found.look <= max(0.0, clock.left):
        return None
    tested = len(data.splits.get("test", ()))
    rows = found.rows + math.floor(max(0.0, clock.left - END) / found.look)
    seconds, test = (total + tested) * found.look, tested * found.look <= max(0.0, clock.left)
    enough = rounded_up(1.2 * (clock.spent + seconds + END))
    why = (
        f"The budget is too small for all rows: one pass of {short(found.offer)} over {total + tested:,} rows takes "
        f"about {math.ceil(seconds)} s. {rows:,} of {total:,} labelled rows are used; {option('budget', enough)} would "
        "do for all."
    )
    if tested and not test:
        why += f" The test rows are not measured: {call('evaluate', 'RUN')} does that."
    return Part(rows, test, why)


def cut(data: Dataset, part: Part, seed: int) -> Dataset:
    """Keep a part of the rows: those that a sample of as many rows has, and of training rows no fewer than half of it.

    Args:
        data: The rows.
        part: What is kept.
        seed: Of the sample.

    Returns:
        The data, under another fingerprint.
    """
    names = [name for name in LABELLED if name in data.splits]
    counts = [len(data.splits[name]) for name in names]
    order = order_of_rows(sum(counts), seed)
    splits: dict[str, Any] = {name: rows for name, rows in data.splits.items() if name not in LABELLED}
    start = 0
    for name, count in zip(names, counts, strict=True):
        own = np.flatnonzero((order >= start) & (order < start + count))  # places in the order
        least = part.rows // 2 if name == "train" else 1
        kept = order[own[: max(int((own < part.rows).sum()), least)]] - start
        splits[name] = data.splits[name].take(np.sort(kept))
        start += count
    if not part.test:
        splits.pop("test", None)
    pools = with_training(data.pools, splits["train"])
    return dataclasses.replace(data, splits=splits, pools=pools, fingerprint=f"{data.fingerprint}-{part.rows}")
