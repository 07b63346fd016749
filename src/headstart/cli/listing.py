"""headstart list: the plug-ins there are, without importing any; with sources also the models on this machine."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.core.errors import first_few, unknown
from headstart.core.offer import EXTRA

if TYPE_CHECKING:
    from headstart.cli.show import Show
    from headstart.core.offer import Stored


def listing(
    kind: Annotated[str, typer.Argument(help="sources, strategies, surgery, heads, metrics …")],
    query: Annotated[str | None, typer.Argument(help="With sources: its models by a part of the name.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")] = False,
) -> None:
    """List the plug-ins of a kind, or the models of a source."""
    from headstart.cli.show import Show
    from headstart.core import plugins

    show = Show(as_json)
    if kind not in plugins.PACKAGES:
        raise unknown("list of", kind, list(plugins.PACKAGES))
    if query is not None and kind == "sources":
        prefix, _, part = query.partition(":")
        models = [f"{prefix}:{name}" for name in plugins.build("sources", prefix, {}).names(part)]
        for model in models:
            show.say(model)
        show.finish({"sources": models})
        return
    found = {name: plugins.describe(kind, name) for name in plugins.names(kind)}
    width = max(map(len, found), default=0)
    for name, description in found.items():
        show.say(f"{name:<{width}}  {description}")
    if kind != "sources":
        show.finish({kind: found})
        return
    from headstart.models.offers import stored

    here = stored()
    show.say("")
    _table(show, here)
    show.finish({kind: found, "here": [dataclasses.asdict(model) for model in here]})


def _table(show: Show, here: list[Stored]) -> None:
    """Show the pretrained models that are on this machine."""
    if not here:
        show.say(f"No pretrained model is on this machine. {EXTRA} brings some; timm: and hf: fetch theirs.")
        return
    rows = [
        (
            model.source,
            model.modality or "?",
            f"{model.size / 1e6:,.0f} MB",
            first_few(model.languages) or "-",
            model.licence or "unknown",
        )
        for model in here
    ]
    show.table("On this machine", ("source", "takes", "size", "languages", "licence"), rows, words="licence")
