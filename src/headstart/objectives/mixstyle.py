"""MixStyle: features in the style of another domain's (Zhou et al. 2021, arXiv:2104.02008).

Their section 2.2: the means and standard deviations of the channels of a row's maps, taken over places, are mixed with
those of another row of the batch; how much is drawn from Beta(alpha, alpha). No gradient goes through them. It is done
after the first stages of the backbone, for half of the batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from headstart.core.errors import UsageError
from headstart.core.types import Batch, Loss
from headstart.models.model import Model
from headstart.models.taps import first, stage_modules, stage_shapes, with_first
from headstart.objectives._environments import SourceDomains
from headstart.objectives._tasks import task_losses

SMALL = 1e-6  # added to a variance


@dataclass(frozen=True)
class Mixstyle(SourceDomains):
    """Minimise the task's loss on the source domains, with the styles of rows mixed in the first stages.

    Attributes:
        stages: Of the backbone, after which styles are mixed.
        share: Of the batches that are mixed.
        alpha: Of the Beta distribution: small ones leave most rows nearly as they are.
    """

    stages: int = 2
    share: float = 0.5
    alpha: float = 0.1
    reads: ClassVar[Literal["features", "inputs"]] = "inputs"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stages < 1:
            raise ValueError(f"stages must be at least 1; it is {self.stages}.")
        if not 0 <= self.share <= 1:
            raise ValueError(f"share must be in [0, 1]; it is {self.share}.")
        if not self.alpha > 0:
            raise ValueError(f"alpha must be above 0; it is {self.alpha}.")

    def modules(self, model: Model) -> nn.Module:
        """Make nothing. UsageError: the first stages give no maps or tokens, whose style could be mixed."""
        shapes = stage_shapes(model.backbone)
        first_ones = [name for name in model.backbone.stages() if name in shapes][: self.stages]
        if not any(len(shapes[name]) in (3, 4) for name in first_ones):
            raise UsageError(
                f"mixstyle needs maps or tokens, and the first stages of {model.backbone.card.name} give none. "
                "Use another objective (domain_coral, vrex)."
            )
        return nn.Module()

    def losses(self, model: Model, extra: Any, batches: Mapping[str, Batch], progress: float) -> dict[str, Loss]:
        """Compute the tasks' losses."""
        source = batches["source"]
        if torch.rand(()) >= self.share:
            features = model.features(source.x)
        else:
            with self._mixing(model, len(source)):
                features = model.features(source.x)
        return task_losses(model, features, source, self.loss_options)

    @contextmanager
    def _mixing(self, model: Model, count: int) -> Iterator[None]:
        """Mix what the first stages give inside the block."""
        other = torch.randperm(count)
        share = torch.distributions.Beta(self.alpha, self.alpha).sample((count,))
        handles = []
        for module in list(stage_modules(model.backbone).values())[: self.stages]:

            def mix(_: nn.Module, __: Any, output: Any) -> Any:
                hidden = first(output)
                if not isinstance(hidden, torch.Tensor) or hidden.ndim not in (3, 4) or len(hidden) != count:
                    return output
                return with_first(output, mix_styles(hidden, other.to(hidden.device), share.to(hidden)))

            handles.append(module.register_forward_hook(mix))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def mix_styles(hidden: torch.Tensor, other: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Give rows a style between their own and another row's.

    Args:
        hidden: Maps [B, C, H, W] or tokens [B, T, D].
        other: The place of the other row, [B].
        share: How much of the own style stays, [B].

    Returns:
        The rows, as `hidden`.
    """
    places = (2, 3) if hidden.ndim == 4 else (1,)
    mean = hidden.mean(dim=places, keepdim=True).detach()
    deviation = (hidden.var(dim=places, keepdim=True, correction=0) + SMALL).sqrt().detach()
    own = share.view(-1, *[1] * (hidden.ndim - 1))
    new_mean, new_deviation = (own * each + (1 - own) * each[other] for each in (mean, deviation))
    return (hidden - mean) / deviation * new_deviation + new_mean
