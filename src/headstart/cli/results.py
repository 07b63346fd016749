"""What a command says at the end: the result in a sentence for each target, and tables for one who asks for more."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence

from headstart.cli.show import Show
from headstart.evaluation.headline import Headline
from headstart.evaluation.metrics import Evaluation
from headstart.evaluation.tables import class_rows, interval_text, metric_lines
from headstart.runs.folds import CrossValidated
from headstart.runs.run import Run

MOST_CLASSES = 30


def show_run(show: Show, run: Run, measured: CrossValidated | None = None) -> None:
    """Show what a run came to and how to go on.

    Args:
        show: Where to.
        run: A finished run.
        measured: The cross-validation that it is the final run of.
    """
    if show.verbose:
        show_evaluations(show, run.evaluations)
        if measured is not None:
            show_folds(show, measured)
    folder = shlex.quote(str(run.folder))
    show_headlines(show, run.headlines if measured is None else [measured.headline])
    for line in run.gain.not_ahead() if run.gain else ():
        show.say(line)
    for line in run.gain.over_alone().values() if run.gain else ():
        show.say(line)
    if run.task.predicted and not run.headlines and measured is None:
        crossed = "" if run.recipe.tasks else " --folds 5 measures by cross-validation."
        show.say(f"Nothing was measured, as there are no test rows.{crossed}")
    took = time.monotonic() - show.began
    show.say(f"Run: {folder} ({took:.0f} s). Report: {shlex.quote(str(run.folder / 'report.html'))}")
    if run.task.predicted:
        show.say(f"Use it: headstart predict {folder} DATA", as_is=True)
    else:
        show.say(f"Start from it: headstart fit DATA --source run:{folder}", as_is=True)


def show_headlines(show: Show, headlines: Sequence[Headline]) -> None:
    """Show the result in a sentence for each target."""
    for made in headlines:
        show.say(made.text, "bold")


def show_evaluations(show: Show, evaluations: Mapping[str, Evaluation]) -> None:
    """Show the metrics of each split, and of each target where there are several; then the classes of the last split.

    Args:
        show: Where to.
        evaluations: By split, or "SPLIT:TARGET".
    """
    for key, evaluation in evaluations.items():
        rows = f"{evaluation.rows:,} rows"
        show.table(
            f"{key} ({rows})",
            ("metric", "value", "95 % interval", "unit"),
            metric_lines(evaluation),
            words="unit",
        )
    last = list(evaluations)[-1].partition(":")[0] if evaluations else ""
    for key, evaluation in evaluations.items():
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
