"""Causal language models from tables of prompts and answers to a saved model that writes."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import transformers

import causal_models
import headstart as hs
import toys
from dense import check_resumes
from encoder_decoders import PAIRS
from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.errors import UsageError
from headstart.core.recipe import DataPlan, Recipe, Stage, TargetPlan
from headstart.data.read import read
from headstart.models.load import load_source
from headstart.runs.defaults import Start, choose_strategy
from headstart.runs.network import build_model
from headstart.targets._written_texts import texts_of

PLAN = DataPlan(inputs=("words",), labels=("digits",), task="generation")


def write(folder: Path) -> Path:
    """Write the same pairs as the training, validation and test rows."""
    folder.mkdir()
    for split in ("train", "validation", "test"):
        with (folder / f"{split}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("words", "digits"), *PAIRS])
    return folder


@pytest.fixture
def source(tmp_path: Path) -> str:
    causal_models.save(tmp_path / "network", "llama", [text for pair in PAIRS for text in pair], width=64)
    return f"hf:{tmp_path / 'network'} max_length=24"


def made(folder: Path, source: str) -> tuple[Any, Any]:
    recipe = Recipe().with_settings({"source": source, "head": "seq2seq"})
    assert recipe.source is not None
    data = read(folder, PLAN)
    torch.manual_seed(0)
    return build_model(recipe, data, load_source(recipe.source.name, recipe.source.options)), data


def test_a_stop_and_a_resume_give_the_same_weights(tmp_path: Path, source: str) -> None:
    folder = write(tmp_path / "data")
    check_resumes(tmp_path, lambda: made(folder, source))


def test_strategies_that_would_learn_nothing_or_write_otherwise_are_refused(tmp_path: Path, source: str) -> None:
    folder = write(tmp_path / "data")
    for strategy, why in (("linear_probe", "nothing would learn. Take lora"), ("prompt", "writes. Take lora")):
        with pytest.raises(UsageError, match=why):
            toys.train(tmp_path / strategy, *made(folder, source), strategy, stage=Stage(steps=2, batch_size=4))
    toys.train(tmp_path / "l2_sp", *made(folder, source), "l2_sp", stage=Stage(steps=2, batch_size=4, lr=1e-3))


def test_several_targets_of_texts_are_refused(tmp_path: Path, source: str) -> None:
    write(tmp_path / "data")
    frame = pd.read_csv(tmp_path / "data/train.csv", dtype=str).assign(again=[text for text, _ in PAIRS])
    recipe = Recipe().with_settings({"source": source, "head": "seq2seq"})
    assert recipe.source is not None
    targets = {name: TargetPlan(labels=(name,), task="generation") for name in ("digits", "again")}
    plan = DataPlan(inputs=("words",), targets=targets)
    with pytest.raises(UsageError, match="goes on with a text in one way: learn one target alone"):
        build_model(recipe, read(frame, plan), load_source(recipe.source.name, recipe.source.options))


@pytest.mark.slow  # makes two runs
@pytest.mark.parametrize("kind", ["gpt2", "untied"])
def test_what_low_rank_learnt_is_in_the_folder_that_is_exported(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read by transformers alone, the folder gives what the run predicts."""
    monkeypatch.chdir(tmp_path)
    causal_models.save(tmp_path / "network", kind, [text for pair in PAIRS for text in pair])
    named = {"source": f"hf:{tmp_path / 'network'} max_length=24", "keep_better": "no", "refit": "no"}
    recipe = Recipe().with_settings({**named, "stages.0.steps": 4, "stages.0.strategy": "lora"})
    data = write(tmp_path / "data")
    run = hs.fit(data, task="generation", label="digits", input="words", recipe=recipe, out=tmp_path / "run")
    folder = hs.export(run.folder, to="transformers", out=tmp_path / "whole")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    net: Any = transformers.AutoModelForCausalLM.from_pretrained(folder)
    assert net.config.use_cache and sorted(file.name for file in tmp_path.glob("*.part")) == []
    ids = torch.tensor([tokenizer("twenty one\n")["input_ids"]])
    head: Any = hs.load(run.folder).model.head
    with torch.no_grad():
        assert torch.allclose(net(input_ids=ids).logits, head.output._whole[0](input_ids=ids).logits, atol=1e-5)
    start: Any = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "network")
    assert toys.moved(start.state_dict(), net)
    with pytest.raises(UsageError, match="is there already"):
        hs.export(run.folder, to="transformers", out=folder)


def test_low_rank_is_usual_and_leaves_no_trace(tmp_path: Path, source: str) -> None:
    model, data = made(write(tmp_path / "data"), source)
    objective, start = plugins.build("objectives", "supervised", {}), Start(model.backbone, True, False)
    stage, told = choose_strategy(Stage(), Recipe(), data, objective, start)
    assert stage.strategy == Choice("lora") and "the source writes already" in told
    before = toys.snapshot(model)
    toys.train(tmp_path / "run", model, data, "lora", stage=Stage(steps=3, batch_size=4, lr=1e-2))
    moved = toys.moved(before, model)
    assert moved and all("_proj" in name or "mlp" in name for name in moved), moved


@pytest.mark.slow  # trains a small network
def test_answers_are_learnt_and_measured_the_same_in_another_process(
    tmp_path: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write(tmp_path / "data")
    run = hs.fit(
        folder,
        task="generation",
        label="digits",
        input="words",
        source=source,
        strategy="full",
        steps=150,
        batch_size=12,
        lr=3e-3,
        out=tmp_path / "run",
    )
    figures = json.loads((run.folder / "metrics.json").read_text())["test"]["metrics"]
    assert figures["exact_match"]["value"] > 0.8
    assert 1 <= figures["perplexity"]["low"] <= figures["perplexity"]["value"] <= figures["perplexity"]["high"] < 2
    command = ["evaluate", str(run.folder), "--json"]
    script = f"import sys; sys.argv = ['headstart', *{command!r}]; from headstart.cli.main import main; main()"
    again = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    found = json.loads(again.stdout.splitlines()[-1])["metrics"]["test"]
    assert found["perplexity"]["value"] == pytest.approx(figures["perplexity"]["value"], rel=1e-6)
    assert found["chrf"]["value"] == figures["chrf"]["value"]
    predictor = hs.load(run.folder)
    written = predictor.predict([text for text, _ in PAIRS])
    assert np.mean([one == other for one, (_, other) in zip(written, PAIRS, strict=True)]) > 0.8
    assert "perplexity" in (run.folder / "report.html").read_text(encoding="utf-8")
    rows = read(folder, PLAN).splits["test"]
    labelled, bare = (predictor.outputs(each)["target"] for each in (rows, rows.unlabelled()))
    assert texts_of(labelled) == texts_of(bare)
    heir = load_source(f"run:{run.folder}")
    assert not heir.card.input.lays and heir.source_layer == {}
