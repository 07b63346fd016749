"""The functions of the public API that choose among sources, and among tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headstart.core.durations import seconds_of
from headstart.core.ranges import check_numbers
from headstart.core.recipe import Recipe
from headstart.core.types import Event, Listener
from headstart.core.words import PATHS, recipe_of
from headstart.data.tasks import paths_of
from headstart.drawing.listening import shown
from headstart.selection.affinity import Affinity
from headstart.selection.find_affinity import find_affinity
from headstart.selection.for_pairs import for_pairs
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


def affinity(
    data: Any,
    *,
    source: str | None = None,
    surgery: str | Sequence[str] = (),
    strategy: str | None = None,
    steps: int | None = None,
    budget: float | str = "5m",
    label: str | Sequence[str] | None = None,
    input: str | Sequence[str] | None = None,
    validation: float | None = None,
    seed: int | None = None,
    recipe: Recipe | str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    progress: bool = True,
    verbose: bool = False,
    listen: Listener | None = None,
) -> Affinity:
    """Find out which tasks help each other: what the command `headstart affinity` does.

    Args:
        data: Several data sets by name, as for `fit`, or one with several targets. Test rows are not looked at.
        source: The pretrained model; without it one is chosen for all tasks.
        surgery: Operations on it, such as "cut after=layers.2".
        strategy: Which weights learn; without it the last stage, "partial k=1".
        steps: Of each training; without it 100.
        budget: Seconds, or "90s", "5m", for all. Pairs for which there is no time are not measured.
        label: Column with the label, or several.
        input: Column with the text, image path or number, or several.
        validation: Share of the labelled rows on which gains are measured; without it 0.3.
        seed: Decides the splits and the batches.
        recipe: A whole recipe or its TOML file; its last stage says how pairs are trained.
        settings: Any other setting by its path, such as {"stages.0.lr": 1e-4}.
        progress: Whether to show what goes on.
        verbose: Whether details are shown, too.
        listen: Is told what happens, as `Event`s; nothing is shown then.

    Returns:
        The affinity: `found.groups`, `found.gains`, `found.save("affinity.html")`; a notebook shows the matrices.

    Raises:
        UsageError: There is one task alone, tasks differ in modality, or the budget is too small for anything.
        DataError: Rows are wrong; all of them are named.
        SourceError: The source cannot be loaded.
    """
    words = {name: value for name, value in locals().items() if name in PATHS and name != "budget"}
    plan = recipe_of(words, recipe=recipe, surgery=surgery, settings=settings, tasks=paths_of(data))
    limit = seconds_of(budget)
    with shown(progress, verbose, listen) as hearer:
        found = find_affinity(data, for_pairs(plan), budget=limit, listen=hearer)
        for line in found.said():
            hearer(Event("note", line))
        for line in found.warnings():
            hearer(Event("warning", line))
    return found
