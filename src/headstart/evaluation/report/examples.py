"""Rows of a split with what the model gave for them: some of all, and the worst mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headstart.drawing.blocks import Card, Cards, Legend, Piece, Words
from headstart.evaluation.report.facts import Example, Facts, TargetFacts
from headstart.inputs import HEAT, LISTED, MARKED, PICTURE, PIECES, SOUND, TINY, WORDS


def examples(facts: Facts, found: TargetFacts) -> list[Any]:
    """Show some rows, right and wrong, with the answer and how sure it is; nothing in a run of an earlier version."""
    shown = facts.observed.get("examples", {}).get(found.name, [])
    if not shown:
        return []
    split = found.named(facts.observed["mistakes_of"])
    parts: list[Any] = [Words(f"Some {split} rows, drawn at random, with the answer of the model.", "soft")]
    return [*parts, *_key(found, shown), Cards([_card(example) for example in shown])]


def mistakes(facts: Facts, found: TargetFacts) -> list[Any]:
    """Show the rows that the model got most wrong, with their pictures or texts and what spoke for the answer."""
    seen = facts.observed
    split, wrong = seen["mistakes_of"], seen["wrong"]
    shown = seen["mistakes"] if isinstance(seen["mistakes"], list) else seen["mistakes"].get(found.name, [])
    if not shown:
        return [Words(f"No {split} row was decided wrongly." if split else "There were no rows to show.")]
    count = wrong if isinstance(wrong, int) else wrong[found.name]
    said = found.target.introduce(count, len(shown), found.named(split))
    parts: list[Any] = [Words(f"{said} Some may be labelled wrongly.")]
    if found.target.dense:
        parts += _key(found, shown)
    elif any(HEAT in example for example in shown):
        text = "Bright: where the picture spoke for the answer (gradient x activation). Point at it to see it whole."
        parts.append(Words(text, "soft"))
    if any(PIECES in example for example in shown):
        numbers = found.target.form == "values"
        told = (
            "Blue raised the number, orange lowered it" if numbers else "Blue spoke for the answer, orange against it"
        )
        parts.append(Words(f"{told}: what the answer lost without it, one at a time.", "soft"))
    return [*parts, Cards([_card(example) for example in shown])]


def _key(found: TargetFacts, shown: Sequence[Example]) -> list[Any]:
    """Say what the colours over pictures mean, where a target draws some."""
    entries = found.target.colour_key()
    if entries and not any(HEAT in example for example in shown):
        return [Legend(entries)]
    white = "the borders of the labels" if found.target.pictured else "the boxes of the labels, in dashes"
    told = f"Colours: what was decided. White: {white}. Point at a picture to see it alone."
    return [Words(told, "soft"), Legend(entries)] if entries else []


def _card(example: Example) -> Card:
    lines = [("label", example["label"]), ("predicted", example["prediction"]), ("", example["how"])]
    if "about" in example:
        lines.append(("shaded for", example["about"]))
    pieces = [Piece(text, weight) for text, weight in example.get(PIECES, ())]
    return Card(
        example["id"],
        lines,
        picture=example.get(PICTURE, ""),
        tiny=example.get(TINY, False),
        heat=example.get(HEAT, ""),
        sound=example.get(SOUND, ""),
        text="" if pieces else example.get(WORDS, ""),
        pieces=pieces,
        marked=example.get(MARKED, ()),
        listed=example.get(LISTED, False),
        verdict=example.get("verdict", ""),
    )
