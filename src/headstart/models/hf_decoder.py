"""The two halves of an encoder-decoder of transformers: the encoder is a backbone, the decoder a head's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

KEPT = ("decoder_start_token_id", "eos_token_id", "pad_token_id")  # some folders have them in generation_config.json


def class_of(config: Any) -> Any:
    """Return the class of networks with a decoder that writes texts; None where the config is of another kind."""
    from transformers import MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING, MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING

    if not getattr(config, "is_encoder_decoder", False):
        return None
    known = (MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING, MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING)
    return next((mapping[type(config)] for mapping in known if type(config) in mapping), None)


def encoder_of(net: Any) -> nn.Module:
    """Take the encoder of a network that has one; another as it is."""
    return net.get_encoder() if getattr(net.config, "is_encoder_decoder", False) else net


def written_config(config: Any, plain: Mapping[str, Any], generation: Mapping[str, Any]) -> dict[str, Any]:
    """Put into a plain config what an encoder-decoder needs and transformers has elsewhere or as a default.

    Args:
        config: transformers' config.
        plain: What config.json holds.
        generation: What generation_config.json holds.

    Returns:
        The plain config.
    """
    found = {name: plain.get(name, generation.get(name, getattr(config, name, None))) for name in KEPT}
    return {**plain, **found, "is_encoder_decoder": True}


def taken(net: nn.Module) -> dict[str, torch.Tensor] | None:
    """Copy the tensors of the decoder out of an encoder-decoder, by the names of `random_decoder`; None without one."""
    if class_of(net.config) is None:
        return None
    own = ("encoder.", "shared.", "model.encoder.", "model.shared.")
    return {name: tensor.clone() for name, tensor in net.state_dict().items() if not name.startswith(own)}


def decoder_of(net: nn.Module) -> nn.Module:
    """Leave the decoder and its output layer in a network that has been built whole, for encoder outputs as they come.

    Args:
        net: It is changed; its encoder is taken away.

    Returns:
        The network.
    """
    inner: Any = getattr(net, "model", net)
    inner.encoder = nn.Identity()
    inner.encoder.main_input_name = net.main_input_name  # which `generate` asks for
    if hasattr(inner, "shared"):  # the decoder has these embeddings under a name of its own
        inner.shared = nn.Identity()
    return net


def random_decoder(config: Any) -> nn.Module:
    """Build the decoder of a config with random weights, in float32."""
    return decoder_of(class_of(config)._from_config(config, dtype=torch.float32))


def spelling_of(tokenizer: Any) -> str:
    """Write a tokenizer of transformers as the JSON of `tokenizers`; "" where it is made of other code."""
    inner: Any = getattr(tokenizer, "backend_tokenizer", None)
    return inner.to_str() if hasattr(inner, "to_str") else ""
