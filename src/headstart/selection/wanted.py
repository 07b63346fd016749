"""Whether a fit searches for its source and method, and what it is asked for. Imports no torch."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.core.recipe import Recipe
from headstart.selection.asked import Asked

DEFAULT_BUDGET = 300.0  # seconds


@dataclass(frozen=True)
class Wanted:
    """What a search is asked for: source patterns, and seconds (infinite: until all is tried)."""

    sources: tuple[str, ...] = ()
    budget: float = DEFAULT_BUDGET


def wanted_of(
    recipe: Recipe, sources: Sequence[str] | None, asked: Asked | None = None
) -> tuple[Wanted | None, Recipe]:
    """Say whether to search: where sources to choose among are named, or a budget and no source.

    Args:
        recipe: As the user gave it.
        sources: Patterns; None: none were named.
        asked: What a search that goes on was begun with; what is named now goes before it.

    Returns:
        What is searched for, None for a plain fit; and the recipe, without the budget that is the search's.

    Raises:
        UsageError: Both a source and sources to choose among are named.
    """
    if sources is None and asked is None and (recipe.budget is None or recipe.source is not None):
        return None, recipe
    if recipe.source is not None:
        raise UsageError(
            f"{option('source', recipe.source.name)} names the source, and {option('sources')} those to choose among: "
            "leave one of them away."
        )
    named = tuple(sources) if sources is not None else tuple(asked.sources) if asked else ()
    budget = recipe.budget
    if budget is None and asked is not None:
        budget = math.inf if asked.budget is None else asked.budget
    return Wanted(named, budget or DEFAULT_BUDGET), dataclasses.replace(recipe, budget=None)


def check_search(
    *, folds: int | None = None, processes: int = 1, count: int = 1, dry_run: bool = False, stages: int = 1
) -> None:
    """Refuse what a search cannot be combined with.

    Args:
        folds: Of a cross-validation.
        processes: To be started.
        count: Processes that run together now.
        dry_run: Whether nothing is to be trained.
        stages: Of the recipe.

    Raises:
        UsageError: It is combined with one of them.
    """
    if folds is not None:
        raise UsageError(f"A search compares candidates by itself: leave {option('folds')} away, or name one source.")
    if processes > 1 or count > 1:
        raise UsageError(
            f"A search runs in one process; several share it where each is started with the same {option('out')}. "
            f"Leave {option('processes')} away."
        )
    if dry_run:
        raise UsageError(f"{option('dry-run')} shows one recipe, and a search finds it: name one source.")
    if stages > 1:
        raise UsageError("A search makes the stages itself: give it a recipe of one stage, or name one source.")
