"""headstart show: some rows as a network sees them, and one on its way into it, before any training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def show(
    data: Annotated[str | None, typer.Argument(help="What `headstart fit` takes.")] = None,
    source: Annotated[str | None, typer.Option(help="The pretrained model, as for fit; else one that fits.")] = None,
    surgery: Annotated[list[str] | None, typer.Option(help="An operation: 'adapt_input size=96'. Repeatable.")] = None,
    view: Annotated[list[str] | None, typer.Option(help="A view (headstart list views). Repeatable.")] = None,
    rows: Annotated[int, typer.Option(help="How many rows.")] = 6,
    label: Annotated[str | None, typer.Option(help="Column with the label; several with commas.")] = None,
    inputs: Annotated[str | None, typer.Option("--input", help="Column with the input; several with commas.")] = None,
    task: Annotated[list[str] | None, typer.Option(help="Kind of target, or NAME=DATA, as for fit.")] = None,
    setting: Annotated[list[str] | None, typer.Option("--set", help="Any setting of the recipe: PATH=VALUE.")] = None,
    seed: Annotated[int | None, typer.Option(help="Decides which rows. By default 0.")] = None,
    out: Annotated[Path, typer.Option(help="The page with the pictures.")] = Path("show.html"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")] = False,
) -> None:
    """Show some rows as the network sees them, before training.

    Example: headstart show photos/ --source timm:resnet18
    """
    from headstart.cli.show import Show
    from headstart.core.errors import UsageError
    from headstart.core.recipe import parse_setting
    from headstart.core.words import named_tasks, of_each

    kind, tasks = named_tasks(task or [])
    if (data is None) != bool(tasks):
        raise UsageError("Name the data, or tasks with theirs (--task NAME=DATA), and not both.")
    if not out.parent.is_dir():
        raise UsageError(f"--out {out}: there is no folder {out.parent}.")
    told = Show(as_json)
    named = {"data.labels": label, "data.inputs": inputs, "data.task": kind}
    settings = {each: value for path, value in named.items() if value is not None for each in of_each(path, tasks)}
    settings |= dict(parse_setting(text) for text in setting or [])
    with told.work():
        from headstart.runs.showing import show as show_rows

        found = show_rows(
            tasks or data,
            source=source,
            surgery=surgery or [],
            views=view or [],
            rows=rows,
            settings=settings,
            seed=seed,
            listen=told.listen,
        )
        found.save(out)
    told.say(str(found), as_is=True)
    told.note(f"The page, with pictures: {out}")
    told.finish({**found.to_plain(), "page": str(out)})
