"""Tables of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping

from headstart.cli.show import Show
from headstart.evaluation.metrics import Evaluation
from headstart.evaluation.tables import class_rows, interval_text, metric_rows
from headstart.runs.folds import CrossValidated

MOST_CLASSES = 30


def show_evaluations(show: Show, metrics: Mapping[str, Evaluation]) -> None:
    """Show the metrics of each split, and of each target where there are several; then the classes of the last split.

    Args:
        show: Where to.
        metrics: By split, or "SPLIT:TARGET".
    """
    for key, evaluation in metrics.items():
        rows = f"{evaluation.rows:,} rows"
        show.table(
            f"{key} ({rows})",
            ("metric", "value", "95 % interval", "unit"),
            [(name, *figures, evaluation.units[name]) for name, *figures in metric_rows(evaluation)],
            words="unit",
        )
        for note in evaluation.notes:
            show.note(f"note, {key}: {note}")
    last = list(metrics)[-1].partition(":")[0] if metrics else ""
    for key, evaluation in metrics.items():
        headings, *rows = class_rows(evaluation) or [()]
        if rows and key.partition(":")[0] == last:
            more = f", the first {MOST_CLASSES} of {len(rows)}" if len(rows) > MOST_CLASSES else ""
            show.table(f"by class, {key}{more}", headings, rows[:MOST_CLASSES])


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
