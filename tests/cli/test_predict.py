"""What `headstart predict` shows and saves: the example, the answer, how sure it is; paths that are wrong are named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import headstart as hs
from headstart.cli.main import main
from headstart.core.types import Task
from headstart.evaluation.answers import certainties, pieces, readable
from headstart.evaluation.tables import flat_frame, predictions_frame


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fit a model of texts with two targets: a class and a number."""
    folder = tmp_path_factory.mktemp("texts")
    words = [f"a {'good' if i % 2 else 'bad'} film about the number {i}" for i in range(40)]
    pd.DataFrame({"text": words, "label": ["pos", "neg"] * 20}).to_csv(folder / "films.csv", index=False)
    hs.fit(folder / "films.csv", source="tfidf:words", settings={"data.validation": 0}, out=folder / "run")
    return folder


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Run the command; give its exit code, stdout and stderr."""
    try:
        main(["predict", *map(str, arguments)])
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    output = capsys.readouterr()
    return code, output.out, output.err


def test_words_and_a_table_show_a_piece_of_the_text_and_the_probability(texts: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    code, out, _ = run(capsys, texts / "run", "a good film")
    lines = [[cell.strip() for cell in line.replace("┃", "│").split("│")] for line in out.splitlines()]
    assert code == 0 and lines[0] == ["1 prediction"]
    assert lines[1] == ["input", "prediction", "probability"]
    assert lines[3][0] == "a good film" and lines[3][1] in ("pos", "neg") and 0.5 <= float(lines[3][2]) <= 1
    code, out, err = run(capsys, texts / "run", texts / "films.csv")  # the label column is not read
    assert code == 0 and "films.csv:21" in out and "films.csv:22" not in out and "The first 20; all of them" in err


def test_a_lone_text_in_python_stands_in_a_list(texts: Path) -> None:
    for text in ("a good film", "a good film " * 500):
        with pytest.raises(hs.UsageError, match="a text itself stands in a list"):
            hs.load(texts / "run").predict(text)


def test_what_is_saved_has_the_same(texts: Path, tmp_path: Path, capsys) -> None:
    shown = ["id", "input", "prediction", "probability", "p:neg", "p:pos"]
    for suffix in ("csv", "jsonl", "parquet"):
        code, _, err = run(capsys, texts / "run", texts / "films.csv", "--out", tmp_path / f"p.{suffix}")
        assert code == 0 and err.endswith(f"40 predictions written to {tmp_path}/p.{suffix}\n")
    frames = [pd.read_csv(tmp_path / "p.csv"), pd.read_json(tmp_path / "p.jsonl", lines=True)]
    for frame in (*frames, pd.read_parquet(tmp_path / "p.parquet")):
        assert list(frame.columns) == shown and len(frame) == 40
        assert np.allclose(frame["probability"], frame[["p:neg", "p:pos"]].max(axis=1), atol=1e-5)


def test_skip_bad_keeps_the_place_of_every_row(texts: Path, tmp_path: Path, capsys) -> None:
    rows = [{"text": "a good film"}, {"text": None}, {"text": "a bad film"}]
    (tmp_path / "new.jsonl").write_text("\n".join(map(json.dumps, rows)))
    code, _, err = run(capsys, texts / "run", tmp_path / "new.jsonl")
    assert code == 2 and "new.jsonl:2, column 'text': has no text" in err and "with --skip-bad, or mend them" in err
    code, out, err = run(capsys, texts / "run", tmp_path / "new.jsonl", "--skip-bad")
    assert code == 0 and "left out: 1 of 3 examples that cannot be read: new.jsonl:2 (has no text)" in err
    assert [line.split("│")[0].strip() for line in out.splitlines()[3:6]] == [f"new.jsonl:{i}" for i in (1, 2, 3)]
    code, _, _ = run(capsys, texts / "run", tmp_path / "new.jsonl", "--skip-bad", "--out", tmp_path / "p.csv")
    saved = pd.read_csv(tmp_path / "p.csv")
    assert list(saved["id"]) == [f"new.jsonl:{i}" for i in (1, 2, 3)]
    assert saved["prediction"].isna().tolist() == [False, True, False]
    assert saved["left_out"].fillna("").tolist() == ["", "has no text", ""]
    code, out, _ = run(capsys, texts / "run", tmp_path / "new.jsonl", "--skip-bad", "--json")
    plain = json.loads(out)["predictions"]
    assert plain[1] == dict.fromkeys(plain[1]) | {"id": "new.jsonl:2", "left_out": "has no text"}
    assert plain[0]["left_out"] is None and plain[0]["prediction"] in ("pos", "neg")


@pytest.mark.parametrize(
    ("named", "told"),
    [
        (["film.csv"], "There is no file or folder '{0}/film.csv'. Did you mean '{0}/films.csv'?"),
        (["fil/"], "There is no file or folder '{0}/fil/'."),
        (["films.csv", "films.csv"], "{0}/films.csv stands beside others: predict for one folder or table at a time."),
        (["empty"], "The folder {0}/empty is empty."),
    ],
)
def test_wrong_paths_are_no_texts(texts: Path, named: list[str], told: str, capsys) -> None:
    (texts / "empty").mkdir(exist_ok=True)
    code, _, err = run(capsys, texts / "run", *(f"{texts}/{name}" for name in named))
    assert code == 2 and err.startswith(f"headstart: {told.format(texts)}")


@pytest.mark.parametrize("words", [["and/or"], ["good"], ["a/b c.csv"], ["good", "bad"]])
def test_words_that_only_look_a_little_like_paths_are_texts(texts: Path, words: list[str], capsys) -> None:
    code, out, _ = run(capsys, texts / "run", *words)
    assert code == 0 and all(word in out for word in words)


OUTPUTS = {
    "multiclass": (("label",), ("a", "b"), [[0.9, 0.1], [0.25, 0.75]]),
    "multilabel": (("label",), ("a", "b"), [[0.9, 0.7], [0.25, 0.125]]),
    "regression": (("price",), (), [[12.345], [-0.5]]),
}


@pytest.mark.parametrize(
    ("kinds", "headings", "rows"),
    [
        (["multiclass"], ["prediction", "probability"], [["a", "0.900"], ["b", "0.750"]]),
        (["multilabel"], ["prediction", "probability"], [["a, b", "0.900, 0.700"], ["none", ""]]),
        (["regression"], ["price"], [["12.35"], ["-0.5000"]]),
        (
            ["multiclass", "regression"],
            ["multiclass", "multiclass.probability", "regression.price"],
            [["a", "0.900", "12.35"], ["b", "0.750", "-0.5000"]],
        ),
    ],
)
def test_each_kind_of_answer_is_readable(kinds: list[str], headings: list[str], rows: list[list[str]]) -> None:
    made = {k: Task.of("vector", k, ("u", "v"), OUTPUTS[k][0], OUTPUTS[k][1]).target for k in kinds}
    task = Task("vector", ("u", "v"), made if len(kinds) > 1 else {"target": made[kinds[0]]})
    outputs = {name: np.array(OUTPUTS[kind][2]) for name, kind in zip(task.targets, kinds, strict=True)}
    frame = predictions_frame(task, ["r1", "r2"], {}, outputs)
    frame = frame.assign(**certainties(task, frame))
    shown, cells = readable(task, frame)
    assert shown == ["example", *headings] and cells == [["r1", *rows[0]], ["r2", *rows[1]]]
    assert not any(
        isinstance(cell, list) for column in flat_frame(task, frame).to_dict("list").values() for cell in column
    )
    assert pieces(task, np.array([[0.5, 2.0]])) == ["u = 0.5, v = 2"]
    assert pieces(Task("image", ("image",), task.targets), ["a.jpg"]) is None
    assert pieces(Task("text", ("text",), task.targets), ["so  long " * 20]) == [
        "so long so long so long so long so long so long so long so …"
    ]


def test_several_numbers_have_the_names_of_their_columns() -> None:
    task = Task.of("vector", "regression", ("u",), ("width", "height"))
    frame = predictions_frame(task, ["r"], {}, {"target": np.array([[1.5, 2.5]])})
    assert readable(task, frame) == (["example", "width", "height"], [["r", "1.500", "2.500"]])
