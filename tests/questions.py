"""Questions whose answer is the word behind the one that they name, in files, and small networks that read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers.models.bert.tokenization_bert import BertTokenizer

MARKERS = tuple(f"m{place}" for place in "abcd")
WORDS = ("red", "green", "blue", "pink", "grey", "gold")
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def asked(rng: np.random.Generator, *, impossible: float = 0.0) -> dict[str, Any]:
    """Make a row: the context has some of the markers, each with a word behind it."""
    there = rng.permutation(len(MARKERS))[:3]
    words = [rng.choice(WORDS) for _ in there]
    context = " ".join(f"{MARKERS[place]} {word}" for place, word in zip(there, words, strict=True))
    if rng.random() < impossible:
        absent = next(marker for marker in MARKERS if marker not in context)
        return {"question": absent, "context": context, "answers": []}
    chosen = int(rng.integers(0, len(there)))
    marker = MARKERS[there[chosen]]
    start = context.index(marker) + len(marker) + 1
    return {"question": marker, "context": context, "answers": [{"text": str(words[chosen]), "answer_start": start}]}


def write(file: Path, rows: list[dict[str, Any]]) -> Path:
    """Write rows as SQuAD's files are."""
    paragraphs = [
        {
            "context": row["context"],
            "qas": [{**{key: row[key] for key in row if key != "context"}, "id": f"{file.stem}{place}"}],
        }
        for place, row in enumerate(rows)
    ]
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"version": "1", "data": [{"title": "t", "paragraphs": paragraphs}]}), encoding="utf-8")
    return file


def folder_of(root: Path, counts: dict[str, int], *, impossible: float = 0.0) -> Path:
    """Write a file for each split."""
    rng = np.random.default_rng(0)
    for split, count in counts.items():
        write(root / f"{split}.json", [asked(rng, impossible=impossible) for _ in range(count)])
    return root


def reader_of_pairs(folder: Path, kind: str = "bert", *, most: int = 32, hidden: int = 32) -> Path:
    """Save a BERT, or a RoBERTa with a byte-level tokenizer, of 2 layers with random weights."""
    folder.mkdir(exist_ok=True)
    if kind == "bert":
        BertTokenizer(vocab={word: n for n, word in enumerate([*SPECIAL, *MARKERS, *WORDS])}).save_pretrained(folder)
    else:
        _byte_level().save_pretrained(folder)
    torch.manual_seed(0)
    config: Any = {"bert": transformers.BertConfig, "roberta": transformers.RobertaConfig}[kind]
    made = config(
        vocab_size=300,
        hidden_size=hidden,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=2 * hidden,
        max_position_embeddings=most + 2 * (kind == "roberta"),
        initializer_range=0.2,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=0 if kind == "bert" else 1,
    )
    transformers.AutoModel.from_config(made).save_pretrained(folder)
    return folder


def _byte_level() -> Any:
    """Train a tokenizer as RoBERTa's, in which a word and the space before it are one token."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)  # pyright: ignore[reportAttributeAccessIssue]
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    made.train_from_iterator([" ".join((*MARKERS, *WORDS))] * 9, trainer)
    made.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=False)  # pyright: ignore[reportAttributeAccessIssue]
    names = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token", "mask_token"), special, strict=True))
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, cls_token="<s>", sep_token="</s>", **names)
