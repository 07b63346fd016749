"""StochNorm: each batch-norm channel takes the batch's or the moving statistics by chance (Kou 2020, NeurIPS)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from torch import nn
from torch.nn import functional

from headstart.core.errors import UsageError
from headstart.core.types import Defaults, Tuning
from headstart.models.dryrun import root
from headstart.models.layers import put
from headstart.models.model import Model
from headstart.models.tree import INSERTED
from headstart.strategies._groups import backbone_group, head_group
from headstart.strategies._rates import FINE_TUNING


@dataclass(frozen=True)
class StochNorm:
    """All stages learn; in training a batch-norm channel takes the batch's statistics with probability p.

    Else it takes the moving ones, which begin as the source's. Needs batch norm in the backbone. Afterwards the
    network has its own batch norm back. head_lr: the new head learns so many times faster.
    """

    p: float = 0.5
    head_lr: float = 10.0
    defaults: ClassVar[Defaults] = FINE_TUNING

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise ValueError(f"p is a probability; it is {self.p}.")

    def prepare(self, model: Model) -> Tuning:
        """Put stochastic normalisation in the place of each batch norm. UsageError: the backbone has no batch norm
        with statistics.
        """
        norms = {
            name: module
            for name, module in model.backbone.named_modules()
            if isinstance(module, nn.modules.batchnorm._BatchNorm)
            and not name.startswith(INSERTED)  # of a strategy of an earlier stage
            and module.running_mean is not None
            and not (module._forward_hooks or module._forward_pre_hooks)  # surgery put a layer there
        }
        if not norms:
            raise UsageError(
                f"stoch_norm needs batch norm in the backbone, and {model.backbone.card.name} has none. "
                "Use l2_sp or bss."
            )
        _, prefix = root(model.backbone)
        for name, norm in norms.items():
            put(model.backbone, name.removeprefix(prefix), StochasticBatchNorm(norm, self.p))

        def merge() -> None:
            for name, norm in norms.items():
                cast(StochasticBatchNorm, model.backbone.get_submodule(name)).give_back(norm)
                put(model.backbone, name.removeprefix(prefix), norm)

        return Tuning([backbone_group(model), head_group(model, self.head_lr)], merge=merge)


class StochasticBatchNorm(nn.Module):
    """Has a batch norm's parameters and statistics under their own names; what timm's norms do after it follows."""

    running_mean: torch.Tensor
    running_var: torch.Tensor
    num_batches_tracked: torch.Tensor

    def __init__(self, norm: nn.modules.batchnorm._BatchNorm, p: float) -> None:
        super().__init__()
        self.p, self.eps = p, norm.eps
        self.momentum = 0.1 if norm.momentum is None else norm.momentum
        self.weight, self.bias = norm.weight, norm.bias
        for name, buffer in norm.named_buffers(recurse=False):
            self.register_buffer(name, buffer)
        self.drop: nn.Module = getattr(norm, "drop", nn.Identity())
        self.act: nn.Module = getattr(norm, "act", nn.Identity())
        self.training = norm.training

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # [B, C, …]
        moving = self._norm(x, batch=False)
        if not self.training:
            return self.act(self.drop(moving))
        batch = self._norm(x, batch=True)
        take = (torch.rand(x.shape[1]) < self.p).to(x.device).view(1, -1, *[1] * (x.ndim - 2))
        return self.act(self.drop(torch.where(take, batch, moving)))

    def give_back(self, norm: nn.modules.batchnorm._BatchNorm) -> None:
        """Put parameters, statistics and mode back to the batch norm that they are from."""
        norm.weight, norm.bias = self.weight, self.bias
        for name, buffer in self.named_buffers(recurse=False):
            norm.register_buffer(name, buffer)
        norm.train(self.training)

    def _norm(self, x: torch.Tensor, *, batch: bool) -> torch.Tensor:
        # the batch's branch moves the statistics, so the branch of the moving ones takes a copy of them
        mean: Any = self.running_mean if batch else self.running_mean.clone()
        var: Any = self.running_var if batch else self.running_var.clone()
        return functional.batch_norm(x, mean, var, self.weight, self.bias, batch, self.momentum, self.eps)
