"""Cross-stitch units: behind each stage a target goes on with a mix of what all have there (Misra et al. 2016, CVPR).

Equation 1 of arXiv:1604.03539: in the place of the activation x_k of target k comes the sum over targets j of
alpha_kj x_j, and alpha is learnt. As in the paper there is one alpha a channel, and a unit before the heads, too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from headstart.core.errors import UsageError, first_few
from headstart.core.plugins import name_of
from headstart.core.types import Features, ParamGroup, Tuning
from headstart.models.each import Each, part_of
from headstart.models.model import Backbone, device_of
from headstart.models.paths import Paths, Through, insert_paths
from headstart.models.stages import plain
from headstart.models.taps import channel_axes, first, stage_modules, stage_outputs, with_first
from headstart.models.tree import INSERTED
from headstart.sharing._own import Copies, OwnTensors

NAME = f"{INSERTED}stitches"


class Stitch(nn.Module):
    """Mixes what the targets have behind a stage.

    Args:
        alpha: [T, T, C] or [T, T, 1]: what a target gets of each target's activation, by channel.
        axis: Which axis of an activation holds the channels.
    """

    def __init__(self, alpha: torch.Tensor, axis: int) -> None:
        super().__init__()
        self.alpha, self.axis = nn.Parameter(alpha), axis

    def forward(self, each: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Compute equation 1 for the activations of all targets."""
        shape = [-1 if axis == self.axis else 1 for axis in range(each[0].ndim)]
        rows = self.alpha.to(each[0].dtype).unbind()
        return [torch.stack([a.view(shape) * x for a, x in zip(row, each, strict=True)]).sum(dim=0) for row in rows]

    def after(self, _: nn.Module, __: Any, output: Any) -> Any:
        """Stand behind a module, as its forward hook."""
        hidden = first(output)
        return with_first(output, Each(self(hidden.parts))) if isinstance(hidden, Each) else output


class InStep(Through):
    """Lets a batch through the network once, by the tensors of all targets: none can go alone."""

    def of(self, paths: Paths, targets: Sequence[str], x: Any) -> list[Features]:
        """Compute the features of all targets, and give those of some."""
        named = dict(self.backbone.named_parameters()) | dict(self.backbone.named_buffers())
        others = [paths.of(target) for target in paths.targets[1:]]
        features = self.run({n: Each([named[n], *(own[n] for own in others)]) for n in paths.names}, x)
        return [part_of(features, paths.targets.index(target)) for target in targets]


@dataclass(frozen=True)
class CrossStitch(OwnTensors):
    """Each target has all that learns for itself, and goes on behind each stage with a learnt mix of what all have.

    Attributes:
        own: How much of the mix is a target's own at first; the others share the rest evenly.
        by: Whether each channel has a mix of its own, or the whole stage has one.
        rate: How many times as fast as the stage's rate the mix learns; 0 keeps it as it is.
    """

    own: float = 0.9
    by: Literal["channel", "stage"] = "channel"
    rate: float = 10.0

    def __post_init__(self) -> None:
        if not 0 <= self.own <= 1:
            raise ValueError(f"own must be from 0 to 1; it is {self.own}.")
        if self.rate < 0:
            raise ValueError(f"rate must be 0 or more; it is {self.rate}.")

    def is_own(self, backbone: Backbone) -> Callable[[str], bool]:
        """Say that everything but the mix is each target's own."""
        return lambda name: not name.startswith(f"{NAME}.")

    def put_in(self, backbone: Backbone, targets: Sequence[str], own: Sequence[str]) -> Paths:
        """Give the targets copies, and put a unit behind each stage from the first on where they differ."""
        paths = insert_paths(backbone, targets, own, InStep)
        if hasattr(backbone, NAME):
            return paths
        found = {
            stage: hidden.shape
            for stage, hidden in stage_outputs(backbone).items()
            if isinstance(hidden, Each) and len(hidden) == 1
        }
        *before, _ = backbone.stages().items()  # behind the last one there are the heads, if no layer ends it
        learns = {plain(name) for name in own}
        endless = [stage for stage, names in before if stage not in found and not learns.isdisjoint(map(plain, names))]
        if endless:
            raise UsageError(
                f"{name_of(self)}: these stages of {backbone.card.name} end with no layer whose output could be mixed: "
                f"{first_few(endless)}. Choose a strategy by which nothing learns there, or another scheme."
            )
        if not found:
            raise UsageError(
                f"{name_of(self)}: what learns of {backbone.card.name} changes what no stage gives, so that there is "
                "nothing to mix. Choose another strategy or another scheme."
            )
        modules, axes, units = stage_modules(backbone), channel_axes(backbone), nn.ModuleList()
        for stage, shape in found.items():
            channels = shape[axes[stage]] if self.by == "channel" else 1
            unit = Stitch(self._start(len(targets), channels), axes[stage])
            modules[stage].register_forward_hook(unit.after)
            units.append(unit)
        backbone.add_module(NAME, units.to(device_of(backbone)))
        return paths

    def complete(self, backbone: Backbone, tuning: Tuning, common: Sequence[nn.Parameter], copies: Copies) -> Tuning:
        """Let the mix learn at its own rate, without weight decay."""
        alphas = list(backbone.get_submodule(NAME).parameters())
        known = {id(alpha) for alpha in alphas}
        left = [dataclasses.replace(g, params=[p for p in g.params if id(p) not in known]) for g in tuning.groups]
        tuning.groups = [*left, *([ParamGroup(alphas, self.rate, weight_decay=0.0)] if self.rate else [])]
        return tuning

    def _start(self, targets: int, channels: int) -> torch.Tensor:
        """Make the alphas of a unit; those of one target sum to 1."""
        alpha = torch.full((targets, targets), (1 - self.own) / (targets - 1)).fill_diagonal_(self.own)
        return alpha[:, :, None].repeat(1, 1, channels)
