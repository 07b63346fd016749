"""In which form a backbone that stays as it is sees pairs of texts."""

from __future__ import annotations

from typing import Any

import pytest

from headstart.core.recipe import Recipe
from headstart.core.types import Event
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
