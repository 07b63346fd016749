"""In which form a backbone that stays as it is sees pairs of texts, and when terms stand beside its features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from headstart.core.offer import Offer
from headstart.core.recipe import Recipe
from headstart.core.types import Event, silent
from headstart.data.read import read
from headstart.runs.choose import some_rows, take_best, try_offer
from headstart.runs.fit import prepare
from models.surgery.patients import pairs_of_words, tiny_bert


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tiny_bert(tmp_path_factory.mktemp("bert"))


@pytest.mark.parametrize(
    ("settings", "surgery"),
    [
        ({}, ["siamese"]),
        ({"stages.0.strategy": "full"}, []),
        ({"surgery.0.name": "siamese", "surgery.0.features": "cosine"}, ["siamese"]),
        ({"head.name": "mlp"}, []),
    ],
)
def test_a_probe_sees_pairs_apart_where_that_is_better(bert: Any, settings: dict[str, Any], surgery: list[str]) -> None:
    heard: list[Event] = []
    recipe = Recipe().with_settings({"source.name": bert.card.name, **settings})
    _, backbone, plan = prepare(pairs_of_words(60), recipe, heard.append)
    told = [event.message for event in heard if event.message.startswith("surgery: ")]
    assert [choice.name for choice in plan.recipe.surgery] == surgery
    expects: Any = backbone.card.input
    assert expects.separate == bool(surgery)
    assert bool(told) == (settings == {}), "there was something to choose"


def test_what_a_source_is_worth_is_told_by_its_better_form(bert: Any) -> None:
    heard: list[Event] = []
    data = read(pairs_of_words(60), Recipe().data)
    recipe, offers = Recipe(), [Offer(bert.card.name, why="first"), Offer(bert.card.name, why="second")]
    rows = some_rows(data, recipe.seed)
    joined, apart = (try_offer(recipe, data, offers[0].after(form), rows, silent).loss for form in ((), ("siamese",)))
    assert take_best(recipe, data, offers, heard.append).surgery == (), "the form is chosen when the strategy is known"
    assert apart < joined and heard[0].values["tried"] == {bert.card.name: apart}


def texts(telling: Sequence[str]) -> tuple[list[str], list[str]]:
    """Make texts of words that BERT does not know, and labels that one of them tells; it knows two others."""
    random = np.random.default_rng(1)
    labels = random.integers(0, 2, 80)
    words = [f"{telling[label]} {random.choice(['good', 'bad', 'virus'])}" for label in labels]
    return words, [f"c{label}" for label in labels]


@pytest.mark.parametrize(
    ("telling", "settings", "surgery"),
    [
        (("unheard", "strange"), {}, ["add_terms"]),
        (("good", "good"), {}, []),  # labels by chance: terms are not ahead by more than noise
        (("unheard", "strange"), {"stages.0.strategy": "full"}, []),
        (("unheard", "strange"), {"source.name": "bert"}, []),
    ],
)
def test_terms_stand_beside_features_where_nobody_named_a_source_and_they_are_ahead(
    bert: Any,
    monkeypatch: pytest.MonkeyPatch,
    telling: tuple[str, str],
    settings: dict[str, Any],
    surgery: list[str],
) -> None:
    monkeypatch.setattr("headstart.runs.choose.gather", lambda *_: [Offer(bert.card.name)])
    if "source.name" in settings:
        settings = {"source.name": bert.card.name}
    heard: list[Event] = []
    _, backbone, plan = prepare(texts(telling), Recipe().with_settings(settings), heard.append)
    assert [choice.name for choice in plan.recipe.surgery] == surgery
    assert (backbone.dim > bert.dim) == bool(surgery)
    told = [event.message for event in heard if event.message.startswith("surgery: ")]
    assert len(told) == (settings == {}) and all("add_terms by=words" in message for message in told)
