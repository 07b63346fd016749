"""Networks of transformers that go on with a text (causal language models): their output layer, and how they write."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from headstart.core.errors import UsageError

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


def save(config: Any, net: nn.Module, layer: OutputLayer, folder: Path) -> None:
    """Write a network with its output layer as transformers does.

    Args:
        config: transformers' config.
        net: The network without its output layer.
        layer: Its output layer.
        folder: Where to; it is made.

    Raises:
        UsageError: The network is not, or no longer, the one of its config.
    """
    made: Any = class_of(config)(config)
    try:
        getattr(made, made.base_model_prefix).load_state_dict(net.state_dict())
    except RuntimeError as error:
        raise UsageError(
            "This network cannot be written for transformers: surgery or a strategy left it with other layers than "
            f"its config has ({str(error).partition(chr(10))[0]})."
        ) from error
    if layer.names is not None:
        with torch.no_grad():
            made.get_output_embeddings().weight.copy_(layer.names)
    made.tie_weights()
    made.config.use_cache = True  # which was of no use in training
    made.save_pretrained(folder)
