"""Claim: a folder of sounds becomes a tested model as any data does: report, predictions, evaluation, exact resume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import headstart as hs
from headstart.core.errors import DataError
from headstart.core.recipe import DataPlan, Recipe
from headstart.core.storage import sha256
from sounds import RATE, folder_of_tones, small_network, tone, wav

pytest.importorskip("soundfile")
pytest.importorskip("soxr")


class Killed(BaseException):
    """Ends a run as a signal would."""


def kill(event: Any) -> None:
    if event.kind == "step" and event.values["step"] == 7:
        raise Killed


def test_sounds_are_read_from_folders_tables_and_memory(tmp_path: Path) -> None:
    folder = folder_of_tones(tmp_path / "tones", 12)
    data = hs.read(str(folder))
    assert (data.task.modality, data.task.classes) == ("audio", ("high", "low"))
    rows = [(file.relative_to(tmp_path).as_posix(), file.parent.name) for file in sorted(folder.glob("*/*.wav"))]
    pd.DataFrame(rows, columns=pd.Index(["clip", "label"])).to_csv(tmp_path / "clips.csv", index=False)
    assert hs.read(str(tmp_path / "clips.csv")).task.inputs == ("clip",)
    pairs = [(tone(300.0 + 10 * row), RATE) for row in range(12)]
    assert hs.read((pairs, ["a", "b"] * 6)).task.modality == "audio"


def test_bad_sounds_are_all_named_by_file(tmp_path: Path) -> None:
    folder = folder_of_tones(tmp_path / "tones", 12)
    (folder / "low" / "empty.wav").write_bytes(b"")
    (folder / "high" / "text.wav").write_bytes(b"no sound")
    with pytest.raises(DataError) as caught:
        hs.read(str(folder))
    assert {problem.where for problem in caught.value.problems} == {"low/empty.wav", "high/text.wav"}


def test_sounds_with_the_seconds_of_their_pieces_are_one_input(tmp_path: Path) -> None:
    folder = folder_of_tones(tmp_path / "tones", 12)
    files = sorted(folder.glob("*/*.wav"))
    frame = pd.DataFrame({"clip": map(str, files), "start": 0.01, "end": 0.09, "label": [f.parent.name for f in files]})
    named = hs.read(frame, plan=DataPlan(inputs=("clip", "start", "end"), group="clip"))
    for data in (named, hs.read(frame)):
        assert (data.task.modality, data.task.inputs) == ("audio", ("clip", "start", "end"))
        assert data.splits["train"].inputs[0].end == 0.09


@pytest.mark.slow
def test_a_folder_of_sounds_becomes_a_tested_model(tmp_path: Path) -> None:
    folder = folder_of_tones(tmp_path / "tones", 80)
    source = f"local:{small_network(tmp_path)}"
    settings = {"source.name": source, "stages.0.strategy.name": "full", "stages.0.steps": 12, "stages.0.lr": 0.003}
    settings |= {"stages.0.augment": "strong", "checkpoint": 0, "stages.0.evaluate": 4}
    recipe = Recipe().with_settings(settings)
    run = hs.fit(str(folder), recipe=recipe, out=str(tmp_path / "run"))
    with pytest.raises(Killed):
        hs.fit(str(folder), recipe=recipe, out=str(tmp_path / "cut"), listen=kill)
    hs.fit(None, resume=str(tmp_path / "cut"))
    weights = [sha256(tmp_path / name / "model" / "model.safetensors") for name in ("run", "cut")]
    assert weights[0] == weights[1], "a resumed run gives the same"
    assert run.gain is not None and "logmel:moments" in f"{run.gain}"
    again = hs.evaluate(str(tmp_path / "run")).evaluations["test"].metrics["accuracy"].value
    assert again == run.evaluations["test"].metrics["accuracy"].value
    model = hs.load(str(tmp_path / "run"))
    files = sorted(folder.glob("*/*.wav"))[::8]
    by_file = model.predict([str(file) for file in files])
    assert by_file == model.predict([file.read_bytes() for file in files])
    assert model.predict([(tone(300.0), RATE), (tone(300.0, 2.0, 44_100), 44_100)])
    page = (tmp_path / "run" / "report.html").read_text()
    assert '<audio controls="" preload="none" src="data:audio/wav;base64,' in page and "media-src data:" in page
    assert "0.975 s of one channel at 16,000 Hz" in page


@pytest.mark.slow
def test_the_baseline_tells_tones_apart(tmp_path: Path) -> None:
    run = hs.fit(str(folder_of_tones(tmp_path / "tones", 80)), source="logmel:moments", out=str(tmp_path / "run"))
    assert run.evaluations["test"].metrics["accuracy"].value == 1.0
    assert np.unique(hs.load(str(tmp_path / "run")).predict([wav(tone(pitch)) for pitch in (300.0, 1200.0)])).size == 2


@pytest.mark.slow
def test_rows_may_be_pieces_of_recordings(tmp_path: Path) -> None:
    random, rows = np.random.default_rng(0), []
    for recording in range(24):  # low, then high, or the other way round
        pitches = (300, 1200) if recording % 2 else (1200, 300)
        samples = np.concatenate([tone(pitch * random.uniform(0.8, 1.25)) for pitch in pitches])
        (tmp_path / f"{recording}.wav").write_bytes(wav(samples + random.normal(0, 0.1, len(samples))))
        for piece, pitch in enumerate(pitches):
            ends = (0, 0.3) if piece == 0 else (0.3, "")
            rows.append((f"{recording}.wav", *ends, "low" if pitch == 300 else "high"))
    names = pd.Index(["clip", "start", "end", "label"])
    pd.DataFrame(rows, columns=names).to_csv(tmp_path / "pieces.csv", index=False)
    out = str(tmp_path / "run")
    run = hs.fit(str(tmp_path / "pieces.csv"), source="logmel:moments", input="clip,start,end", group="clip", out=out)
    assert run.evaluations["test"].metrics["accuracy"].value == 1.0
    model = hs.load(str(tmp_path / "run"))
    assert model.task.inputs == ("clip", "start", "end")
    assert model.predict(str(tmp_path / "pieces.csv"))[:4] == ["high", "low", "low", "high"]
    assert model.predict([(tone(300.0), RATE), wav(tone(1200.0))]) == ["low", "high"]
