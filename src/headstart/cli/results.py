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
        by_class = class_rows(evaluation)
        if by_class:
            more = f", the first {MOST_CLASSES} of {len(by_class)}" if len(by_class) > MOST_CLASSES else ""
            columns = ("class", "precision", "recall", "F1", "rows")
            show.table(f"by class, {split}{more}", columns, by_class[:MOST_CLASSES])
