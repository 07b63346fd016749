"""Load a backbone by its name with prefix ("timm:resnet18"), or rebuild one from its card."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.errors import SourceError, UsageError
from headstart.core.types import Card, Inserting, Scheme
from headstart.models.model import Backbone
from headstart.models.operate import RECORD, replay
from headstart.models.parts import check_parts

NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


def load_source(name: str, options: Mapping[str, Any] = NO_OPTIONS) -> Backbone:
    """Load a pretrained backbone.

    Args:
        name: "PREFIX:REST"; the prefix is the source, the rest is the model's name there.
        options: Options of the source, as plain data.

    Returns:
        The backbone with its pretrained weights.

    Raises:
        UsageError: The name has no prefix or an unknown one, or an option is wrong.
        SourceError: It is missing or damaged, or its parts do not fit each other.
    """
    prefix, rest = parts_of(name)
    backbone: Backbone = plugins.build("sources", prefix, options).load(rest)
    check_parts(backbone)
    return backbone


def parts_of(name: str) -> tuple[str, str]:
    """Return the source and the model's name there. UsageError: one of them is absent."""
    prefix, _, rest = name.partition(":")
    if not rest:
        forms = "\n".join(f"  {source}: {plugins.describe('sources', source)}" for source in plugins.names("sources"))
        raise UsageError(
            f"The model '{name}' does not say where it comes from. Write SOURCE:NAME, with one of\n{forms}"
        )
    return prefix, rest


SHARING = "sharing"  # the kind of the entry that a scheme makes in a card


def insert_shared(backbone: Backbone, entry: Mapping[str, Any]) -> None:
    """Divide a backbone among targets, as a scheme recorded it."""
    scheme: Scheme = plugins.build(SHARING, str(entry["name"]), entry["options"])
    scheme.insert(backbone, entry["targets"], entry["own"])


def rebuild(card: Card) -> Backbone:
    """Build the network of a card with random weights, offline.

    Args:
        card: The card of a backbone that was loaded before, perhaps on another machine.

    Returns:
        A backbone with the same parameter names and shapes, after the surgery that the card records, with the modules
        that strategies inserted.

    Raises:
        SourceError: The source that the card names is not there.
        UsageError: A strategy that inserted modules is not there.
    """
    if card.builder not in plugins.names("sources"):
        raise SourceError(
            f"{card.name} was built by the source '{card.builder}', which is not there. "
            "Install its package, or set HEADSTART_PLUGINS to its folder."
        )
    source = plugins.build("sources", card.builder, {}).rebuild
    base = dataclasses.replace(card, inserted=())
    backbone: Backbone = replay(base, source) if RECORD in card.architecture else source(base)
    for plain in card.inserted:
        if plain.get("kind") == SHARING:
            insert_shared(backbone, plain)
            continue
        choice = Choice.parse(plain, "inserted modules of the card")
        strategy: Inserting = plugins.build("strategies", choice.name, choice.options)
        strategy.insert(backbone)
    return backbone
