"""headstart fewshot: new classes from a few examples of each, by every method that needs no training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def fewshot(
    start: Annotated[str, typer.Argument(metavar="SOURCE_OR_RUN", help="A source, or the folder of a run.")],
    data: Annotated[str | None, typer.Argument(help="Rows with classes; else the run's own data.")] = None,
    ways: Annotated[int | None, typer.Option(help="Classes in an episode; else 5, or all if fewer.")] = None,
    shots: Annotated[int, typer.Option(help="Rows of each class to learn from.")] = 1,
    queries: Annotated[int | None, typer.Option(help="Rows of each class to ask; else up to 15.")] = None,
    episodes: Annotated[int, typer.Option(help="How many episodes.")] = 600,
    novel: Annotated[str | None, typer.Option(help="Classes to ask, with commas; else those not learnt.")] = None,
    method: Annotated[list[str] | None, typer.Option(help="A method (headstart list few_shot).")] = None,
    label: Annotated[str | None, typer.Option(help="Column with the class.")] = None,
    inputs: Annotated[list[str] | None, typer.Option("--input", help="Column with the input.")] = None,
    task: Annotated[str | None, typer.Option(help="Kind of task (headstart list targets).")] = None,
    setting: Annotated[list[str] | None, typer.Option("--set", help="A setting: PATH=VALUE.")] = None,
    seed: Annotated[int | None, typer.Option(help="Draws the episodes.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:NUMBER.")] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that load data.")] = None,
    out: Annotated[Path | None, typer.Option(help="Page with a chart, such as fewshot.html.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Tell new classes apart from a few examples, without training.

    Example: headstart fewshot package:mobilenetv2 photos --ways 5 --shots 1
    """
    from headstart.cli.show import Show
    from headstart.core.errors import UsageError
    from headstart.core.interface import option
    from headstart.core.recipe import parse_setting
    from headstart.core.words import recipe_of

    show = Show(as_json)
    if out is not None and (out.suffix not in (".html", ".htm") or not out.parent.is_dir()):
        raise UsageError(f"{option('out', out)}: name a page, such as fewshot.html, in a folder that is there.")
    words = {"label": label, "input": inputs, "task": task, "seed": seed, "device": device, "workers": workers}
    plan = recipe_of(words, settings=dict(parse_setting(text) for text in setting or []))
    with show.work():
        from headstart.selection.few_shot import few_shot

        found = few_shot(
            start,
            data,
            plan,
            ways=ways,
            shots=shots,
            queries=queries,
            episodes=episodes,
            novel=[name.strip() for name in novel.split(",")] if novel else (),
            methods=method or (),
            listen=show.listen,
        )
    from headstart.selection.answered import HEADS

    show.table(f"{found.episode}, {found.episodes:,} episodes", HEADS, found.cells(), words="queries")
    for line in found.said():
        show.say(line, "bold")
    if out is not None:
        show.say(f"Page: {found.save(out)}")
    show.finish(found.to_plain() | ({} if out is None else {"page": str(out)}))
