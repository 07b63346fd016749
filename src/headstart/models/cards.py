"""Turn a model card into plain data for `model.json`, and back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from headstart.core import options
from headstart.core.errors import SourceError, UsageError
from headstart.core.types import Card, ImageInput, Input, TextInput, VectorInput

INPUTS: Mapping[str, type[Input]] = {"image": ImageInput, "text": TextInput, "vector": VectorInput}


def modality(expected: Input) -> str:
    """Name the modality of an input: "image", "text" or "vector"."""
    return next(name for name, cls in INPUTS.items() if isinstance(expected, cls))


def input_to_plain(expected: Input) -> dict[str, Any]:
    """Turn an input into plain data, tagged by "modality"."""
    return {"modality": modality(expected), **json.loads(json.dumps(dataclasses.asdict(expected)))}


def input_from_plain(plain: Mapping[str, Any]) -> Input:
    """Build an input from what `input_to_plain` gave.

    Args:
        plain: The input as plain data.

    Returns:
        The input.

    Raises:
        SourceError: A key is missing or unknown, or the modality is none that is known.
    """
    given = dict(plain)
    kind = given.pop("modality", None)
    if kind not in INPUTS:
        raise SourceError(f"The model card is damaged: input.modality is {kind!r}, not one of {', '.join(INPUTS)}")
    try:
        return options.build(INPUTS[kind], given, "input of the model card")
    except UsageError as error:
        raise SourceError(f"The model card is damaged: {error}") from error


def card_to_plain(card: Card) -> dict[str, Any]:
    """Turn a card into dicts, lists, text and numbers, `None` included; the input is tagged by "modality"."""
    plain = {field.name: getattr(card, field.name) for field in dataclasses.fields(card)}
    plain["input"] = input_to_plain(card.input)
    plain["architecture"] = dict(card.architecture)
    plain["inserted"] = [dict(choice) for choice in card.inserted]
    return json.loads(json.dumps(plain))


def card_from_plain(plain: Mapping[str, Any]) -> Card:
    """Build a card from what `card_to_plain` gave.

    Args:
        plain: The card as plain data, for example from JSON.

    Returns:
        The card.

    Raises:
        SourceError: A key is missing or unknown, or the input is of no known modality.
    """
    fields = {field.name: field for field in dataclasses.fields(Card)}
    if not isinstance(plain, Mapping) or not isinstance(plain.get("input"), Mapping):
        raise SourceError("The model card is damaged: it is not a table with an 'input' table.")
    needed = {name for name, field in fields.items() if field.default is dataclasses.MISSING}
    wrong = [f"'{key}' is unknown" for key in plain if key not in fields]
    wrong += [f"'{key}' is missing" for key in sorted(needed - set(plain))]
    values = dict(plain)
    kind = values["input"].get("modality")
    if kind not in INPUTS:
        wrong.append(f"input.modality is {kind!r}, not one of {', '.join(INPUTS)}")
    if not isinstance(values.get("architecture", {}), Mapping):
        wrong.append("'architecture' is not a table")
    if wrong:
        raise SourceError(f"The model card is damaged: {'; '.join(wrong)}.")
    values["input"] = input_from_plain(values["input"])
    values["labels"] = tuple(values.get("labels", ()))
    values["inserted"] = tuple(values.get("inserted", ()))
    return Card(**values)
