"""Small encoder-decoders with random weights in folders of transformers, each with a tokenizer of its own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

SPECIAL = ["<pad>", "</s>", "<unk>", "<s>"]
PAIRS = [  # numbers in words, and in digits
    (f"{tens} {ones}", f"{10 * (2 + t) + o + 1}")
    for t, tens in enumerate(("twenty", "thirty", "forty"))
    for o, ones in enumerate(("one", "two", "three", "four"))
]
KINDS = ("marian", "bart", "t5")


def save_tokenizer(folder: Path, texts: Iterable[str], *, size: int = 300, start: bool = False) -> int:
    """Save a byte-pair tokenizer of texts, and give its size; with `start` it begins each text with a mark."""
    made: Any = Tokenizer(models.BPE(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        texts,
        trainers.BpeTrainer(vocab_size=size, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False),
    )
    first, marks = ("<s> ", [("</s>", 1), ("<s>", 3)]) if start else ("", [("</s>", 1)])
    made.post_processor = processors.TemplateProcessing(
        single=f"{first}$A </s>", pair=f"{first}$A </s> $B </s>", special_tokens=marks
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    return made.get_vocab_size()


def save(
    folder: Path,
    kind: str,
    texts: Iterable[str],
    *,
    width: int = 16,
    size: int = 300,
    layers: int = 1,
    std: float = 0.02,
) -> Any:
    """Save a tokenizer and a network of a kind with random weights of this deviation, and give the network."""
    known = save_tokenizer(folder, texts, size=size, start=kind == "bart")
    shared: dict[str, Any] = {"vocab_size": known, "d_model": width, "pad_token_id": 0, "eos_token_id": 1}
    both = {
        f"{side}_{what}": value
        for side in ("encoder", "decoder")
        for what, value in (("layers", layers), ("attention_heads", 2), ("ffn_dim", 4 * width))
    }
    rest = {
        "max_position_embeddings": 64,
        "dropout": 0.0,
        "scale_embedding": True,
        "forced_eos_token_id": None,
        "init_std": std,
    }
    torch.manual_seed(0)
    if kind == "t5":
        config = transformers.T5Config(
            **shared,
            d_kv=width // 2,
            d_ff=4 * width,
            num_layers=layers,
            num_heads=2,
            dropout_rate=0.0,
        )
        config.decoder_start_token_id = 0
    elif kind == "bart":
        config = transformers.BartConfig(**shared, **both, **rest, bos_token_id=3, decoder_start_token_id=1)
    else:
        config = transformers.MarianConfig(**shared, **both, **rest, decoder_start_token_id=0)
    net: Any = transformers.AutoModelForSeq2SeqLM.from_config(config)
    net.save_pretrained(folder)
    return net.eval()
