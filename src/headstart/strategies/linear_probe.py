"""Linear probe: the backbone stays as it is, only the head learns (Alain & Bengio 2016, arXiv:1610.01644).

With an MLP head the same strategy trains that head; the name follows the usual case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.core.errors import UsageError
from headstart.core.types import Defaults, Tuning
from headstart.models.model import Model
from headstart.strategies._groups import head_group


@dataclass(frozen=True)
class LinearProbe:
    """Only the head learns; the backbone stays bit-identical, batch norm statistics included."""

    defaults: ClassVar[Defaults] = Defaults(lr=3e-3, epochs=60, augment="plain", optimiser="solve")

    def prepare(self, model: Model) -> Tuning:
        """Let the heads learn. UsageError: they have no weights, as of a network that writes answers itself."""
        heads, made = head_group(model), model.by_target().values()
        if made and not heads.params and not any(head.starts_new for head in made):
            raise UsageError("linear_probe: the head has no weights of its own, so nothing would learn. Take lora.")
        return Tuning([heads])
