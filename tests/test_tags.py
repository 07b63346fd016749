"""Tags of words from a file to tags in new texts: trained, measured, shown, resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import headstart as hs
from dense import check_resumes
from headstart.cli.main import app
from headstart.core.errors import UsageError
from headstart.core.recipe import DataPlan, Recipe
from headstart.core.types import silent
from headstart.data.read import read
from headstart.models.operate import operate
from headstart.runs.defaults import with_usual_head
from headstart.runs.network import build_model
from headstart.runs.suited import suited
from headstart.targets.tags import Tags
from models.surgery.patients import tiny_bert

WORDS = ("the", "virus")  # which are none; "covid19", of three tokens, is DRUG, and "good bad" one of two words


def sentence(rng: np.random.Generator) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for _ in range(rng.integers(2, 6)):
        if rng.random() < 0.4:
            found += [("good", "B-DRUG"), ("bad", "I-DRUG")] if rng.random() < 0.5 else [("covid19", "B-DRUG")]
        else:
            found.append((WORDS[rng.integers(0, 2)], "O"))
    return found


def write(root: Path, parts: dict[str, int]) -> Path:
    rng = np.random.default_rng(0)
    root.mkdir()
    for split, count in parts.items():
        rows = ["\n".join(f"{word} {tag}" for word, tag in sentence(rng)) for _ in range(count)]
        rows[0] = "covid19 B-DRUG\nthe O\ngood B-DRUG\nbad I-DRUG"
        (root / f"{split}.conll").write_text("\n\n".join(rows), encoding="utf-8")
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "data", {"train": 12, "valid": 6, "test": 6})


def made(folder: Path) -> tuple[Any, Any]:
    """Make a small network for the folder's data."""
    data = read(folder, DataPlan())
    backbone = operate(tiny_bert(folder.parent / "bert"), ["words"]).backbone
    return build_model(Recipe().with_settings({"head": "tokens"}), data, backbone), data


def test_a_stop_and_a_resume_give_the_same_weights(tmp_path: Path, folder: Path) -> None:
    check_resumes(tmp_path, lambda: made(folder))


def test_the_head_and_the_surgery_are_those_of_the_kind(folder: Path) -> None:
    task = read(folder, DataPlan()).task
    named = Recipe().with_settings({"source": "hf:somewhere", "surgery": ["adapt_input max_length=16"]})
    found = suited(with_usual_head(named, task, silent), task)
    assert found.head.name == "tokens" and [op.name for op in found.surgery] == ["adapt_input", "words"]
    assert suited(found, task) == found, "what is there already is not done twice"
    with pytest.raises(UsageError, match="does not fit"):
        suited(named.with_settings({"head": "linear"}), task)


TARGET = Tags(("tags",), ("A", "B"), scheme="IOBES")
LABELS = [np.array([1, 2, 0, 3], np.uint8), np.array([0], np.uint8)]  # A of two words, B of one


def outputs() -> np.ndarray:
    """A is found as it is, B is not, as its word was not seen; the second row has a B that is none."""
    found = np.zeros((2, 5, 2), np.uint8)
    found[0, :3] = [(2, 255), (3, 102), (1, 255)]
    found[1, 0] = (4, 51)
    return found


