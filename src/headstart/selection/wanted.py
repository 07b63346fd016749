"""Whether a fit searches for its source and method, and what it is asked for. Imports no torch."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from headstart.core.errors import UsageError, first_few
from headstart.core.interface import option
from headstart.core.recipe import SUPERVISED, Recipe
from headstart.selection.asked import Asked

DEFAULT_BUDGET = 300.0  # seconds
AUTO = "auto"  # the objective that is searched for


@dataclass(frozen=True)
class Wanted:
    """What a search is asked for.

    sources: patterns; none: what the sources offer for the data. budget: seconds; infinite: until all is tried. said:
    whether the user asked for a search; else it gives way to a plain fit where there is nothing to choose.
    """

    sources: tuple[str, ...] = ()
    budget: float = DEFAULT_BUDGET
    said: bool = True


def wanted_of(
    recipe: Recipe, sources: Sequence[str] | None, asked: Asked | None = None, *, alone: bool = True
) -> tuple[Wanted | None, Recipe]:
    """Say whether to search: for an objective, among sources, with a budget and no source, or of nothing but the data.

    Args:
        recipe: As the user gave it.
        sources: Patterns; None: none were named.
        asked: What a search that goes on was begun with; what is named now goes before it.
        alone: Whether nothing beside the recipe asks for a plain fit, as folds, several processes or a run that is
            there do.

    Returns:
        What is searched for, None for a plain fit; and the recipe, without the budget that is the search's.

    Raises:
        UsageError: Both a source and sources to choose among are named.
    """
    first = recipe.stages[0]
    auto = first.objective.name == AUTO
    if auto:
        recipe = dataclasses.replace(
            recipe, stages=(dataclasses.replace(first, objective=SUPERVISED), *recipe.stages[1:])
        )
        if sources is None and recipe.source is not None:  # leaves the objective to be found
            sources, recipe = [recipe.source.name], dataclasses.replace(recipe, source=None)
    if auto and recipe.data.unseen and len(recipe.data.source_domain) < 2:
        raise UsageError(
            f"{option('objective', AUTO)} chooses by source domains that are left out of training in turn, which takes "
            f"two of them beside the target; there is one: {first_few(recipe.data.source_domain)}. Name an objective, "
            f"such as {option('objective', SUPERVISED.name)}."
        )
    said = auto or sources is not None or asked is not None or (recipe.budget is not None and recipe.source is None)
    if said and recipe.tasks:
        raise UsageError(
            "Source and method are searched for with a single data set, and these are several tasks: name one "
            f"{option('source', 'NAME')}."
        )
    if said and recipe.main:
        raise UsageError(
            "A search chooses source and method by all targets, and one is to count: name one "
            f"{option('source', 'NAME')}, or leave {option('target', recipe.main)} away."
        )
    if not said and not (alone and is_open(recipe)):
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
    return Wanted(named, budget or DEFAULT_BUDGET, said if asked is None else asked.said), dataclasses.replace(
        recipe, budget=None
    )


def is_open(recipe: Recipe) -> bool:
    """Return whether a recipe leaves source and training open, so that a search may choose them.

    Args:
        recipe: As the user gave it.

    Returns:
        False where it names a source, a head, surgery, anything of training, domains, tasks, or the one that counts.
    """
    blank, data = Recipe(), recipe.data
    own = ("source", "surgery", "head", "stages")
    return (
        all(getattr(recipe, name) == getattr(blank, name) for name in own)
        and not any(data.domains)
        and not recipe.tasks
        and recipe.main is None
    )


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
