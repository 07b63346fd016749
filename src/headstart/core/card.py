"""What is known of a pretrained model, what it expects, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from headstart.core.input import Input
    from headstart.core.task import Target


@dataclass(frozen=True)
class Card:
    """What is known of a pretrained model, as plain data.

    `builder` is the source that can `rebuild` the network from `architecture`.
    """

    name: str
    family: str
    params: int
    input: Input
    builder: str
    architecture: Mapping[str, Any]
    source_task: str = ""
    labels: tuple[str, ...] = ()
    licence: str = ""
    sha256: str = ""
    revision: str = ""
    inserted: tuple[Mapping[str, Any], ...] = ()  # strategies whose modules stay in it, in order: name and options


class Head(Protocol):
    """Options of a head, built into a module for a backbone of width `dim` and one target."""

    def build(self, dim: int, target: Target) -> nn.Module:
        """Make the module (a `headstart.models.model.Head`)."""
        ...


class Source(Protocol):
    """A place that pretrained models come from. Its dataclass fields are its options.

    Three classmethods are optional; a file that has them imports torch only inside of functions. `offers(task, inputs)`
    gives `headstart.core.offer.Offer`s of what is on this machine; `remote_offers(task, inputs)` those of what would be
    fetched, where no source has anything; `stored()` lists what is on this machine, as `Stored`.
    """

    def names(self, query: str) -> list[str]:
        """List models of this source whose name contains `query`, without loading any."""
        ...

    def load(self, name: str) -> nn.Module:
        """Load a `headstart.models.model.Backbone` with its pretrained weights."""
        ...

    def rebuild(self, card: Card) -> nn.Module:
        """Build the same network with fresh random weights, offline, from the card alone."""
        ...
