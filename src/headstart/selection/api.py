"""The functions of the public API that choose among sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headstart.core.durations import seconds_of
from headstart.core.ranges import check_numbers
from headstart.core.recipe import Recipe
from headstart.core.types import Event, Listener
from headstart.core.words import PATHS, recipe_of
from headstart.drawing.listening import shown
from headstart.selection.rank import MOST_ROWS, Ranking, rank_sources


def rank(
    data: Any,
    *,
    sources: str | Sequence[str] = (),
    layers: bool = False,
    rows: int = MOST_ROWS,
    budget: float | str | None = None,
    label: str | Sequence[str] | None = None,
    input: str | Sequence[str] | None = None,
    task: str | None = None,
    seed: int | None = None,
    cache_gb: float | None = None,
    recipe: Recipe | str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    progress: bool = True,
    verbose: bool = False,
    listen: Listener | None = None,
) -> Ranking:
    """Rank sources for a task by one pass of each: what the command `headstart rank` does.

    Args:
        data: As for `read`, or a `Dataset`. Its test rows are not looked at.
        sources: Names ("timm:resnet18"), patterns ("local:FOLDER/*", "package:*") or files with one of these a line;
            without any, what is on this machine.
        layers: Whether each stage is scored, too: it says where a network may be cut.
        rows: Most labelled rows to look at.
        budget: Seconds, or "90s", "5m", after which no other source is begun, the smallest being first.
        label: Column with the label, or several.
        input: Column with the text, image path or number, or several.
        task: The kind of task (`headstart list targets`).
        seed: Decides which rows are looked at.
        cache_gb: Most gigabytes of features on disk; 0 keeps none there.
        recipe: A whole recipe or its TOML file, which says how the data is read.
        settings: Any other setting by its path, such as {"data.group": "patient"}.
        progress: Whether to show what goes on.
        verbose: Whether details are shown, too.
        listen: Is told what happens, as `Event`s; nothing is shown then.

    Returns:
        The ranking: `ranking.best`, `ranking.looked`, `ranking.save("ranking.html")`; a notebook shows the table.

    Raises:
        UsageError: A pattern meets no source, or an option is wrong.
        DataError: Rows are wrong; all of them are named.
        SourceError: No source could be used.
    """
    words = {name: value for name, value in locals().items() if name in PATHS and name != "budget"}
    check_numbers({"rows": rows})
    own = {"cache_gb": cache_gb} if cache_gb is not None else {}
    plan = recipe_of(words, recipe=recipe, settings={**own, **(settings or {})})
    limit = None if budget is None else seconds_of(budget)
    named = [sources] if isinstance(sources, str) else sources
    with shown(progress, verbose, listen) as hearer:
        found = rank_sources(data, plan, named, layers=layers, rows=rows, budget=limit, listen=hearer)
        for line in found.said():
            hearer(Event("note", line))
    return found
