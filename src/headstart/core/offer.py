"""What a source offers without being asked for a model by name: ways to start, and models that are on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

EVERY = "every"  # among languages: there is none that the model was not made for


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
    weights, in bytes. languages: codes such as "en", or `EVERY`; () where they are not known, or where the examples
    have none.
    """

    source: str
    modality: str = ""
    size: int = 0
    licence: str = ""
    languages: tuple[str, ...] = ()


def covers(languages: Sequence[str], spoken: Sequence[str]) -> bool:
    """Return whether a model with these languages was made for rows in those that are spoken."""
    return EVERY in languages or set(spoken) <= set(languages)
