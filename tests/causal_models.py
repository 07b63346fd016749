"""Small causal language models with random weights in folders of transformers, each with a tokenizer of its own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import transformers

from encoder_decoders import save_tokenizer

KINDS = ("gpt2", "llama", "untied")


def save(
    folder: Path, kind: str, texts: Iterable[str], *, width: int = 16, layers: int = 2, positions: int = 64
) -> Any:
    """Save a tokenizer and a network of a kind, and give the network; "untied" has an output layer of its own."""
    known = save_tokenizer(folder, texts)
    marks: dict[str, Any] = {"vocab_size": known, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 3}
    torch.manual_seed(0)
    if kind == "gpt2":
        dropped: dict[str, Any] = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
        config: Any = transformers.GPT2Config(
            n_embd=width, n_layer=layers, n_head=2, n_positions=positions, **marks, **dropped
        )
    else:
        config = transformers.LlamaConfig(
            hidden_size=width,
            intermediate_size=2 * width,
            num_hidden_layers=layers,
            num_attention_heads=2,
            num_key_value_heads=1,
            max_position_embeddings=positions,
            tie_word_embeddings=kind == "llama",
            initializer_range=0.2,
            **marks,
        )
    net: Any = transformers.AutoModelForCausalLM.from_config(config)
    net.save_pretrained(folder)
    return net.eval()
