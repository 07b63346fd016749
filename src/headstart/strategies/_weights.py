"""The weights of a backbone, computed from a frozen original and a few numbers that learn, and merged again.

The weight itself is computed (torch's parametrisation), not the layer's output, so that networks
that use a layer's weight without calling the layer, as some attentions do, are right as well, and
merging changes no bit of what the network computes in float32. In training a change of low rank is added
to a linear layer's output where that is cheaper: the weight's gradient is then not needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrize

from headstart.core.errors import UsageError
from headstart.core.types import ParamGroup, Tuning
from headstart.models.model import Backbone, Model
from headstart.strategies._groups import head_group
from headstart.strategies._names import fits, none_fits, with_parents

PLAIN = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


@dataclass(frozen=True)
class Weight:
    """One weight: `module.tensor`. `axis` is the one of its outputs."""

    name: str
    module: nn.Module
    tensor: str
    axis: int


class LowRank(nn.Module):
    """Add `scale` · up · down to a weight of any shape; its first axis is the rows. `up` is zero at first."""

    def __init__(self, weight: torch.Tensor, rank: int, alpha: float) -> None:
        super().__init__()
        rows, columns = weight.flatten(1).shape
        rank = min(rank, rows, columns)
        self.down = nn.Parameter(torch.empty(rank, columns))
        self.up = nn.Parameter(torch.zeros(rows, rank))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)
        self.scale = alpha / rank

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight + self.scale * (self.up @ self.down).view(weight.shape)

    def adds_cheaply(self, rows: int) -> bool:
        """Return whether a step over [rows, columns] has fewer multiplications where its outputs are changed.

        Forward and backward, a changed weight [R, C] takes 3 · rank · R · C for itself and rows · R · C for its
        gradient; changed outputs take 3 · rank · rows · (R + C).
        """
        rank, columns = self.down.shape
        outputs = len(self.up)
        return 3 * rank * rows * (outputs + columns) < (3 * rank + rows) * outputs * columns

    def added(self, x: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        """Return what a linear layer gives for x [..., C] with the change, from what it gives without [..., R]."""
        inner = functional.linear(x.reshape(-1, x.shape[-1]), self.down)
        return torch.addmm(out.reshape(-1, out.shape[-1]), inner, self.up.T, alpha=self.scale).view(out.shape)


def tune_weights(
    model: Model, strategy: str, layers: Sequence[str], make: Callable[[torch.Tensor, int], nn.Module]
) -> Tuning:
    """Let a few numbers learn that change weights, and the heads.

    Args:
        model: Its weights are parametrised until the tuning is merged.
        strategy: Its name, for messages.
        layers: Patterns of the linear and convolution layers, by name; "net." may be left out.
        make: Makes, from a weight and its axis of outputs, the module that computes the new weight.

    Returns:
        The tuning, whose `merge` leaves the plain network with the new weights.

    Raises:
        UsageError: The backbone has no such layer, or a pattern fits none.
    """
    weights = _choose(model.backbone, strategy, layers)
    made = []
    for weight in weights:
        original: torch.Tensor = getattr(weight.module, weight.tensor)
        original.requires_grad_(False)
        change = make(original.detach(), weight.axis).to(original.device)
        is_plain = type(weight.module).forward is nn.Linear.forward and not parametrize.is_parametrized(weight.module)
        parametrize.register_parametrization(weight.module, weight.tensor, change)
        if is_plain and isinstance(change, LowRank):
            type(weight.module).forward = _linear  # of this layer's own class, until it is merged
        made += list(change.parameters())

    def merge() -> None:
        for weight in weights:
            parametrize.remove_parametrizations(weight.module, weight.tensor, leave_parametrized=True)

    return Tuning([ParamGroup(made), head_group(model)], merge=merge)


def _linear(layer: Any, x: torch.Tensor) -> torch.Tensor:
    """Compute a linear layer whose weight has a change of low rank."""
    weight = layer.parametrizations.weight
    if not torch.is_grad_enabled() or not weight[0].adds_cheaply(x.numel() // x.shape[-1]):
        return functional.linear(x, layer.weight, layer.bias)
    return weight[0].added(x, functional.linear(x, weight.original, layer.bias))


def weights_of(backbone: Backbone) -> list[Weight]:
    """Find the weights of all linear and convolution layers, fused projections included."""
    found = []
    for name, module in backbone.named_modules():
        if isinstance(module, PLAIN):
            found.append(Weight(name, module, "weight", 0))
        elif isinstance(module, nn.MultiheadAttention) and module.in_proj_weight is not None:
            found.append(Weight(name, module, "in_proj_weight", 0))
        elif type(module).__name__ == "Conv1D":  # of GPT-2 in transformers: a linear layer, its weight [in, out]
            found.append(Weight(name, module, "weight", 1))
    return found


def _choose(backbone: Backbone, strategy: str, layers: Sequence[str]) -> list[Weight]:
    weights = {weight.name.removeprefix("net."): weight for weight in weights_of(backbone)}
    if not weights:
        raise UsageError(
            f"{strategy} needs a linear or convolution layer in the backbone; {backbone.card.name} has none. "
            "Use layers, bitfit or norm_tuning."
        )

    def chosen(pattern: str, name: str) -> bool:
        return fits(pattern, name) or fits(pattern, f"net.{name}")

    for pattern in layers:
        if not any(chosen(pattern, name) for name in weights):
            kinds = dict.fromkeys(name.rpartition(".")[2] for name in weights)
            raise none_fits(
                f"{strategy}, layers of {backbone.card.name}", pattern, with_parents(weights), [f"*.{k}" for k in kinds]
            )
    return [weight for name, weight in weights.items() if any(chosen(pattern, name) for pattern in layers)]
