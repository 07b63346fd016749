"""The section of the report on answers: figures of questions without an answer, and by the length of the answer."""

from __future__ import annotations

import numpy as np

from headstart.drawing.blocks import Section, Table, Words
from headstart.drawing.text import number_text

PARTS = 3
HEADINGS = ("questions", "rows", "exact match", "token F1", "answered by nothing")
NOTE = "Characters are those of the longest right answer. Nothing: the model said that there is no answer."


def sections(lengths: np.ndarray, figures: np.ndarray, nothing: np.ndarray) -> list[Section]:
    """Show figures by the length of the answer.

    Args:
        lengths: Characters of the longest right answer, [N]; 0 where there is none.
        figures: Exact match and token F1 of each row, [2, N].
        nothing: Which rows were answered by nothing, [N] bool.

    Returns:
        One section that stands early; none where there are too few rows.
    """
    if len(lengths) < 2 * PARTS:
        return []
    order = np.argsort(lengths, kind="stable")
    parts = np.array_split(order[lengths[order] > 0], PARTS)
    named = [(f"answer of {lengths[p[0]]:.0f} to {lengths[p[-1]]:.0f} characters", p) for p in parts if len(p)]
    without = np.flatnonzero(lengths == 0)
    named += [("without an answer", without)] if len(without) else []
    rows = []
    for name, part in named:
        shares = (*figures[:, part].mean(axis=1), nothing[part].mean())
        rows.append((name, f"{len(part):,}", *(number_text(float(value)) for value in shares)))
    return [Section("By the length of the answer", [Table(HEADINGS, rows), Words(NOTE, "soft")], early=True)]
