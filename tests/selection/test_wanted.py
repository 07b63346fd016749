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
    assert wanted_of(Recipe(), None) == (None, Recipe())
    assert wanted_of(NAMED.with_settings({"budget": 60.0}), None)[0] is None
    assert wanted_of(Recipe(), ["package:*"])[0] == Wanted(("package:*",), DEFAULT_BUDGET)
    wanted, recipe = wanted_of(Recipe(budget=60.0), None)
    assert wanted == Wanted((), 60.0) and recipe.budget is None


def test_a_search_that_goes_on_takes_what_it_was_begun_with() -> None:
    before = Asked(["package:*"], None, "f", {})
    assert wanted_of(Recipe(), None, before)[0] == Wanted(("package:*",), math.inf)
    assert wanted_of(Recipe(budget=9.0), None, before)[0] == Wanted(("package:*",), 9.0)


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
