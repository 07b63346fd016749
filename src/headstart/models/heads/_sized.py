"""A linear layer whose size is known only with the source or with the labels."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from headstart.models.weights import AnyShape


class Dense(AnyShape):
    """A linear layer whose size comes with what is loaded: weight [outputs, inputs], bias [outputs]."""

    weight: torch.Tensor
    bias: torch.Tensor

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, *, learns: bool) -> None:
        super().__init__()
        for name, tensor in (("weight", weight.clone()), ("bias", bias.clone())):
            self.register_parameter(name, nn.Parameter(tensor)) if learns else self.register_buffer(name, tensor)

    def open_shapes(self) -> dict[str, torch.Tensor]:
        """Return both tensors: what is loaded gives the size."""
        return {"weight": self.weight, "bias": self.bias}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x, self.weight, self.bias)
