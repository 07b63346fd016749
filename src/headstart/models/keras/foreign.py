"""A layer that Keras itself computes, with its weights as parameters and buffers of torch."""

from __future__ import annotations

import copy
import inspect
from typing import Any, Self

import torch
from torch import nn

from headstart.core.learning import map_tensors
from headstart.models.keras.backend import import_keras
from headstart.models.keras.modules import first, last


class Foreign(nn.Module):
    """Calls a layer, or an operation of `keras.ops`, as a function of its weights.

    Args:
        layer: Built. It is shared by copies of this module, and stays as it is.
    """

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self._shared = [layer]  # in a list, so that torch does not take the layer for a part
        self.variables: dict[str, str] = {}  # by Keras' path: the name here
        if not hasattr(layer, "stateless_call"):
            return
        layer.trainable = True
        learning = {id(variable) for variable in layer.trainable_variables}
        for place, variable in enumerate(layer.variables):
            name, value = f"variable_{place}", variable.value.detach().clone()
            self.variables[variable.path] = name
            if id(variable) in learning:
                self.register_parameter(name, nn.Parameter(value))
            else:
                self.register_buffer(name, value)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute what the layer gives for values as Keras has them."""
        layer, args, kwargs = self._shared[0], map_tensors(args, last), map_tensors(kwargs, last)
        tensors = [*self.parameters(), *self.buffers(), *filter(torch.is_tensor, args)]
        with import_keras().device(str(tensors[0].device) if tensors else "cpu"):
            if not hasattr(layer, "stateless_call"):
                return map_tensors(layer(*args, **kwargs), first)
            if "training" in inspect.signature(layer.call).parameters:
                kwargs = {"training": self.training, **kwargs}
            learning, others = self._values(layer.trainable_variables), self._values(layer.non_trainable_variables)
            out, after = layer.stateless_call(learning, others, *args, **kwargs)
        if self.training:
            with torch.no_grad():
                for own, new in zip(others, after, strict=True):
                    own.copy_(new)
        return map_tensors(out, first)

    def _values(self, variables: Any) -> list[torch.Tensor]:
        return [getattr(self, self.variables[variable.path]) for variable in variables]

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        shared, self._shared = self._shared, []
        try:
            made = self.__class__.__new__(self.__class__)
            memo[id(self)] = made
            made.__dict__.update(copy.deepcopy(self.__dict__, memo))
        finally:
            self._shared = shared
        made._shared = shared
        return made
