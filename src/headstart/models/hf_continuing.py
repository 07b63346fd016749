"""Networks of transformers that go on with a text (causal language models): their output layer, and how they write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional

LAYER = "lm_head.weight"  # the output layer in files, where it is not the embeddings once more


def class_of(config: Any) -> Any:
    """Return the class of networks that go on with a text; None where the config is of another kind."""
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_MASKED_LM_MAPPING

    kind = type(config)
    if kind not in MODEL_FOR_CAUSAL_LM_MAPPING or kind in MODEL_FOR_MASKED_LM_MAPPING:
        return None
    return None if getattr(config, "is_encoder_decoder", False) else MODEL_FOR_CAUSAL_LM_MAPPING[kind]


def layer_of(config: Any, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor] | None:
    """Take the output layer of a file's tensors: nothing where it is the embeddings; None where there is none."""
    if class_of(config) is None:
        return None
    if config.tie_word_embeddings:
        return {}
    return {"names": tensors[LAYER]} if LAYER in tensors else None


class OutputLayer(nn.Module):
    """From hidden states to scores of all tokens, by the network's own embeddings, or by weights that stay as they are.

    Args:
        net: The network without its output layer. It stays the backbone's: it is no part of this module.
        tied: Whether its embeddings are the weights.
    """

    names: torch.Tensor | None

    def __init__(self, net: nn.Module, *, tied: bool) -> None:
        super().__init__()
        self._net = (net,)
        self.register_buffer("names", None if tied else torch.zeros_like(self._embeddings, requires_grad=False))

    @property
    def _embeddings(self) -> torch.Tensor:
        net: Any = self._net[0]
        return net.get_input_embeddings().weight

    def forward(self, states: torch.Tensor) -> torch.Tensor:  # [..., D] to [..., V]
        return functional.linear(states, self._embeddings if self.names is None else self.names)


def whole(config: Any, net: nn.Module, layer: OutputLayer) -> nn.Module:
    """Put a network and its output layer together to what `generate` is for; nothing is copied."""
    with torch.device("meta"):
        made: Any = class_of(config)._from_config(config, dtype=torch.float32)
    setattr(made, made.base_model_prefix, net)
    made.set_output_embeddings(layer)
    return made.eval()
