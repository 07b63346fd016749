"""Strings of digits joined of FSDD's recordings: word error rate of Whisper as it is, fine-tuned, and of CTC on it.

    python bench/speech.py ../shared/data/audio/fsdd 'hf:WHISPER seconds=3' [--rows 200] [--only ctc]

WHISPER is a folder with Whisper-base in the layout of transformers with tokenizer.json; in its config.json stand the
tokens of that tokenizer (decoder_start_token_id 50258, eos_token_id 50257, pad_token_id 50257). Four digits make a
string, all of one speaker. The speakers of the test strings are in none of the others.
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

import numpy as np
import soundfile

import headstart as hs
from headstart.core.recipe import DataPlan, Recipe
from headstart.data.read import read
from headstart.data.transforms import make_transform
from headstart.engine.predict import predict
from headstart.evaluation.metrics import evaluate
from headstart.models.load import load_source
from headstart.runs.network import build_model
from headstart.targets._written_texts import filled, packed, texts_of

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DIGITS = 4
PAUSE = 0.05  # seconds between two
TEST_SPEAKERS = ("theo", "yweweler")
PROMPT = "<|en|><|transcribe|><|notimestamps|>"
HEADS = {"seq2seq": f"seq2seq prompt={PROMPT}", "ctc": "ctc beams=8"}


def write(fsdd: Path, folder: Path, rows: int, tests: int) -> Path:
    """Write sounds and tables of strings."""
    with (fsdd / "metadata.csv").open(encoding="utf-8") as file:
        known = list(csv.DictReader(file))
    folder.mkdir()
    random = np.random.default_rng(0)
    speakers = sorted({row["speaker"] for row in known})
    for split, count in (("train", rows), ("validation", 40), ("test", tests)):
        lines = []
        for number in range(count):
            own = [name for name in speakers if (name in TEST_SPEAKERS) == (split == "test")]
            speaker = own[number % len(own)]
            digits = random.integers(0, 10, DIGITS).tolist()
            parts = []
            for digit in digits:
                fitting = [r for r in known if r["speaker"] == speaker and r["label"] == str(digit)]
                sound, rate = soundfile.read(fsdd / fitting[random.integers(len(fitting))]["file"], dtype="float32")
                parts += [sound, np.zeros(int(PAUSE * rate), dtype=np.float32)]
            soundfile.write(folder / f"{split}{number}.wav", np.concatenate(parts), rate)
            lines.append((f"{split}{number}.wav", " ".join(WORDS[digit] for digit in digits)))
        with (folder / f"{split}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("sound", "said"), *lines])
    return folder


def plain(text: str) -> str:
    """Write numbers as words and leave out marks, as the labels are written."""
    spelt = re.sub(r"\d", lambda found: f" {WORDS[int(found[0])]} ", text.lower())
    return " ".join(re.findall(r"[a-z]+", spelt))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fsdd", type=Path)
    parser.add_argument("source")
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--tests", type=int, default=60)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--only", choices=("as it is", "seq2seq", "ctc"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = write(given.fsdd, Path(place) / "data", given.rows, given.tests)
        if given.only in (None, "as it is"):
            as_it_is(folder, given.source)
        for name, settings in (
            ("seq2seq", {"epochs": given.epochs, "lr": 3e-5, "batch_size": 10}),
            ("ctc", {"steps": 400, "lr": 3e-3, "batch_size": 20}),
        ):
            if given.only in (None, name):
                began = time.process_time()
                stage = {"strategy": "linear_probe", "augment": "plain", "evaluate": 10**6, **settings}
                named = {"source": given.source, "head": HEADS[name]}
                recipe = Recipe().with_settings({**named, **{f"stages.0.{key}": each for key, each in stage.items()}})
                run = hs.fit(folder, task="generation", label="said", recipe=recipe, out=Path(place) / name)
                shown(name, json.loads((run.folder / "metrics.json").read_text())["test"]["metrics"], began)


def as_it_is(folder: Path, source: str) -> None:
    """Measure the source's own decoder before it has learnt anything."""
    began = time.process_time()
    data = read(folder, DataPlan(labels=("said",), task="generation"))
    recipe = Recipe().with_settings({"source": source, "head": HEADS["seq2seq"]})
    assert recipe.source is not None
    backbone = load_source(recipe.source.name, recipe.source.options)
    model, rows = build_model(recipe, data, backbone), data.splits["test"]
    (outputs,) = predict(model, rows, make_transform(backbone.card.input)).values()
    print("as it is, for example:", texts_of(outputs)[:3])
    spelt = filled(packed(plain(text)) for text in texts_of(outputs))
    found = evaluate(data.task.target, rows.labels_of("target"), spelt).to_plain()["metrics"]
    shown("as it is, numbers as words", found, began)


def shown(name: str, figures: dict[str, Any], began: float) -> None:
    """Print the error rates."""
    each = ", ".join(
        f"{key} {figures[key]['value']:.3f} ({figures[key]['low']:.3f} to {figures[key]['high']:.3f})"
        for key in ("wer", "cer", "exact_match")
    )
    print(f"{name}: {each}; {time.process_time() - began:.0f} CPU seconds", flush=True)


if __name__ == "__main__":
    main()
