"""New rows that look unlike those that a saved model was tested on: when it is said, how often of like rows, where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
import torch

import headstart as hs
import toys
from headstart.artifact.load import load
from headstart.artifact.predictor import Predictor
from headstart.artifact.reference import Compared
from headstart.cli.main import main
from headstart.core.types import LEAST_TO_COMPARE, Event
from headstart.inputs.vector import Vector
from headstart.runs.evaluate import evaluate_saved
from headstart.solvers import two_samples
from headstart.solvers.two_samples import matched

TOLD = "these rows look unlike those that the model was tested on: by their features a linear classifier puts "
Tell = Callable[..., str]


def drawn(seed: int, rows: int, shift: float = 0.0, shares: Any = (1, 1, 1)) -> np.ndarray:
    """Draw features of three classes, whose numbers are the places of the largest of the first three features."""
    random = np.random.default_rng(seed)
    labels = random.choice(3, rows, p=np.array(shares) / sum(shares))
    return random.normal(size=(rows, 5)) + 6 * np.eye(5)[labels] + shift * np.eye(5)[4]


@pytest.fixture
def tell() -> Tell:
    """Compare rows, given in parts of some size, with 300 others."""
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(), data)
    with torch.no_grad():
        for parameter in model.head.parameters():
            parameter.zero_()
        cast(Any, model.head).trunk.weight[:, :3] = torch.eye(3)

    def told(rows: np.ndarray, seed: int = 0, part: int = 64) -> str:
        compared = Compared(model, data.task, drawn(1000 + seed, 300).astype(np.float16), len(rows), seed)
        for start in range(0, len(rows), part):
            compared.add(rows[start : start + part])
        return compared.told()

    return told


def test_a_shift_is_told_in_a_line_with_its_size_and_what_to_do(tell: Tell) -> None:
    told = tell(drawn(0, 400, shift=3))
    assert told.startswith(TOLD) and "hs.adapt(DATA, target='ROWS')" in told and "\n" not in told
    assert 0.85 < int(told.removeprefix(TOLD).partition("%")[0]) / 100 < 0.98  # halfway between them: 0.93
    assert told == tell(drawn(0, 400, shift=3), part=400), "parts are no matter"
    assert tell(drawn(0, LEAST_TO_COMPARE - 1, shift=9)) == ""
    assert tell(np.full((100, 5), np.nan)) == tell(np.full((100, 5), 1e6)) == "", "nothing is said of lost features"


def test_rows_are_drawn_over_all_parts(tell: Tell) -> None:
    """Of 2,000 rows the last half is shifted: a sample of the first parts would be like the others."""
    rows = np.concatenate([drawn(0, 1000), drawn(1, 1000, shift=6)])
    assert tell(rows) != "" and tell(rows[:1000]) == ""


def test_other_shares_of_the_classes_are_no_shift(tell: Tell) -> None:
    assert tell(drawn(0, 600, shares=(8, 1, 1))) == tell(drawn(0, 400, shares=(0, 0, 1))) == ""
    own, other = matched(np.array([0, 0, 0, 1]), np.array([1, 2, 1, 0, 0]))
    assert own.tolist() == [0, 1, 3] and other.tolist() == [3, 4, 0]


@pytest.mark.slow
def test_of_like_rows_it_is_said_as_rarely_as_stated(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said less often than that, as samples of equal shares of the classes differ by less than others."""
    assert not any(tell(drawn(seed, 200), seed) for seed in range(20))
    for level, most in {0.01: 1, 0.5: 10}.items():
        monkeypatch.setattr(two_samples, "LEVEL", level)
        assert (level > 0.1) <= sum(tell(drawn(seed, 200), seed) != "" for seed in range(20)) <= most


