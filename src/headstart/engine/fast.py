"""The fastest form of a model for passes that need no gradient."""

from __future__ import annotations

from typing import Any

import torch

from headstart.features.folding import folded, has_norms
from headstart.models.model import Model

FEW = 32  # rows


class Fast:
    """A model with the same features within 1e-4 whose batch norms are folded into convolutions.

    It is made at the first pass over enough rows, and anew once a weight has changed.

    Args:
        model: Is not changed.
    """

    def __init__(self, model: Model) -> None:
        self._model, self._made = model, model
        self._versions: list[tuple[int, int]] = []

    def over(self, rows: int, x: Any, precision: str) -> Model:
        """Return the model to compute so many rows with.

        Args:
            rows: A handful is not worth the copy.
            x: The first of them, to see how the network is put together.
            precision: In bfloat16 other weights are rounded in another way, so nothing is folded.

        Returns:
            Another model with the same heads, or the model itself.
        """
        backbone = self._model.backbone
        if precision != "float32" or rows < FEW or _is_features(x) or not has_norms(backbone):
            return self._model
        versions = [_version(tensor) for tensor in (*backbone.parameters(), *backbone.buffers())]
        if versions != self._versions:
            made = folded(backbone, x)
            self._made = self._model if made is backbone else Model(made, self._model.by_target())
            self._versions = versions
        return self._made


def _version(tensor: torch.Tensor) -> tuple[int, int]:
    """Return what differs once a tensor is another one or was written to."""
    return id(tensor), 0 if tensor.is_inference() else tensor._version


def _is_features(x: Any) -> bool:
    """Return whether features, or what is kept of a constant part, stand in the place of the examples."""
    return isinstance(x, dict) and ("pooled" in x or "kept" in x)
