"""Tables of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping

from headstart.cli.show import Show
from headstart.evaluation.metrics import Evaluation
from headstart.evaluation.tables import class_rows, metric_rows

MOST_CLASSES = 30


def show_evaluations(show: Show, metrics: Mapping[str, Evaluation]) -> None:
    """Show each split's metrics with their intervals, then the classes of the last split."""
    for split, evaluation in metrics.items():
        rows = f"{evaluation.rows:,} rows"
        show.table(f"{split} ({rows})", ("metric", "value", "95 % interval"), metric_rows(evaluation))
        for note in evaluation.notes:
            show.note(f"note: {note}")
    if metrics:
        split, evaluation = list(metrics.items())[-1]
        headings, *rows = class_rows(evaluation) or [()]
        if rows:
            more = f", the first {MOST_CLASSES} of {len(rows)}" if len(rows) > MOST_CLASSES else ""
            show.table(f"by class, {split}{more}", headings, rows[:MOST_CLASSES])
