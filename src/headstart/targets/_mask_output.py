"""What a decoder's outputs mean for masks: the loss, and the class of each pixel. Imports torch."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from headstart.core.types import Labels, LossOptions
from headstart.targets._balance import Balance, balance_counts
from headstart.targets._masks import IGNORED, pixels_of
from headstart.targets._outputs import Output

TINY = 1e-6  # pixels


class MaskOutput(Output):
    """A class for each pixel: logits [B, C, H, W], labels [B, H, W] int64. Cross-entropy and Dice; the likeliest class.

    Logits of fewer places than the labels have are compared with the labels at the middle of each place.
    Both are means over a picture's pixels first, so that the mean over a batch is that of its micro-batches.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.balance = Balance()

    def rebalance(self, kind: str, labels: Labels) -> None:
        """Make up for rare classes from now on, by the pixels of the training masks."""
        counts = np.sum([pixels_of(label, self.classes) for label in labels], axis=0)
        self.balance = balance_counts(kind, counts)

    def loss(self, out: torch.Tensor, y: torch.Tensor, options: LossOptions) -> torch.Tensor:
        """Compute the cross-entropy of each pixel with what the balance asks for, plus Dice unless one is named."""
        if self.balance.shift:
            out = out + out.new_tensor(self.balance.shift)[:, None, None]
        if y.shape[1:] != out.shape[2:]:
            y = functional.interpolate(y[:, None].float(), out.shape[2:], mode="nearest-exact")[:, 0].long()
        known, logs = y != IGNORED, out.log_softmax(dim=1)
        y = y.where(known, 0)
        loss = self._cross_entropy(logs, y, known, options)
        return loss if options.loss == "cross_entropy" else loss + dice_loss(logs.exp(), y, known)

    def _cross_entropy(
        self, logs: torch.Tensor, y: torch.Tensor, known: torch.Tensor, options: LossOptions
    ) -> torch.Tensor:
        right, smooth = logs.gather(1, y.unsqueeze(1)).squeeze(1), options.label_smoothing  # [B, H, W]
        each = -(1 - smooth) * right - smooth * logs.mean(dim=1) if smooth else -right
        if self.balance.focus:
            each = (1 - right.exp()) ** self.balance.focus * each
        given = options.class_weights or self.balance.weights
        counted = known * logs.new_tensor(given)[y] if given else known.to(logs.dtype)
        return ((each * counted).sum(dim=(1, 2)) / counted.sum(dim=(1, 2)).clamp(min=TINY)).mean()

    def decode(self, out: torch.Tensor) -> torch.Tensor:
        """Return the class of each pixel, [B, H, W] uint8."""
        return out.argmax(dim=1).to(torch.uint8)


def dice_loss(p: torch.Tensor, y: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Compute 1 minus the soft Dice coefficient, averaged over the classes that are in a picture, and over pictures.

    It is that of Milletari et al. (2016, arXiv:1606.04797, section 3), with p in the place of p² in the divisor.

    Args:
        p: Probabilities [B, C, H, W].
        y: Classes [B, H, W].
        known: Which pixels count, [B, H, W]; a picture without any has the loss 0.

    Returns:
        A scalar.
    """
    counts, places = known.to(p.dtype), y.flatten(1)
    right = p.gather(1, y.unsqueeze(1)).squeeze(1) * counts
    empty = p.new_zeros(p.shape[:2])
    both, sizes = (empty.scatter_add(1, places, each.flatten(1)) for each in (right, counts))  # [B, C]
    each = 1 - 2 * both / (torch.einsum("bchw,bhw->bc", p, counts) + sizes).clamp(min=TINY)
    there = (sizes > 0).to(each.dtype)
    return ((each * there).sum(dim=1) / there.sum(dim=1).clamp(min=1)).mean()
