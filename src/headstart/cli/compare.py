"""headstart compare: runs side by side, on the same rows."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from headstart.cli.show import Show
    from headstart.evaluation.report.sides import Side


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
    from headstart.core.ranges import check_numbers

    check_numbers({"resamples": resamples})
    for folder in folders:
        find(folder)  # before the slow imports
    from headstart.core.errors import UsageError
    from headstart.core.interface import option
    from headstart.core.words import option_of

    if out is not None and out.suffix not in (".html", ".htm"):
        raise UsageError(f"{option('out', out)}: the page is HTML; give it the ending .html.")
    if out is not None and not out.parent.is_dir():
        raise UsageError(f"{option('out', out)}: there is no folder {out.parent}.")
    with show.work():
        from headstart.runs.compare import compare as compare_runs

        compared = compare_runs(folders, resamples=resamples)
    sides = compared.sides
    for side in sides.targets if verbose else ():
        whose = f" of {side.name}" if len(sides.targets) > 1 else ""
        _show_target(show, f"{sides.split}{whose} ({side.rows:,} rows)", side)
    others = len(sides.groups) - 1
    if others > 1:
        show.note(f"note: {others} comparisons with one baseline; intervals and p values are not adjusted for that.")
    if sides.differing:
        rows = [(option_of(path), *values) for path, values in sides.differing]
        show.table("settings that differ", ("setting", *sides.targets[0].names), rows)
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


def _show_target(show: Show, title: str, side: Side) -> None:
    rows = [(metric, *(side.figure(group, metric).text for group in side.groups)) for metric in side.listed]
    spread = ", mean ± standard deviation" if any(len(group) > 1 for group in side.groups) else ""
    show.table(f"{title}, 95 % intervals{spread}", ("metric", *side.names), rows)
    for difference in side.differences():
        show.table(difference.title, ("metric", "difference", "95 % interval"), difference.rows)
        for remark in difference.remarks:
            show.say(f"{remark}\n")
        for note in difference.notes:
            show.note(f"note: {note}")
