"""headstart affinity: which tasks help each other, and which to learn together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.core.durations import seconds_of


def affinity(
    context: typer.Context,
    data: Annotated[str | None, typer.Argument(help="One table with the labels of all tasks.")] = None,
    task: Annotated[list[str] | None, typer.Option(help="NAME=DATA; repeat it for each task.")] = None,
    source: Annotated[str | None, typer.Option(help="The pretrained model, as for fit.")] = None,
    surgery: Annotated[list[str] | None, typer.Option(help="An operation, as for fit. Repeatable.")] = None,
    strategy: Annotated[str | None, typer.Option(help="Which weights learn; else 'partial k=1'.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of each training; else 100.")] = None,
    budget: Annotated[str, typer.Option(help="Time for all: 90s, 5m, 1h.")] = "5m",
    label: Annotated[list[str] | None, typer.Option(help="Columns with labels, with commas.")] = None,
    inputs: Annotated[list[str] | None, typer.Option("--input", help="Column with the input.")] = None,
    validation: Annotated[float | None, typer.Option(help="Share of rows that compare; else 0.3.")] = None,
    setting: Annotated[list[str] | None, typer.Option("--set", help="A setting: PATH=VALUE.")] = None,
    seed: Annotated[int | None, typer.Option(help="Decides splits and batches.")] = None,
    out: Annotated[Path | None, typer.Option(help="Page with heat maps, such as affinity.html.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show details.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Find out which of several tasks help each other.

    Example: headstart affinity --task mood=reviews.csv --task topic=questions.csv --source hf:FOLDER
    """
    from headstart.cli.show import Show
    from headstart.core.errors import UsageError
    from headstart.core.events import Event
    from headstart.core.interface import option
    from headstart.core.recipe import parse_setting
    from headstart.core.stopping import Stop
    from headstart.core.words import PATHS, named_tasks, recipe_of
    from headstart.runs.begin import begin
    from headstart.selection.for_pairs import for_pairs

    show = Show(as_json, verbose=verbose)
    kind, tasks = named_tasks(task or [])
    if (data is None) != bool(tasks):
        raise UsageError("Name tasks with their data (--task NAME=DATA), or one table with all labels, and not both.")
    if out is not None and (out.suffix not in (".html", ".htm") or not out.parent.is_dir()):
        raise UsageError(f"{option('out', out)}: name a page, such as affinity.html, in a folder that is there.")
    limit = seconds_of(budget)
    words = {word: value for word, value in locals().items() if word in PATHS and word != "budget"}
    words |= {"task": kind, "input": inputs}
    settings = dict(parse_setting(text) for text in setting or [])
    plan = for_pairs(recipe_of(words, surgery=surgery or (), settings=settings, tasks=tasks))
    stop = context.obj if isinstance(context.obj, Stop) else Stop()
    with show.work():
        begun = begin(tasks or data, plan, show.listen)
        from headstart.selection.find_affinity import find_affinity

        found = find_affinity(begun, plan, budget=limit, listen=show.listen, stop=stop)
        from headstart.selection.affinity_page import CORNER, HEADS, measured_rows, texts
    for title, rows in texts(found).items():
        show.table(title, (CORNER, *found.tasks), rows)
    if verbose and found.gains:
        show.table("measured", HEADS, measured_rows(found))
    for line in found.said():
        show.say(line, "bold")
    for line in found.warnings():
        show.listen(Event("warning", line))
    if out is not None:
        show.say(f"Page: {found.save(out)}")
    show.finish(found.to_dict() | ({} if out is None else {"page": str(out)}))
