"""What a source offers without being asked for a model by name: ways to start, and models that are on this machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Offer:
    """A way to start for some data.

    source: as after `--source`, options included. head, surgery: as in a recipe. why: why it may suit, in words that
    follow a colon.
    """

    source: str
    head: str = "linear"
    surgery: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Stored:
    """A pretrained model on this machine.

    source: as after `--source`. modality: the file of `inputs/`; "" where it is not known without loading. size: of the
    weights, in bytes. languages: codes such as "en", or "every"; () where they are not known, or where the examples
    have none.
    """

    source: str
    modality: str = ""
    size: int = 0
    licence: str = ""
    languages: tuple[str, ...] = ()
