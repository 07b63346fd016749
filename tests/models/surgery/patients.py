"""Small networks for surgery: the toys, and a BERT and a ViT of transformers in folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import transformers
from transformers.models.bert.tokenization_bert import BertTokenizer

import toys
from headstart.models.load import load_source
from headstart.models.model import Backbone
from headstart.models.operate import Operation, operate


def toy(name: str) -> Any:
    """Load one of `toys.SOURCES`."""
    return toys.source(name)


def patient_after(backbone: Backbone, *operations: Operation | str) -> Any:
    """Return the backbone after operations."""
    return operate(backbone, operations).backbone


WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "virus", "##es", "co", "##vid", "##19", "good", "bad"]


def tiny_bert(folder: Path) -> Any:
    """Save and load a BERT of 2 layers with 13 words."""
    folder.mkdir(exist_ok=True)
    vocabulary = {word: place for place, word in enumerate(WORDS)}
    BertTokenizer(vocab=vocabulary).save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=32,
    )
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    return load_source(f"hf:{folder}")


def tiny_gpt(folder: Path) -> Any:
    """Save and load a GPT-2 of 2 layers with the words of `tiny_bert` that are whole."""
    toys.save_tokenizer(folder, "the virus good bad")
    torch.manual_seed(0)
    config = transformers.GPT2Config(vocab_size=8, n_embd=16, n_layer=2, n_head=2, n_positions=32)
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    return load_source(f"hf:{folder}")


def pairs_of_words(rows: int) -> pd.DataFrame:
    """Make pairs of words, half of them twice the same word."""
    words = np.array(["the", "virus", "covid19", "good", "bad"])
    chosen = np.random.default_rng(0).integers(0, 5, (rows, 2))
    chosen[::2, 1] = chosen[::2, 0]
    names = np.array(["other", "same"])[(chosen[:, 0] == chosen[:, 1]).astype(int)]
    return pd.DataFrame({"sentence1": words[chosen[:, 0]], "sentence2": words[chosen[:, 1]], "label": names})


def tiny_vit(folder: Path, labels: tuple[str, ...] = ()) -> Any:
    """Save and load a ViT of 2 layers for 32 x 32 pixels in patches of 8, with a classifier where labels are given."""
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        image_size=32,
        patch_size=8,
        id2label=dict(enumerate(labels)) or None,
    )
    kind = transformers.ViTForImageClassification if labels else transformers.ViTModel
    kind(config).save_pretrained(folder)
    transformers.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return load_source(f"hf:{folder}")