def table(seed: int, rows: int, shift: float = 0.0) -> pd.DataFrame:
    values = drawn(seed, rows, shift)
    names = np.array(["a", "b", "c"])[values[:, :3].argmax(axis=1)]
    return pd.DataFrame(values, columns=list("vwxyz")).assign(label=names)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fit a table, whose artefact keeps features of test rows."""
    folder = tmp_path_factory.mktemp("run")
    table(0, 600).to_csv(folder / "data.csv", index=False)
    hs.fit(folder / "data.csv", source="vector:columns", out=folder / "run", progress=False)
    return folder / "run"


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 4.0])
def test_predict_and_evaluate_say_it_once_and_a_served_model_nothing(
    run: Path, tmp_path: Path, shift: float, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = table(1, 200, shift)
    rows.to_csv(tmp_path / "rows.csv", index=False)
    rows.drop(columns="label").to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(SystemExit):
        main(["predict", str(run), str(tmp_path / "new.csv"), "--out", str(tmp_path / "answers.csv")])
    said = " ".join(capsys.readouterr().err.split())
    assert said.count(TOLD) == (shift > 0) and ("headstart adapt DATA --target ROWS" in said) == (shift > 0)
    heard: list[Event] = []
    found = evaluate_saved(run, tmp_path / "rows.csv", listen=heard.append)
    assert [event.kind for event in heard if event.message.startswith(TOLD)] == ["warning"] * (shift > 0)
    predictor = load(run)
    expected = np.mean(np.array(predictor.predict(rows.drop(columns="label"))) == rows["label"])
    assert found.evaluations["test"].metrics["accuracy"].value == pytest.approx(expected)
    monkeypatch.setattr(Compared, "told", lambda self: pytest.fail("served models do not compare"))
    predictor.predict_proba(rows.drop(columns="label"))
    heard.clear()
    evaluate_saved(run, listen=heard.append)  # its own rows


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 4.0])
def test_rows_are_compared_before_a_model_adapts_to_them(
    run: Path, tmp_path: Path, shift: float, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 1,000 rows the first 300 are like the others, so that it takes a sample of all."""
    rows = pd.concat([table(1, 300), table(2, 700, shift)], ignore_index=True).drop(columns="label")
    rows.to_csv(tmp_path / "new.csv", index=False)
    predictor, seen = load(run), list[int]()
    features = Predictor.features
    monkeypatch.setattr(Predictor, "features", lambda self, rows: seen.append(len(rows)) or features(self, rows))
    assert predictor.unlike(predictor.rows(rows)).startswith(TOLD) == (shift > 0) and seen == [300]
    assert predictor.unlike(predictor.rows(rows[-20:])) == "" and len(seen) == 1
    monkeypatch.setattr(Predictor, "adapted", lambda self, rows: replace(self, reference=None))  # it has no norms
    with pytest.raises(SystemExit):
        main(["predict", str(run), str(tmp_path / "new.csv"), "--adapt", "tent", "--out", str(tmp_path / "out.csv")])
    said = " ".join(capsys.readouterr().err.split())
    assert said.count(TOLD) == (shift > 0) and "1,000 examples adapted the norm layers (tent)" in said


@pytest.mark.slow
def test_what_is_kept_is_of_rows_that_were_not_learnt(run: Path, tmp_path: Path) -> None:
    predictor = load(run)
    test = hs.read(run.parent / "data.csv", predictor.recipe.data).splits["test"]
    kept = cast(np.ndarray, predictor.reference)
    assert len(kept) == len(test) == 90 and kept.dtype == np.float16
    own = {tuple(row) for row in predictor.features(test).astype(np.float16)}
    assert {tuple(row) for row in kept} == own
    assert (run / "model" / "reference.safetensors").stat().st_size < 2000
    assert load(toys.ENGLISH).compared(100) is None, "versions before kept nothing"
    for refit, there in {"no": True, "yes": False}.items():
        settings = {"data.test": 0, "refit": refit}
        out = tmp_path / refit
        hs.fit(run.parent / "data.csv", source="vector:columns", settings=settings, out=out, progress=False)
        assert (out / "model" / "reference.safetensors").is_file() == there


@pytest.mark.slow
def test_a_model_of_photographs_speaks_of_paintings_and_not_of_photographs(
    tmp_path: Path, shared: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the photographs are fitted. The others, in 20 draws of 200, and one class of them alone are like them."""
    random, new = np.random.default_rng(0), list[Path]()
    for folder in sorted(shared("data/image/pacs/photo").iterdir()):
        files = sorted(folder.iterdir())
        order = random.permutation(len(files))
        (tmp_path / "fitted" / folder.name).mkdir(parents=True)
        for place in order[::2]:
            (tmp_path / "fitted" / folder.name / files[place].name).symlink_to(files[place])
        new += [files[place] for place in order[1::2]]
    source = f"local:{shared('weights/vision/mobilenetv1_025_imagenet.safetensors').with_suffix('')}"
    settings = {"device": "cpu", "stages.0.steps": 40}
    words: Any = {"source": source, "strategy": "full", "settings": settings, "progress": False}
    hs.fit(tmp_path / "fitted", out=tmp_path / "run", **words)
    predictor = load(tmp_path / "run", device="cpu")

    def tell(features: np.ndarray, seed: int = 0) -> str:
        compared = Compared(predictor.model, predictor.task, cast(Any, predictor.reference), len(features), seed)
        compared.add(features)
        return compared.told()

    painted = sorted(shared("data/image/pacs/art_painting").glob("*/*"))[::10]
    assert tell(predictor.embed(list(map(str, painted)))).startswith(TOLD)
    features = predictor.embed(list(map(str, new)))
    assert tell(features[[path.parent.name == "person" for path in new]]) == ""
    monkeypatch.setattr(two_samples, "LEVEL", 0.01)
    draws = [features[np.random.default_rng(seed).permutation(len(features))[:200]] for seed in range(20)]
    assert sum(tell(draw, seed) != "" for seed, draw in enumerate(draws)) <= 1
