"""Turn a model card into plain data for `model.json`, and back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headstart.core import options, plugins
from headstart.core.errors import SourceError, UsageError, first_few
from headstart.core.types import Card, Input
from headstart.inputs import by_name, modality


def input_to_plain(expected: Input) -> dict[str, Any]:
    """Turn an input into plain data, tagged by "modality"."""
    fields: Any = expected  # a dataclass, as all plug-ins are
    return {"modality": modality(expected), **json.loads(json.dumps(dataclasses.asdict(fields)))}


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
    if not _is_known(kind):
        raise SourceError(f"The model card is damaged: {_unknown(kind)}.")
    try:
        return options.build(by_name(kind), given, "input of the model card")
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
    if not _is_known(kind):
        wrong.append(_unknown(kind))
    if not isinstance(values.get("architecture", {}), Mapping):
        wrong.append("'architecture' is not a table")
    if wrong:
        raise SourceError(f"The model card is damaged: {first_few(wrong, '; ')}.")
    values["input"] = input_from_plain(values["input"])
    values["labels"] = tuple(values.get("labels", ()))
    values["inserted"] = tuple(values.get("inserted", ()))
    return Card(**values)


def read_card(folder: Path) -> Card:
    """Read the card of a saved model.

    Args:
        folder: With `model.json`.

    Returns:
        The card, which names the files in the folder.

    Raises:
        SourceError: The file is damaged, or Headstart did not write it.
    """
    path = folder / "model.json"
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SourceError(f"{path} is not JSON: {error}.") from error
    if not isinstance(plain, dict) or "card" not in plain:
        raise SourceError(f"{path} has no card: it was not written by Headstart.")
    return located(card_from_plain(plain["card"]), folder)


def located(card: Card, folder: Path) -> Card:
    """Point a card at the files in the folder of the saved model; a path that is absolute stays."""
    paths = {name: str(folder / path) for name in card.input.files if (path := getattr(card.input, name))}
    return dataclasses.replace(card, input=_changed(card.input, paths))


def with_files_of(earlier: Input, now: Input) -> Input:
    """Point an earlier form of an input at the files of the present one."""
    return _changed(earlier, {name: getattr(now, name) for name in now.files})


def _changed(expected: Input, values: Mapping[str, Any]) -> Input:
    fields: Any = expected
    return dataclasses.replace(fields, **values)


def _is_known(kind: Any) -> bool:
    return kind in plugins.names("inputs")


def _unknown(kind: Any) -> str:
    return f"input.modality is {kind!r}, not one of {first_few(plugins.names('inputs'))}"
