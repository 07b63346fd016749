"""The section of the report on texts: figures of short, usual and long labels."""

from __future__ import annotations

import numpy as np

from headstart.drawing.blocks import Section, Table, Words
from headstart.drawing.text import number_text
from headstart.metrics._measured import Measured
from headstart.metrics.chrf import Chrf
from headstart.metrics.wer import Wer

PARTS = 3
HEADINGS = ("characters of the label", "rows", "chrF", "word error rate", "answered exactly", "length of the answers")


def sections(labels: np.ndarray, answers: np.ndarray) -> list[Section]:
    """Show figures by the length of the label, as it is long answers that go astray.

    Args:
        labels: Texts, [N].
        answers: Those that were given, [N].

    Returns:
        One section; none where there are too few rows.
    """
    lengths = np.array([len(label) for label in labels])
    order = np.argsort(lengths, kind="stable")
    if len(order) < 2 * PARTS:
        return []
    rows = [_row(labels[part], answers[part]) for part in np.array_split(order, PARTS)]
    note = "Three parts of equally many rows, by the length of the label. Length: the answers' by the labels'."
    return [Section("By the length of the label", [Table(HEADINGS, rows), Words(note, "soft")])]


def _row(labels: np.ndarray, answers: np.ndarray) -> tuple[str, ...]:
    measured = Measured("texts", ("",), labels, answers)
    lengths = [len(label) for label in labels]
    ratio = sum(map(len, answers)) / sum(lengths)
    figures = [float(metric.weighted(measured)(measured.unit)[0]) for metric in (Chrf(), Wer())]
    shown = [number_text(value) for value in (*figures, float(np.mean(labels == answers)), ratio)]
    return (f"{min(lengths)} to {max(lengths)}", f"{len(labels):,}", *shown)
