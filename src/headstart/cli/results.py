"""Tables of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping

from headstart.cli.show import Show
from headstart.evaluation.metrics import Evaluation
from headstart.evaluation.tables import class_rows, interval_text, metric_rows
from headstart.runs.folds import CrossValidated

MOST_CLASSES = 30


def show_evaluations(show: Show, metrics: Mapping[str, Evaluation]) -> None:
    """Show each split's metrics with their intervals, then the classes of the last split."""
    for split, evaluation in metrics.items():
        rows = f"{evaluation.rows:,} rows"
        show.table(
            f"{split} ({rows})",
            ("metric", "value", "95 % interval", "unit"),
            [(name, *figures, evaluation.units[name]) for name, *figures in metric_rows(evaluation)],
            words="unit",
        )
        for note in evaluation.notes:
            show.note(f"note, {split}: {note}")
    if metrics:
        split, evaluation = list(metrics.items())[-1]
        headings, *rows = class_rows(evaluation) or [()]
        if rows:
            more = f", the first {MOST_CLASSES} of {len(rows)}" if len(rows) > MOST_CLASSES else ""
            show.table(f"by class, {split}{more}", headings, rows[:MOST_CLASSES])


def show_folds(show: Show, crossed: CrossValidated) -> None:
    """Show the mean of each metric over the folds."""
    primary = crossed.out_of_fold.primary
    names = sorted(crossed.mean, key=lambda name: name != primary)
    times = f", {crossed.repeats} times" if crossed.repeats > 1 else ""
    show.table(
        f"cross-validation ({crossed.out_of_fold.rows:,} rows, {crossed.k} folds{times})",
        ("metric", "mean over folds", "95 % interval"),
        [(name, *interval_text(crossed.mean[name])) for name in names],
    )
