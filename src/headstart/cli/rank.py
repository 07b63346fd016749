"""headstart rank: which source is worth starting from, by one pass of each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.core.durations import seconds_of


def rank(
    data: Annotated[str, typer.Argument(help="Folder of images, or a table.")],
    sources: Annotated[
        list[str] | None,
        typer.Option(help="Source, pattern (package:*) or file with a list."),
    ] = None,
    layers: Annotated[bool, typer.Option("--layers", help="Score each stage too: it says where to cut.")] = False,
    rows: Annotated[int, typer.Option(help="Most labelled rows to look at.")] = 500,
    budget: Annotated[str | None, typer.Option(help="Time after which no other source is begun: 90s, 5m, 1h.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="Column with the label; several with commas.")] = None,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", help="Column with the input; several with commas.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="Kind of task (headstart list targets).")] = None,
    setting: Annotated[list[str] | None, typer.Option("--set", help="Any setting of the recipe: PATH=VALUE.")] = None,
    seed: Annotated[int | None, typer.Option(help="Decides which rows are looked at.")] = None,
    cache_gb: Annotated[float | None, typer.Option(help="Most gigabytes of features on disk; 0: none.")] = None,
    out: Annotated[Path | None, typer.Option(help="Page with a picture, such as ranking.html.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show each score.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")] = False,
) -> None:
    """Rank sources for a task by one pass of each.

    Example: headstart rank photos/ --sources 'local:weights/*' --sources 'package:*'
    """
    from headstart.cli.show import Show
    from headstart.core.errors import UsageError
    from headstart.core.interface import option
    from headstart.core.ranges import check_numbers
    from headstart.core.recipe import Recipe, parse_setting
    from headstart.core.words import recipe_of

    show = Show(as_json, verbose=verbose)
    check_numbers({"rows": rows})
    limit = None if budget is None else seconds_of(budget)
    if out is not None and out.suffix not in (".html", ".htm"):
        raise UsageError(f"{option('out', out)}: the page is HTML; give it the ending .html.")
    if out is not None and not out.parent.is_dir():
        raise UsageError(f"{option('out', out)}: there is no folder {out.parent}.")
    named = {"label": label, "input": inputs, "task": task, "seed": seed}
    settings = dict(parse_setting(text) for text in setting or [])
    plan: Recipe = recipe_of(named, settings=settings | ({} if cache_gb is None else {"cache_gb": cache_gb}))
    from headstart.runs.begin import begin

    with show.work():
        begun = begin(data, plan, show.listen)
        from headstart.selection.rank import rank_sources

        found = rank_sources(begun, plan, sources or (), layers=layers, rows=rows, budget=limit, listen=show.listen)
        from headstart.selection.page import HEADS, rows_of, scores_of
    show.table("sources, the best first", HEADS, rows_of(found))
    if verbose:
        show.table("scores, higher is better", *scores_of(found))
    for line in found.said():
        show.say(line, "bold")
    if out is not None:
        show.say(f"Page: {found.save(out)}")
    show.finish(found.to_plain() | ({} if out is None else {"page": str(out)}))
