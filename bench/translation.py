"""A small random Marian-like network on multi30k: captions translated, en to de, and cut to their first phrase.

    python bench/translation.py ../shared/data/text/multi30k [--rows 3000] [--steps 400] [--only short]

The tokens are byte pairs of the training texts. 200 rows each choose and test. The short form of a caption ends before
the first preposition or mark, without articles: a summary whose right answer is known.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

import headstart as hs
from headstart.core.recipe import Recipe

HELD_OUT = 200
SPECIAL = ["<pad>", "</s>", "<unk>"]
ENDS = re.compile(r"\b(in|on|at|with|of|by|to|near|from|while|and|as|for|over|outside|through)\b|[,.;]")


def short(caption: str) -> str:
    """Leave the first phrase of a caption, without articles; a caption without one as it is."""
    phrase = re.sub(r"\b(a|an|the)\b", "", ENDS.split(caption)[0], flags=re.IGNORECASE)
    return " ".join(phrase.split()) or caption


def save_network(folder: Path, texts: list[str], width: int) -> None:
    """Save a tokenizer of the texts, and a network of two layers a side with random weights."""
    made: Any = Tokenizer(models.BPE(unk_token="<unk>"))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    made.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=3000, special_tokens=SPECIAL, show_progress=False, min_frequency=3)
    )
    made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.MarianConfig(
        vocab_size=made.get_vocab_size(),
        d_model=width,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=4 * width,
        decoder_ffn_dim=4 * width,
        max_position_embeddings=128,
        scale_embedding=True,
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
        forced_eos_token_id=None,
    )
    transformers.MarianMTModel(config).save_pretrained(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("multi30k", type=Path)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--only", choices=("de", "short"))
    given = parser.parse_args()
    parts = {}
    for split, count in (("train", given.rows), ("validation", HELD_OUT), ("test", HELD_OUT)):
        with (given.multi30k / f"{split}.csv").open(encoding="utf-8") as file:
            rows = [row for row, _ in zip(csv.DictReader(file), range(count), strict=False)]
        parts[split] = [{"en": row["en"], "de": row["de"], "short": short(row["en"])} for row in rows]
    with tempfile.TemporaryDirectory() as place:
        for label in ("de", "short"):
            if given.only in (None, label):
                fit(Path(place) / label, parts, label, given)


def fit(place: Path, parts: dict[str, list[dict[str, str]]], label: str, given: argparse.Namespace) -> None:
    """Train on one kind of answer, and print the loss at the start and at the end and the figures."""
    place.mkdir()
    data = place / "data"
    data.mkdir()
    for split, rows in parts.items():
        with (data / f"{split}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("en", label), *((row["en"], row[label]) for row in rows)])
    save_network(place / "network", [row[name] for row in parts["train"] for name in ("en", label)], given.width)
    began, losses = time.process_time(), []
    stage = {"strategy": "full", "steps": given.steps, "batch_size": 32, "lr": 1e-3, "evaluate": given.steps}
    named = {"source": f"hf:{place / 'network'}", **{f"stages.0.{name}": value for name, value in stage.items()}}
    run = hs.fit(
        data,
        task="generation",
        input="en",
        label=label,
        recipe=Recipe().with_settings(named),
        out=place / "run",
        listen=lambda event: losses.append(event.values["loss"]) if event.kind == "step" else None,
    )
    figures = json.loads((run.folder / "metrics.json").read_text())["test"]["metrics"]
    told = ", ".join(f"{name} {figures[name]['value']:.3f}" for name in ("bleu", "chrf", "rouge_l", "exact_match"))
    spent = time.process_time() - began
    print(f"en to {label}: loss {losses[0]:.2f} to {losses[-1]:.2f}; {told}; {spent:.0f} CPU seconds", flush=True)


if __name__ == "__main__":
    main()
