"""Rows that cannot be read are refused with advice, or left out as if they were not there, and told and listed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import headstart as hs
from headstart.core import errors
from headstart.core.errors import BadRows, DataError, Problem
from headstart.core.interface import command_line
from headstart.core.recipe import DataPlan, Recipe
from headstart.core.types import Task
from headstart.data.checks import for_all
from headstart.data.left_out import written
from headstart.data.read import read
from headstart.data.unlabelled import read_unlabelled
from headstart.runs.fit import LEFT_OUT, prepare

SKIP = DataPlan(skip_bad=True, test=0, validation=0)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Make a folder with ten pictures of each of two classes, of which three cannot be read."""
    for label in ("ants", "bees"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(10):
            pixels = np.full((8, 8, 3), 20 * number + (label == "bees"), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / label / f"{number}.png")
    (tmp_path / "photos/ants/0.png").write_bytes(b"")
    (tmp_path / "photos/ants/1.png").write_text("<html>")
    content = (tmp_path / "photos/bees/2.png").read_bytes()
    (tmp_path / "photos/bees/2.png").write_bytes(content[: len(content) // 2])
    return tmp_path / "photos"


def test_damaged_pictures_are_refused_with_advice_or_left_out(photos: Path) -> None:
    with pytest.raises(
        BadRows, match=r"(?s)3 images cannot be used.*\nLeave such rows out with skip_bad=True, or mend"
    ):
        read(photos, DataPlan())
    with command_line(), pytest.raises(BadRows, match=r"\nLeave such rows out with --skip-bad, or mend them.$"):
        read(photos, DataPlan())
    dataset = read(photos, SKIP)
    assert dataset.notes[0] == (
        "left out: 3 of 20 rows that cannot be read: ants/0.png (is empty (0 bytes)); "
        "ants/1.png (is a web page (HTML), not an image); and 1 more"
    )
    assert [problem.row for problem in dataset.left_out] == ["ants/0.png", "ants/1.png", "bees/2.png"]
    for problem in dataset.left_out:
        (photos / problem.row).unlink()
    without = read(photos, DataPlan(test=0, validation=0))
    assert without.fingerprint == dataset.fingerprint and without.notes == dataset.notes[1:] and not without.left_out


def table(**cells: tuple[int, Any]) -> pd.DataFrame:
    """Make a table of texts and numbers with two labels; `cells` are put in by column: row and value."""
    rows = [f"the sentence number {i} of these" for i in range(40)]
    frame = pd.DataFrame(
        {"text": rows, "n": np.arange(40) * 1.5, "who": [f"p{i % 20}" for i in range(40)]}, dtype=object
    )
    frame["label"], frame["score"] = ["a", "b"] * 20, np.arange(40) * 0.5
    frame = frame.astype(object)
    for column, (row, value) in cells.items():
        frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize(
    ("frame", "plan", "row", "what"),
    [
        (table(label=(3, "")), {"inputs": ("text",), "labels": ("label",)}, 3, "has no label (column 'label')"),
        (table(text=(4, None)), {"inputs": ("text",), "labels": ("label",)}, 4, "has no text"),
        (table(text=(4, [1])), {"inputs": ("text",), "labels": ("label",)}, 4, "holds list, not text"),
        (table(n=(5, "abc")), {"inputs": ("n",), "labels": ("label",)}, 5, "'abc' is not a number"),
        (table(n=(5, np.inf)), {"inputs": ("n",), "labels": ("label",)}, 5, "inf is not a finite number of 32 bits"),
        (
            table(score=(6, "much")),
            {"inputs": ("text",), "labels": ("score",), "task": "regression"},
            6,
            "'much' is not a number",
        ),
        (table(who=(7, None)), {"inputs": ("text",), "labels": ("label",), "group": "who"}, 7, "has no group"),
    ],
)
def test_each_kind_of_bad_row_is_left_out_alone(frame: pd.DataFrame, plan: dict[str, Any], row: int, what: str) -> None:
    with pytest.raises(BadRows, match="Leave such rows out"):
        read(frame, DataPlan(**plan, test=0, validation=0))
    dataset = read(frame, DataPlan(**plan, test=0, validation=0, skip_bad=True))
    (problem,) = dataset.left_out
    assert problem.row == f"all[{row}]" and problem.what.startswith(what)
    assert set(dataset.splits["train"].ids) == {f"all[{i}]" for i in range(40)} - {f"all[{row}]"}


def test_several_kinds_in_one_table_in_given_splits_and_among_unlabelled_rows(tmp_path: Path) -> None:
    parts = {"train": table(text=(1, None), label=(2, "")), "test": table(label=(3, None)).assign(n=0)}
    parts["test"]["text"] += "!"
    more = tmp_path / "more.jsonl"
    pd.DataFrame({"text": ["one more text", None, "another text"]}).to_json(more, orient="records", lines=True)
    plan = DataPlan(inputs=("text",), labels=("label",), skip_bad=True, unlabelled=str(more), validation=0)
    dataset = read(parts, plan)
    assert {p.row for p in dataset.left_out} == {"train[1]", "train[2]", "test[3]", "more.jsonl:2"}
    assert len(dataset.splits["train"]) == 38 and len(dataset.splits["test"]) == 39
    assert list(dataset.pools["unlabelled"].ids) == ["more.jsonl:1", "more.jsonl:3"]


def test_loose_files_without_labels(photos: Path, tmp_path: Path) -> None:
    (photos / "bees").rename(tmp_path / "loose")
    (photos / "bees").mkdir()
    for number in range(10):
        Image.fromarray(np.full((8, 8, 3), 100 + number, dtype=np.uint8)).save(photos / f"bees/{number}.png")
    dataset = read(photos, DataPlan(skip_bad=True, test=0, validation=0, unlabelled=str(tmp_path / "loose")))
    assert {problem.row for problem in dataset.left_out} == {"ants/0.png", "ants/1.png", "loose/2.png"}
    assert len(dataset.pools["unlabelled"]) == 9 and len(dataset.splits["train"]) == 18


def test_broken_links_and_loose_pictures_in_a_folder(photos: Path) -> None:
    (photos / "bees/gone.png").symlink_to("none.png")
    (photos / "bees/3.png").rename(photos / "loose.png")
    with pytest.raises(BadRows, match=r"(?s)loose.png: lies outside.*bees/gone.png: is a link to none.png.*Leave such"):
        read(photos, DataPlan())
    dataset = read(photos, SKIP)
    assert dataset.notes[0].startswith("left out: 5 of 21 rows that cannot be read: ")
    assert {problem.row for problem in dataset.left_out} == {
        *("ants/0.png", "ants/1.png", "bees/2.png", "bees/gone.png", "loose.png")
    }
    assert len(dataset.splits["train"]) == 16
    (photos / "wasps").mkdir()
    with pytest.raises(DataError, match=r"(?s)wasps/: has no images.*loose.png") as caught:
        read(photos, SKIP)
    assert not isinstance(caught.value, BadRows)


@pytest.mark.parametrize("loose", [False, True])
def test_a_broken_link_keeps_its_place_in_predictions(photos: Path, loose: bool) -> None:
    task = Task.of("image", "binary", ("image",), ("label",), ("ants", "bees"))
    place = photos / "bees" if loose else photos
    (photos / "bees/gone.png").symlink_to("none.png")
    known: dict[str, Problem] = {}
    for _ in range(3):
        try:
            rows, names = read_unlabelled(place, DataPlan(), task, known)
            break
        except BadRows as error:
            known |= error.rows
    else:
        pytest.fail("rows that are known to be bad are not left out")
    assert len(rows) == (9 if loose else 17) and len(names) == (11 if loose else 21)
    assert any(name.endswith("bees/gone.png") for name in {*names} & {*known})


def test_files_that_a_table_names_and_that_are_not_there(photos: Path) -> None:
    names = [f"ants/{i}.png" for i in range(3, 9)] + [f"bees/{i}.png" for i in range(3, 9)]
    frame = pd.DataFrame({"image": names, "label": [name[:4] for name in names]})
    frame.loc[2, "image"] = "ants/99.png"
    frame.to_csv(photos / "some.csv", index=False)
    with pytest.raises(BadRows, match=r"(?s)there is no file 'ants/99.png'.*Leave such rows out"):
        read(photos / "some.csv", DataPlan())
    dataset = read(photos / "some.csv", SKIP)
    assert [str(problem) for problem in dataset.left_out] == [
        "some.csv:4, column 'image': there is no file 'ants/99.png'"
    ]
    assert len(dataset.splits["train"]) == 11


def test_what_is_no_matter_of_single_rows_is_refused_all_the_same() -> None:
    plan = DataPlan(inputs=("text",), labels=("label",), skip_bad=True)
    with pytest.raises(DataError, match="written in more than one way"):
        read(table(label=(3, "A")), plan)
    with pytest.raises(DataError, match="class 'z' is not among the training rows"):
        read({"train": table(), "test": table(label=(3, "z"))}, plan)
    frame = table()
    frame.loc[:24, "label"] = None
    with pytest.raises(DataError, match="25 of 40 rows cannot be read: more than half are not left out"):
        read(frame, plan)
    mixed = {"a": BadRows("Bad:", [Problem("x", "is bad")]), "b": DataError("Other:", [Problem("y", "is other")])}

    def fail(error: DataError) -> None:
        raise error

    with pytest.raises(DataError) as caught:
        for_all(mixed, fail)
    assert not isinstance(caught.value, BadRows)
    assert type(errors.from_plain(errors.to_plain(mixed["a"]))) is BadRows


def test_examples_without_labels_keep_account_of_all(photos: Path) -> None:
    task = Task.of("image", "binary", ("image",), ("label",), ("ants", "bees"))
    with pytest.raises(BadRows) as caught:
        read_unlabelled(photos, DataPlan(), task)
    rows, names = read_unlabelled(photos, DataPlan(), task, caught.value.rows)
    assert len(rows) == 17 and len(names) == 20 and names[0] == "ants/0.png"


def test_the_recipe_the_run_and_its_evaluation_leave_the_same_rows_out(tmp_path: Path) -> None:
    frame = table(label=(3, ""), text=(9, None))
    frame[["text", "label"]].to_json(tmp_path / "t.jsonl", orient="records", lines=True)
    settings = {"data.skip_bad": True, "data.validation": 0}
    run = hs.fit(tmp_path / "t.jsonl", source="tfidf:words", settings=settings, out=tmp_path / "run")
    assert (tmp_path / "run" / LEFT_OUT).read_text().splitlines() == [
        "where,what,mend",
        "t.jsonl:4,has no label (column 'label'),label the row or delete it",
        '"t.jsonl:10, column \'text\'",has no text,"give the text, or delete the row"',
    ]
    assert Recipe.read(tmp_path / "run/recipe.toml").data.skip_bad
    heard: list[str] = []
    from headstart.runs.evaluate import evaluate_saved

    again = evaluate_saved(tmp_path / "run", listen=lambda event: heard.append(event.message))
    assert again.to_plain()["metrics"]["test"] == run.to_plain()["metrics"]["test"]
    assert heard[0].startswith("left out: 2 of 40 rows") and not any("has changed" in text for text in heard)
    model = hs.load(run.folder)
    said = model.predict(["a text of these", None, "the sentence number 3"], skip_bad=True)
    assert said[1] is None and {said[0], said[2]} <= {"a", "b"}
    sure = model.predict_proba(["a text of these", None], skip_bad=True)
    assert np.isnan(sure[1]).all() and sure[0].sum() == pytest.approx(1)
    with pytest.raises(DataError, match="No example can be read"):
        model.predict([None], skip_bad=True)


def test_rows_that_only_the_network_refuses_are_left_out_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from headstart.inputs.vector import Vector

    x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    x[7] = 1000
    monkeypatch.setattr(
        Vector, "wrong", lambda self, rows: [(int(i), "is too large") for i in np.flatnonzero(rows[:, 0] > 99)]
    )
    recipe = Recipe().with_settings({"source": "vector:mlp", "data.test": 0, "data.validation": 0})
    with pytest.raises(BadRows, match=r"all\[7\]: is too large"):
        prepare((x, ["a", "b"] * 20), recipe)
    heard: list[str] = []
    skipping = recipe.with_settings({"data.skip_bad": True})
    dataset, _, _ = prepare((x, ["a", "b"] * 20), skipping, lambda event: heard.append(event.message))
    assert [problem.row for problem in dataset.left_out] == ["all[7]"] and len(dataset.splits["train"]) == 39
    assert "left out: 1 of 40 rows that cannot be read: all[7] (is too large)" in heard


def test_the_list_is_a_table() -> None:
    assert written([Problem('a "b", c', "is, bad")]) == 'where,what,mend\n"a ""b"", c","is, bad",\n'
