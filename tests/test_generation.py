"""Texts as answers, from tables to a saved model that writes."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import encoder_decoders
import headstart as hs
import toys
from dense import check_resumes
from encoder_decoders import PAIRS
from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.errors import BadRows
from headstart.core.recipe import DataPlan, Recipe, Stage
from headstart.data.read import read
from headstart.data.transforms import make_transform
from headstart.engine import constant
from headstart.engine.predict import predict
from headstart.features import cutting
from headstart.models.load import load_source
from headstart.runs.answers import check_room, told_cut_labels
from headstart.runs.defaults import Start, choose_strategy
from headstart.runs.network import build_model
from headstart.targets._written_texts import texts_of

SHARED = Path(os.environ.get("HEADSTART_SHARED", "shared"))
PLAN = DataPlan(inputs=("words",), labels=("digits",), task="generation")


def write(folder: Path, pairs: list[tuple[str, str]] = PAIRS, names: tuple[str, str] = ("words", "digits")) -> Path:
    """Write the same pairs as the training, validation and test rows."""
    folder.mkdir()
    for split in ("train", "validation", "test"):
        with (folder / f"{split}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([names, *pairs])
    return folder


@pytest.fixture
def source(tmp_path: Path) -> str:
    encoder_decoders.save(tmp_path / "network", "marian", [text for pair in PAIRS for text in pair])
    return f"hf:{tmp_path / 'network'}"


def made(folder: Path, source: str, head: str = "seq2seq") -> tuple[Any, Any]:
    data = read(folder, PLAN)
    torch.manual_seed(0)
    return build_model(Recipe().with_settings({"source": source, "head": head}), data, load_source(source)), data


def test_columns_of_texts_are_answers_only_where_that_is_said(tmp_path: Path) -> None:
    many = [(f"words {n}", f"answer number {n}") for n in range(30)]
    folder = write(tmp_path / "data", many)
    doubted = read(folder, DataPlan(inputs=("words",), labels=("digits",)))
    assert doubted.task.kind == "multiclass"
    assert any("texts, taken for classes (task='generation': for answers" in note for note in doubted.notes)
    task = read(folder, PLAN).task
    assert (task.kind, task.modality, task.inputs) == ("generation", "text", ("words",))
    assert task.sentence() == "text to texts of up to 16 bytes, read as generation"


def test_a_stop_and_a_resume_give_the_same_weights(tmp_path: Path, source: str) -> None:
    folder = write(tmp_path / "data")
    check_resumes(tmp_path, lambda: made(folder, source))


def test_labels_that_are_cut_are_told_by_row(tmp_path: Path, source: str) -> None:
    folder = write(tmp_path / "data", [*PAIRS, ("all of them", "21 22 23 24 31 32 33 34")])
    model, data = made(folder, source, "seq2seq longest=6")
    assert told_cut_labels(model, data)[0] == "1 of 13 labels of train is longer than 5 tokens and is cut: train.csv:14"
    assert len(told_cut_labels(model, data)) == 3
    assert told_cut_labels(*made(folder, source)) == []


@pytest.mark.slow  # traces a network
def test_tokens_of_a_frozen_encoder_are_computed_once(
    tmp_path: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, models, told = write(tmp_path / "data"), [], []
    monkeypatch.setattr(constant, "LEAST_GAIN", 0.0)
    monkeypatch.setattr(cutting, "BYTES", 1e15)  # so small a network is computed faster than its tokens are read
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for least in (1e9, 0.0):
        monkeypatch.setattr(constant, "LEAST_SECONDS", least)
        model, data = made(folder, source)
        stage = Stage(steps=12, batch_size=4, lr=1e-3)
        toys.train(
            tmp_path / str(least),
            model,
            data,
            "linear_probe",
            stage=stage,
            listen=lambda event: told.append(event.message),
        )
        models.append(model)
    assert any("computed once" in message for message in told), [each for each in told if each]
    before, after = (toys.snapshot(model) for model in models)
    assert all(torch.allclose(before[name].float(), after[name].float(), atol=1e-4) for name in before)


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Write tones, two pitches for each character, and what is said in them."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "sounds"
    folder.mkdir()
    for split, count in (("train", 24), ("validation", 8), ("test", 8)):
        rows = []
        for number in range(count):
            said = "".join(rng.choice([*"ab"], 3))
            tones = [np.sin(np.arange(2400) * (0.3 if each == "a" else 0.9)) for each in said]
            parts = [np.r_[tone, 0.1 * rng.random(800)] for tone in tones]
            write_wav(folder / f"{split}{number}.wav", np.concatenate(parts))
            rows.append((f"{split}{number}.wav", said))
        with (folder / f"{split}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("sound", "said"), *rows])
    return folder


def write_wav(path: Path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes((samples * 20_000).astype("<i2").tobytes())


def hearing(folder: Path) -> str:
    """Save a small encoder of sounds with random weights, and name it."""
    import transformers

    torch.manual_seed(0)
    config = transformers.WhisperConfig(
        vocab_size=300,
        d_model=32,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        pad_token_id=0,
        bos_token_id=3,
        eos_token_id=1,
        decoder_start_token_id=3,
        begin_suppress_tokens=None,
    )
    transformers.WhisperForConditionalGeneration(config).save_pretrained(folder)
    encoder_decoders.save_tokenizer(folder, ["ab", "ba"], start=True)
    return f"hf:{folder}"


@pytest.mark.slow  # trains four heads
def test_speech_is_read_from_sounds_by_ctc_and_by_whisper_s_own_decoder(tmp_path: Path, sounds: Path) -> None:
    pytest.importorskip("soundfile", reason="the extra audio is absent")
    source, plan = hearing(tmp_path / "whisper"), DataPlan(labels=("said",), task="generation")
    data = read(sounds, plan)
    for head in ("ctc", "ctc beams=3", "seq2seq beams=2", "seq2seq decoder=small width=64 layers=1"):
        recipe = Recipe().with_settings({"source": source, "head": head})
        model = build_model(recipe, data, load_source(source, {"seconds": 1.2}))
        check_room(model, data)
        losses: list[float] = []
        toys.train(
            tmp_path / head.replace(" ", "_"),
            model,
            data,
            "full",
            stage=Stage(steps=12, batch_size=8, lr=3e-3),
            listen=lambda event, losses=losses: losses.append(event.values["loss"]) if event.kind == "step" else None,
        )
        assert losses[-1] < losses[0]
        (outputs,) = predict(model, data.splits["test"], make_transform(model.backbone.card.input)).values()
        assert outputs.dtype == np.uint8 and len(texts_of(outputs)) == 8


def test_sounds_too_short_for_what_is_said_are_listed_before_training(tmp_path: Path, sounds: Path) -> None:
    pytest.importorskip("soundfile", reason="the extra audio is absent")
    table = (sounds / "train.csv").read_text().splitlines()
    table[2] = "train1.wav," + "ab" * 40
    (sounds / "train.csv").write_text("\n".join(table))
    source = hearing(tmp_path / "whisper")
    data = read(sounds, DataPlan(labels=("said",), task="generation"))
    model = build_model(Recipe().with_settings({"source": source, "head": "ctc"}), data, load_source(source))
    with pytest.raises(BadRows) as caught:
        check_room(model, data)
    (problem,) = caught.value.problems
    assert problem.where == "train.csv:3" and problem.what == "its text needs 80 tokens, and it gives 60"


def test_a_decoder_that_is_learnt_already_goes_on_as_its_encoder_does(tmp_path: Path, source: str) -> None:
    model, data = made(write(tmp_path / "data"), source)
    objective, start = plugins.build("objectives", "supervised", {}), Start(model.backbone, True, False)
    stage, told = choose_strategy(Stage(), Recipe(), data, objective, start)
    assert stage.strategy == Choice("full") and "goes on as its encoder does" in told
    model.backbone.source_decoder = None
    assert choose_strategy(Stage(), Recipe(), data, objective, start)[0].strategy == Choice("linear_probe")


@pytest.mark.slow  # trains a small network
@pytest.mark.skipif(not (SHARED / "data/text/multi30k").is_dir(), reason="no multi30k")
def test_32_pairs_are_learnt_by_heart_and_written_in_another_process_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with (SHARED / "data/text/multi30k/train.csv").open(encoding="utf-8") as file:
        pairs = [(row["en"], row["de"]) for row, _ in zip(csv.DictReader(file), range(32), strict=False)]
    folder = write(tmp_path / "data", pairs, ("en", "de"))
    texts = [text for pair in pairs for text in pair]
    encoder_decoders.save(tmp_path / "network", "marian", texts, width=64, size=600, layers=2)
    run = hs.fit(
        folder,
        task="generation",
        label="de",
        input="en",
        source=f"hf:{tmp_path / 'network'}",
        strategy="full",
        head="seq2seq beams=4",
        steps=250,
        batch_size=16,
        lr=2e-3,
        out=tmp_path / "run",
    )
    figures = json.loads((run.folder / "metrics.json").read_text())["test"]["metrics"]
    assert figures["bleu"]["value"] > 90
    command = [sys.executable, "-m", "headstart.cli.main", "evaluate", str(run.folder), "--json"]
    script = f"import sys; sys.argv = {command[2:]!r}; from headstart.cli.main import main; main()"
    again = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    found = json.loads(again.stdout.splitlines()[-1])
    assert found["metrics"]["test"]["bleu"]["value"] == figures["bleu"]["value"]
    written = hs.load(run.folder).predict([text for text, _ in pairs])
    assert np.mean([one == other for one, (_, other) in zip(written, pairs, strict=True)]) > 0.8
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "By the length of the label" in page
