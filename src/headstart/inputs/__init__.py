"""One file a modality: what its examples look like in data, and what a network expects of them."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TypeVar

from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.core.input import Input

T = TypeVar("T")
PICTURE = "image"  # of a preview: a picture, as a data URI, which `TINY` pixels ask to enlarge
TINY = "tiny"
SOUND = "sound"  # of a preview: a sound that can be played, as a data URI
WORDS = "text"  # of a preview: words
CUT = "cut"  # of a shown example: what the network does not see of it, in words
HEAT = "heat"  # of an explained example: a picture that lies over `PICTURE`, as a data URI
PIECES = "pieces"  # of an explained example: its pieces, each with its weight from -1 to 1
MARKED = "marked"  # of a text: lines in which pieces are marked, as `Outcomes.marked` gives them
LISTED = "listed"  # the pieces stand below each other


def modalities() -> dict[str, type[Input]]:
    """Return the modalities by name, in the order in which a column is offered to them."""
    return _modalities(os.environ.get("HEADSTART_PLUGINS"))


@lru_cache(maxsize=8)
def _modalities(_: str | None) -> dict[str, type[Input]]:
    """Load all modalities, once for each value of the variable that names the folders of plug-ins."""
    found = {name: plugins.load("inputs", name) for name in plugins.names("inputs")}
    return dict(sorted(found.items(), key=lambda pair: (pair[1].order, pair[0])))


def by_name(name: str) -> type[Input]:
    """Return a modality; one that is not known is a `UsageError` with the nearest name."""
    return modalities().get(name) or plugins.load("inputs", name)


def modality(expected: Input) -> str:
    """Name the modality of an input: that of its file."""
    return type(expected).__module__.rpartition(".")[2]


def tabular() -> str:
    """Name the modality whose examples may be several columns of numbers."""
    return next(name for name, kind in modalities().items() if kind.tabular)


def of_file(name: str) -> str | None:
    """Name the modality whose files end like this name; None where there is none."""
    return _suffixes(os.environ.get("HEADSTART_PLUGINS")).get(os.path.splitext(name)[1].lower())  # noqa: PTH122


@lru_cache(maxsize=8)
def _suffixes(_: str | None) -> dict[str, str]:
    """Name the modality of each file ending; the first in their order has it."""
    return {suffix: name for name, kind in reversed(modalities().items()) for suffix in kind.suffixes}


def require(expected: Input, kind: type[T], why: str) -> T:
    """Return what a network expects as an input of one class.

    Args:
        expected: What the network expects.
        kind: The class that is needed.
        why: What needs it, for the message.

    Returns:
        The same input.

    Raises:
        UsageError: The network takes another modality.
    """
    if not isinstance(expected, kind):
        raise UsageError(f"{why}; the network takes {modality(expected)}.")
    return expected
