"""What strategies take from the start of training: a frozen copy, the first weights, the source's classifier."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from headstart.core.errors import UsageError
from headstart.core.types import Batch, Features
from headstart.models.model import Backbone, Head, Model, device_of


class FrozenCopy:
    """The backbone as it is now, in evaluation mode; it never learns, and no checkpoint holds it."""

    def __init__(self, backbone: Backbone) -> None:
        self.backbone = copy.deepcopy(backbone).eval().requires_grad_(False)

    def features(self, x: Any, device: torch.device) -> Features:
        """Compute features without gradients.

        Args:
            x: A batch's x.
            device: The device that it is on; the copy follows.

        Returns:
            The features that the backbone gave at the start.
        """
        if device_of(self.backbone) != device:
            self.backbone.to(device)
        with torch.no_grad():
            return self.backbone(x)


class Start:
    """Tensors as they are now, to be compared with what they become."""

    def __init__(self, tensors: Sequence[torch.Tensor]) -> None:
        self.now = list(tensors)
        self._then = [tensor.detach().clone() for tensor in tensors]

    def pairs(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Return each tensor with its first value, on the same device."""
        self._then = [then.to(now.device) for now, then in zip(self.now, self._then, strict=True)]
        return list(zip(self.now, self._then, strict=True))


def weights(model: Model, strategy: str) -> list[nn.Parameter]:
    """Return the backbone's parameters. UsageError: it has none, and a strategy asks for them."""
    found = list(model.backbone.parameters())
    if not found:
        raise UsageError(
            f"{strategy} needs weights of the source; {model.backbone.card.name} has none. Use linear_probe."
        )
    return found


def source_head(model: Model, strategy: str) -> nn.Linear:
    """Build the source task's own classifier, [B, D] to [B, source classes].

    Args:
        model: Its backbone may know the classifier.
        strategy: Who needs it, for the message.

    Returns:
        A layer with the source's weights, which may learn.

    Raises:
        UsageError: The source brings no classifier.
    """
    if model.backbone.source_classifier is None:
        raise UsageError(
            f"{strategy} needs the source task's classifier, and {model.backbone.card.name} has none. "
            "Take a source that was trained to classify (timm:, local:, run:), or l2_sp, delta or feature_distillation."
        )
    weight, bias = model.backbone.source_classifier
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.zero_() if bias is None else layer.bias.copy_(bias)
    return layer.to(device_of(model))


def class_heads(model: Model, strategy: str) -> dict[str, Head]:
    """Find the heads of targets of one class a row.

    Args:
        model: Its heads know their targets.
        strategy: Who needs classes, for the message.

    Returns:
        At least one head, by target.

    Raises:
        UsageError: There is none.
    """
    found = {name: head for name, head in model.by_target().items() if head.target.form == "classes"}
    if not found:
        raise UsageError(f"{strategy} needs a task of one class a row (binary or multi-class). Use l2_sp or delta.")
    return found


def task_loss(heads: Mapping[str, Head], features: Features, batch: Batch) -> torch.Tensor:
    """Compute the sum of the heads' own losses.

    Args:
        heads: Heads by target.
        features: Features of a batch.
        batch: Labels of the same rows; a head without labels counts nothing.

    Returns:
        A scalar.
    """
    labels = batch.labels
    known = {name: batch.known.get(name) for name in labels}
    found = [head.loss(head(features), labels[n], known=known[n]) for n, head in heads.items() if n in labels]
    assert found, "no labelled rows"
    return torch.stack(found).sum()


def no_loss(model: Model) -> torch.Tensor:
    """Return a loss of 0 on the model's device."""
    return torch.zeros((), device=device_of(model))


def mean(losses: Sequence[torch.Tensor], model: Model) -> torch.Tensor:
    """Average losses; 0 where there are none."""
    return torch.stack([loss.float() for loss in losses]).mean() if losses else no_loss(model)
