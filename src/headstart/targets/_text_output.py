"""What texts as answers need of whatever writes them. Imports torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.core.types import LossOptions
from headstart.targets._outputs import Output
from headstart.targets._written_texts import filled, packed


class TextOutput(Output):
    """Texts as rows of bytes, [B, width] uint8, from labels of the same form. How they come about, the head knows.

    Whatever it is, outputs are numbers of tokens with the mask in the last place, [B, T, K + 1].

    Args:
        width: Bytes of an output.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def loss(self, out: torch.Tensor, y: torch.Tensor, options: LossOptions) -> torch.Tensor:
        """Refuse (UsageError): only heads that write texts have a loss for them."""
        raise UsageError(f"This head writes no texts: take one that does ({option('head', 'seq2seq')}).")

    def decode(self, out: torch.Tensor) -> torch.Tensor:
        """Refuse (UsageError), as `loss` does."""
        return self.loss(out, out, LossOptions())

    def as_rows(self, texts: Sequence[str]) -> torch.Tensor:
        """Write answers as rows of bytes."""
        return torch.from_numpy(filled(map(packed, texts), self.width))

    def comparable(self, out: torch.Tensor) -> torch.Tensor:
        """Compare the mean of what texts are made of, [B, K]: texts have no distance that a gradient could follow."""
        mask = out[..., -1:]
        return (out[..., :-1] * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)


def lengths_of(texts: Sequence[Sequence[int]]) -> tuple[float, int]:
    """Return the mean and the greatest number of tokens, at least 1 each."""
    counts = np.array([len(each) for each in texts] or [1])
    return max(1.0, float(counts.mean())), max(1, int(counts.max()))
