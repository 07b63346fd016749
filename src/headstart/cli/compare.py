"""headstart compare: runs side by side, on the same rows."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from headstart.cli.show import Show
    from headstart.runs.compare import TargetCompared


def compare(
    folders: Annotated[list[Path], typer.Argument(help="Two runs or more, the baseline first.")],
    resamples: Annotated[int, typer.Option(help="Resamples of intervals; 0: none.")] = 1000,
    out: Annotated[Path | None, typer.Option(help="Page with charts, else runs/comparison-NUMBER.html.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show every figure and difference.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")] = False,
) -> None:
    """Compare runs that were measured on the same rows.

    Example: headstart compare runs/photos-linear_probe-1 runs/photos-full-1
    """
    from headstart.cli.show import Show

    show = Show(as_json, verbose=verbose)
    from headstart.artifact.find import find

    for folder in folders:
        find(folder)  # before the slow imports
    from headstart.core.errors import UsageError
    from headstart.core.interface import option
    from headstart.runs.compare import compare as compare_runs

    if out is not None and out.suffix not in (".html", ".htm"):
        raise UsageError(f"{option('out', out)}: the page is HTML; give it the ending .html.")
    if out is not None and not out.parent.is_dir():
        raise UsageError(f"{option('out', out)}: there is no folder {out.parent}.")
    with show.work():
        compared = compare_runs(folders, resamples=resamples)
    for name, target in compared.targets.items() if verbose else ():
        whose = f" of {name}" if len(compared.targets) > 1 else ""
        _show_target(show, f"{compared.split}{whose} ({compared.rows:,} rows)", target)
    others = len(folders) - 1
    if others > 1:
        show.note(f"note: {others} comparisons with one baseline; intervals and p values are not adjusted for that.")
    for name, values in compared.settings.items():
        show.note(f"differs: {name}: {' | '.join(values.values())}")
    for line in str(compared).splitlines():
        show.say(line, "bold")
    page = compared.save(out or _free_page())
    show.say(f"Page: {page}")
    show.finish({**compared.to_plain(), "page": str(page)})


def _free_page() -> Path:
    """Return the first free name of a page below runs/."""
    Path("runs").mkdir(exist_ok=True)
    names = (Path("runs") / f"comparison-{number}.html" for number in itertools.count(1))
    return next(name for name in names if not name.exists())


def _show_target(show: Show, title: str, compared: TargetCompared) -> None:
    from headstart.evaluation.report.comparison import short_names
    from headstart.evaluation.results import Interval
    from headstart.evaluation.tables import interval_text, metric_rows

    runs = short_names(list(compared.metrics))
    first = next(iter(runs.values()))
    metrics = dict.fromkeys(name for found in compared.metrics.values() for name in found)
    rows = [
        (
            name,
            *(
                " ".join((value, f"({bounds})"))
                for run in runs
                for value, bounds in [interval_text(compared.metrics[run].get(name, Interval(None)))]
            ),
        )
        for name in sorted(metrics, key=lambda name: name != compared.primary)
    ]
    show.table(f"{title}, 95 % intervals", ("metric", *runs.values()), rows)
    for run, comparison in compared.comparisons.items():
        title = f"{runs[run]} minus {first}, on the same resamples"
        show.table(title, ("metric", "difference", "95 % interval"), metric_rows(comparison))
        test = comparison.mcnemar
        if test is not None:
            show.say(
                f"McNemar, rows that are right only in {first}: {test.only_a}, only in {runs[run]}: {test.only_b}; "
                f"p = {test.p:.3g} (two-sided, exact)\n"
            )
        for note in comparison.notes:
            show.note(f"note: {note}")
