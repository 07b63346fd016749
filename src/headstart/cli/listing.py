"""headstart list: the plug-ins there are, without importing any."""

from __future__ import annotations

from typing import Annotated

import typer

from headstart.core.errors import unknown


def listing(
    kind: Annotated[
        str, typer.Argument(help="sources, surgery, heads, strategies, objectives, readers, trackers or metrics.")
    ],
    query: Annotated[
        str | None, typer.Argument(help="With sources: PREFIX:PART lists the models of a source, as timm:resnet.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")] = False,
) -> None:
    """List the plug-ins of a kind, or the models of one source."""
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
    show.finish({kind: found})
