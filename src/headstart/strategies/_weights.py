"""The weights of a backbone, computed from a frozen original and a few numbers that learn, and merged again.

The weight itself is computed (torch's parametrisation), not the layer's output, so that networks
that use a layer's weight without calling the layer, as some attentions do, are right as well, and
merging changes no bit of what the network computes in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
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
        parametrize.register_parametrization(weight.module, weight.tensor, change)
        made += list(change.parameters())

    def merge() -> None:
        for weight in weights:
            parametrize.remove_parametrizations(weight.module, weight.tensor, leave_parametrized=True)

    return Tuning([ParamGroup(made), head_group(model)], merge=merge)


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
