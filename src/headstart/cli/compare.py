"""headstart compare: runs side by side, on the same rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compare(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders of two finished runs or more; the first is the baseline.")
    ],
    resamples: Annotated[int, typer.Option(help="Resamples of the intervals; 0 gives none.")] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")] = False,
) -> None:
    """Compare runs that were measured on the same rows: their metrics, and their differences with intervals.

    Example: headstart compare runs/photos-linear_probe-1 runs/photos-full-1
    """
    from headstart.cli.show import Show

    show = Show(as_json)
    from headstart.evaluation.results import Interval
    from headstart.evaluation.tables import interval_text, metric_rows
    from headstart.runs.compare import compare as compare_runs

    compared = compare_runs(folders, resamples=resamples)
    runs = list(compared.metrics)
    names = dict.fromkeys(name for metrics in compared.metrics.values() for name in metrics)
    rows = [
        (
            name,
            *(
                " ".join((value, f"({bounds})"))
                for run in runs
                for value, bounds in [interval_text(compared.metrics[run].get(name, Interval(None)))]
            ),
        )
        for name in sorted(names, key=lambda name: name != compared.primary)
    ]
    show.table(f"{compared.split} ({compared.rows:,} rows), 95 % intervals", ("metric", *runs), rows)
    for run, comparison in compared.comparisons.items():
        title = f"{run} minus {runs[0]}, on the same resamples"
        show.table(title, ("metric", "difference", "95 % interval"), metric_rows(comparison))
        test = comparison.mcnemar
        if test is not None:
            show.say(
                f"McNemar, rows that are right only in {runs[0]}: {test.only_a}, only in {run}: {test.only_b}; "
                f"p = {test.p:.3g} (two-sided, exact)\n"
            )
        for note in comparison.notes:
            show.note(f"note: {note}")
    if len(runs) > 2:
        show.note(
            f"note: {len(runs) - 1} comparisons with one baseline; intervals and p values are not adjusted for that."
        )
    show.finish(compared.to_plain())
