"""When a fit searches, and what a search is not combined with."""

from __future__ import annotations

import math
from typing import Any

import pytest

from headstart.core.choice import Choice
from headstart.core.errors import UsageError
from headstart.core.recipe import Recipe
from headstart.selection.asked import Asked
from headstart.selection.wanted import DEFAULT_BUDGET, Wanted, check_search, wanted_of

NAMED = Recipe(source=Choice("timm:resnet18"))


def test_a_fit_searches_for_named_sources_or_where_a_budget_has_no_source() -> None:
    assert wanted_of(Recipe(), None) == (Wanted((), DEFAULT_BUDGET, said=False), Recipe())
    assert wanted_of(NAMED.with_settings({"budget": 60.0}), None)[0] is None
    assert wanted_of(Recipe(), ["package:*"])[0] == Wanted(("package:*",), DEFAULT_BUDGET)
    wanted, recipe = wanted_of(Recipe(budget=60.0), None)
    assert wanted == Wanted((), 60.0) and recipe.budget is None


@pytest.mark.parametrize(
    "given",
    [
        {"source.name": "timm:resnet18"},
        {"head.name": "mlp"},
        {"stages.0.strategy": "full"},
        {"stages.0.lr": 0.1},
        {"data.target_domain": ["sketch"]},
    ],
)
def test_whoever_names_how_to_train_gets_a_plain_fit(given: dict[str, Any]) -> None:
    recipe = Recipe().with_settings(given)
    assert wanted_of(recipe, None) == (None, recipe)


def test_whoever_names_nothing_of_training_gets_a_search_unless_something_else_asks_for_a_plain_fit() -> None:
    seeded = Recipe(seed=3, keep_better="no")
    assert wanted_of(seeded, None)[0] == Wanted(said=False)
    assert wanted_of(seeded, None, alone=False) == (None, seeded)
    assert wanted_of(seeded, ["package:*"], alone=False)[0] == Wanted(("package:*",))


def test_an_objective_that_is_left_open_is_searched_for_with_the_source_that_is_named() -> None:
    auto = {"stages.0.objective": "auto"}
    wanted, recipe = wanted_of(Recipe().with_settings(auto), None)
    assert wanted == Wanted() and recipe == Recipe()
    wanted, recipe = wanted_of(NAMED.with_settings(auto), None)
    assert wanted == Wanted(("timm:resnet18",)) and recipe.source is None
    with pytest.raises(UsageError, match="those to choose among"):
        wanted_of(NAMED.with_settings(auto), ["package:*"])
    more = Recipe().with_settings({"data.unlabelled": "more"})
    assert wanted_of(more, None)[0] == Wanted(said=False), "rows without labels leave as much open"


def test_a_search_that_goes_on_takes_what_it_was_begun_with() -> None:
    before = Asked(["package:*"], None, "f", {})
    assert wanted_of(Recipe(), None, before)[0] == Wanted(("package:*",), math.inf)
    assert wanted_of(Recipe(budget=9.0), None, before)[0] == Wanted(("package:*",), 9.0)
    bare = Asked([], 60.0, "f", {}, said=False)
    assert wanted_of(Recipe(), None, bare)[0] == Wanted((), 60.0, said=False)


def test_a_source_and_sources_are_not_both_named() -> None:
    with pytest.raises(UsageError, match=r"timm:resnet18.* names the source, and .*sources.* those to choose among"):
        wanted_of(NAMED, ["package:*"])


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"folds": 5}, "compares candidates by itself"),
        ({"processes": 2}, "started with the same"),
        ({"count": 2}, "started with the same"),
        ({"dry_run": True}, "shows one recipe"),
        ({"stages": 2}, "makes the stages itself"),
    ],
)
def test_what_a_search_is_not_combined_with(given: dict[str, Any], what: str) -> None:
    check_search()
    with pytest.raises(UsageError, match=what):
        check_search(**given)
