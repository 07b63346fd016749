"""BitFit: only the biases and the head learn (Ben Zaken, Ravfogel & Goldberg 2021, arXiv:2106.10199)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.core.errors import UsageError
from headstart.core.types import Defaults, ParamGroup, Tuning
from headstart.models.model import Model
from headstart.strategies._groups import head_group


@dataclass(frozen=True)
class Bitfit:
    """All biases of the backbone learn, those of norms included, and the head `head_lr` times as fast.

    A batch norm whose bias learns also updates its statistics.
    """

    head_lr: float = 1.0
    defaults: ClassVar[Defaults] = Defaults(lr=1e-2, epochs=8)

    def prepare(self, model: Model) -> Tuning:
        """Let the biases and the heads learn. UsageError: the backbone has no bias."""
        biases = [p for name, p in model.backbone.named_parameters() if name.rpartition(".")[2].endswith("bias")]
        if not biases:
            raise UsageError(f"bitfit needs biases; {model.backbone.card.name} has none. Use norm_tuning or lora.")
        return Tuning([ParamGroup(biases), head_group(model, self.head_lr)])
