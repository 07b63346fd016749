"""headstart inspect: the tree of a network, as it is or after surgery, and what a strategy would let learn."""

from __future__ import annotations

from typing import Annotated

import typer


def inspect(
    source: Annotated[str, typer.Argument(help="timm:NAME, hf:FOLDER, run:FOLDER …")],
    surgery: Annotated[
        list[str] | None,
        typer.Option(help="Change it first: 'cut after=X'. May be repeated."),
    ] = None,
    strategy: Annotated[str | None, typer.Option(help="Show what it would let learn, as 'partial k=2'.")] = None,
    setting: Annotated[list[str] | None, typer.Option("--set", help="A setting: --set source.pretrained=false")] = None,
    depth: Annotated[int, typer.Option(min=1, help="Levels: 1 is the stages.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")] = False,
) -> None:
    """Show a network's layers, their shapes and what learns.

    Example: headstart inspect timm:resnet18 --strategy 'partial k=2'
    """
    from headstart.cli.show import Show
    from headstart.core.choice import Choice
    from headstart.core.recipe import Recipe, parse_setting

    show = Show(as_json)
    settings = {"source": source, **dict(parse_setting(text) for text in setting or [])}
    recipe = Recipe().with_surgery(surgery or []).with_settings(settings)
    with show.work():
        from headstart.runs.inspect import inspect_recipe

        found = inspect_recipe(recipe, Choice.parse(strategy, "strategy") if strategy else None, show.listen)
    show.say(found.text(depth), as_is=True)
    show.finish(found.to_plain(depth))
