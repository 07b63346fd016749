"""Cards survive JSON, and damaged ones are named."""

from __future__ import annotations

import json

import pytest

from headstart.core.errors import SourceError
from headstart.core.types import Card
from headstart.inputs.image import Image
from headstart.inputs.text import Text
from headstart.inputs.vector import Vector
from headstart.models.cards import card_from_plain, card_to_plain, modality

INPUTS = [
    Image(8, 9, 1, (0.5,), (0.25,), "bilinear", 0.9),
    Text("tokenizer", 64),
    Vector(7),
    Vector(),
]


def _card(expected=INPUTS[0]) -> Card:
    return Card(
        "x:y", "cnn", 3, expected, "x", {"a": {"b": None, "c": [1, 2]}}, "task", ("ant", "bee"), "MIT", "12ab", "main"
    )


@pytest.mark.parametrize("expected", INPUTS)
def test_round_trip(expected):
    card = _card(expected)
    assert card_from_plain(json.loads(json.dumps(card_to_plain(card)))) == card


def test_modality():
    assert [modality(i) for i in INPUTS] == ["image", "text", "vector", "vector"]


def _change(**changes) -> dict:
    return {**card_to_plain(_card()), **changes}


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        ({}, "not a table"),
        (_change(colour="red"), "'colour' is unknown"),
        (
            {k: v for k, v in _change().items() if k not in {"builder", "params"}},
            "'builder' is missing; 'params' is missing",
        ),
        (_change(input={"modality": "smell"}), "input.modality is 'smell'"),
        (_change(input={"modality": "image", "height": "tall", "width": 3}), "height"),
        (_change(architecture=[1]), "'architecture' is not a table"),
    ],
)
def test_damage_is_named(plain, message):
    with pytest.raises(SourceError, match=message):
        card_from_plain(plain)