def test_outcomes_of_tags() -> None:
    counts, _ = TARGET.check(LABELS, outputs())
    assert counts.tolist() == [[[1, 1, 1], [1, 0, 0], [4, 3, 3]], [[0, 0, 0], [0, 1, 0], [1, 1, 0]]]
    assert TARGET.validation_loss(LABELS, outputs()) == pytest.approx(1 - 2 / (2 + 2))
    assert any("1 of 5 words is beyond" in note for note in TARGET.notes(counts))
    assert TARGET.mistakes(LABELS, outputs()).tolist() == [0, 1]
    told = TARGET.explain(LABELS[0], outputs()[0])
    assert (told.label, told.prediction, told.how) == ("1 A, 1 B", "1 A", "1 right, 1 missing, 0 false")
    laid = [TARGET.laid(each, (words, 1)) for each, words in zip(outputs(), (4, 1), strict=True)]
    assert TARGET.predictions(laid) == [["B-A", "E-A", "O", "O"], ["S-B"]]
    cells = TARGET.cells(laid, None, ["New  York so what", "x"])
    assert cells["tags"] == ["B-A E-A O O", "S-B"] and cells["prediction"][0] == "New  York (A)"
    entity = {"text": "New  York", "start": 0, "end": 9, "class": "A", "score": 0.7}
    assert json.loads(cells["entities"][0]) == [entity]
    lines = TARGET.marked("New York so what", LABELS[0], outputs()[0])
    assert [[(text, what) for text, what, _ in pieces] for _, pieces in lines] == [
        [("New York", "A"), ("so", ""), ("what", "B")],
        [("New York", "A"), ("so what", "")],
    ]
    back, found = TARGET.read_table(TARGET.table(LABELS, outputs()))
    assert all(map(np.array_equal, back, LABELS)) and np.array_equal(found, outputs())
    turned = Tags(("tags",), ("B", "A"), scheme="IOBES")
    labels, moved = turned.reorder(("A", "B"), LABELS, outputs())
    assert labels[0].tolist() == [3, 4, 0, 1] and moved[0, :, 0].tolist() == [4, 5, 1, 0, 0]
    assert TARGET.colours(LABELS).groups.tolist() == [0, -1]
    assert TARGET.as_outputs(LABELS)[..., 0].tolist() == [[1] * 4] * 2, "O is the usual tag"


@pytest.mark.slow  # trains a small network
def test_from_a_file_to_tags_in_new_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "data", {"train": 60, "valid": 60, "test": 60})
    tiny_bert(tmp_path / "bert")
    settings = {"stages.0.steps": 60, "stages.0.batch_size": 16, "stages.0.lr": 1e-2, "source": "hf:bert"}
    run = hs.fit(tmp_path / "data", recipe=Recipe().with_settings(settings), out=tmp_path / "run")
    figures = run.evaluations["test"]
    assert figures.primary == "entity_f1" and (figures.metrics["entity_f1"].value or 0) > 0.95
    assert hs.evaluate(tmp_path / "run").evaluations["test"] == figures
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "Figures by class" in page and "<small>DRUG</small>" in page
    told = CliRunner().invoke(app, ["predict", "run", "the good bad virus", "the", "--out", "found.csv"])
    assert told.exit_code == 0, told.output
    table: Any = pd.read_csv("found.csv")
    assert table["tags"].tolist() == ["O B-DRUG I-DRUG O", "O"]
    (entity,) = json.loads(table["entities"][0])
    assert (entity["text"], entity["start"], entity["end"], entity["class"]) == ("good bad", 4, 12, "DRUG")
    assert hs.load(tmp_path / "run").predict(["covid19  the"]) == [["B-DRUG", "O"]]
    told = CliRunner().invoke(
        app, ["predict", "run", "data/test.conll", "--out", "again.csv"]
    )  # compared with test rows
    assert told.exit_code == 0 and len(pd.read_csv("again.csv")) == 60


@pytest.mark.slow  # trains six small networks
def test_strategies_folds_and_a_comparison(tmp_path: Path, folder: Path) -> None:
    tiny_bert(tmp_path / "bert")
    settings = {"stages.0.steps": 2, "stages.0.batch_size": 4, "source": f"hf:{tmp_path / 'bert'}"}
    recipe = Recipe().with_settings(settings)
    runs = []
    for strategy in ("linear_probe", "lora", "partial k=1"):
        own = recipe.with_settings({"stages.0.strategy": strategy})
        runs.append(hs.fit(folder, recipe=own, out=tmp_path / strategy.partition(" ")[0]))
    plain = hs.compare([run.folder for run in runs[:2]]).to_plain()
    assert plain["rows"] == 6 and "entity_f1" in str(plain)
    once = hs.cross_validate(folder, folds=2, recipe=recipe, out=tmp_path / "folds")
    assert once.out_of_fold.rows == 18 and once.out_of_fold.metrics["token_accuracy"].value is not None


def test_views_that_move_words_and_a_ranking_are_refused(folder: Path, tmp_path: Path) -> None:
    tiny_bert(tmp_path / "bert")
    settings = {"stages.0.augment": "strong", "stages.0.steps": 1, "source": f"hf:{tmp_path / 'bert'}"}
    with pytest.raises(UsageError, match="Use a view"):
        hs.fit(folder, recipe=Recipe().with_settings(settings), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(UsageError, match="trained by steps"):
        hs.rank(folder, sources=[f"hf:{tmp_path / 'bert'}"])
