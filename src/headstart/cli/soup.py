"""headstart soup: average the weights of several runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def soup(
    runs: Annotated[list[str], typer.Argument(help="Runs from one source, on the same data.")],
    out: Annotated[Path, typer.Option(help="The folder to make.")],
    kind: Annotated[str, typer.Option(help="greedy or uniform (takes all).")] = "greedy",
    data: Annotated[str | None, typer.Option(help="What they were fitted on, if it is elsewhere now.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:NUMBER.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")] = False,
) -> None:
    """Average the weights of several runs from one start.

    Example: headstart soup runs/a runs/b runs/c --out runs/soup
    """
    from headstart.artifact.find import find

    for run in runs:
        find(run)  # before the slow imports
    from headstart.cli.show import Show

    show = Show(as_json)
    chosen: Any = kind
    with show.work():
        from headstart.cli.results import show_evaluations
        from headstart.runs.soup import soup as cook

        made = cook(runs, data, out=out, kind=chosen, device=device, listen=show.listen)
    rows = [
        (m.run, "" if m.validation is None else f"{m.validation:.4f}", "yes" if m.kept else "no") for m in made.members
    ]
    show.table(f"{made.kind} soup", ("run", "validation", "kept"), rows)
    show_evaluations(show, made.evaluations)
    kept = [member.run for member in made.members if member.kept]
    if len(kept) == 1:
        show.say(f"No other run helped on validation: the model is that of {kept[0]}.")
    show.say(f"Soup of {len(kept)} of {len(rows)} runs: {out}. Use it: headstart predict {out} DATA")
    show.finish(made.to_plain())
