"""Two small data sets as tasks of one run: fitted, predicted, evaluated, by the command and in Python."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import headstart as hs
from headstart.cli.main import main
from headstart.core.errors import UsageError
from headstart.core.recipe import Recipe
from headstart.core.types import kind_of
from headstart.data.tasks import read_data
from headstart.runs.embedding import drawn_rows
from toys import ENGLISH

WORDS = ["the", "a", "film", "plot", "was", "is", "not", "very", "good", "fine", "great", "bad", "dull", "poor"]


def colours(rows: int, start: int = 0) -> pd.DataFrame:
    """Numbers whose first says the class."""
    x = np.random.default_rng([1, start]).normal(size=(rows, 3))
    return pd.DataFrame(x, columns=["a", "b", "c"]).assign(colour=np.where(x[:, 0] > 0, "red", "blue"))


def prices(rows: int, start: int = 0) -> pd.DataFrame:
    """Numbers whose second says the price."""
    x = np.random.default_rng([2, start]).normal(size=(rows, 3))
    return pd.DataFrame(x, columns=["a", "b", "c"]).assign(price=100 + 10 * x[:, 1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tasks")
    colours(80).to_csv(place / "colours.csv", index=False)
    prices(60).to_csv(place / "prices.csv", index=False)
    return place


@pytest.fixture(scope="module")
def run(folder: Path) -> hs.Run:
    tasks = {"colour": folder / "colours.csv", "price": str(folder / "prices.csv")}
    return hs.fit(tasks, source="vector:columns", out=folder / "run", progress=False)


def called(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments)])
    shown = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, shown.out, shown.err


def test_the_artefact_has_a_head_for_each_task_and_its_recipe_has_the_paths(run: hs.Run, folder: Path) -> None:
    assert {name: kind_of(target) for name, target in run.task.targets.items()} == {
        "colour": "binary",
        "price": "regression",
    }
    assert list(run.model.model.heads) == ["colour", "price"]
    assert run.recipe.stages[0].objective.name == "tasks" and run.recipe.stages[0].optimiser == "solve"
    recipe = Recipe.read(run.folder / "recipe.toml")
    assert [plan.path for plan in recipe.plans.values()] == [
        str(folder / name) for name in ("colours.csv", "prices.csv")
    ]
    assert "colours.csv" in (run.folder / "report.html").read_text(encoding="utf-8")


def test_every_task_answers_for_new_rows_and_one_alone_where_it_is_named(run: hs.Run) -> None:
    new = colours(50, start=5)
    both = run.predict(new)
    assert list(both.columns) == ["colour", "price"]
    assert (both["colour"] == new["colour"]).mean() > 0.9
    assert np.corrcoef(both["price"], new["b"])[0, 1] > 0.9
    assert run.model.alone("price").predict(new).equals(both["price"])
    assert run.model.alone("colour").predict(new).equals(both["colour"])
    with pytest.raises(UsageError, match=r"There is no task 'prise'\. Did you mean 'price'"):
        run.model.alone("prise")


def test_notes_of_a_task_name_no_folds_as_there_are_none(run: hs.Run) -> None:
    told = [note for note in run.notes if "are too few to choose a step by" in note]
    assert len(told) == 2 and all(note.endswith("(validation=0.2 takes some)") for note in told)


def test_the_map_shows_rows_of_every_task(run: hs.Run, folder: Path) -> None:
    tasks = {name: {"path": str(folder / f"{name}s.csv")} for name in ("colour", "price")}
    drawn = drawn_rows(read_data(None, Recipe.from_plain({"tasks": tasks})), seed=0)
    assert drawn.split == "test" and drawn.names == ("colour", "price")
    assert [row.partition("/")[0] for row in drawn.rows.ids] == [drawn.names[place] for place in drawn.groups]
    assert "Coloured by task." in (run.folder / "report.html").read_text(encoding="utf-8")


def test_a_comparison_counts_the_rows_of_each_task(run: hs.Run, tmp_path: Path) -> None:
    shutil.copytree(run.folder, tmp_path / "again")
    found = hs.compare([run.folder, tmp_path / "again"])
    assert {name: compared.rows for name, compared in found.targets.items()} == {"colour": 12, "price": 9}
    assert "rmse of price on 9 test rows" in repr(found) and found.rows == 21


@pytest.mark.slow  # a run
def test_heads_of_features_that_stay_are_those_of_each_task_alone(run: hs.Run, folder: Path) -> None:
    lone = hs.fit(folder / "prices.csv", source="vector:columns", out=folder / "lone", progress=False)
    new = prices(20, start=6)
    assert np.allclose(
        run.predict(new)["price"], lone.predict(new), rtol=0, atol=0.5
    )  # the columns are scaled by all rows


def test_the_command_predicts_for_all_tasks_or_one(
    run: hs.Run, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = called(capsys, "predict", run.folder, folder / "prices.csv", "--json")
    found = json.loads(out.splitlines()[-1])["predictions"]
    assert code == 0 and {"colour.prediction", "price.prediction"} <= found[0].keys()
    code, out, _ = called(capsys, "predict", run.folder, folder / "prices.csv", "--task", "price", "--json")
    alone = json.loads(out.splitlines()[-1])["predictions"]
    assert code == 0 and alone[3]["prediction"] == pytest.approx(found[3]["price.prediction"])
    code, _, err = called(capsys, "predict", run.folder, folder / "prices.csv", "--task", "prise")
    assert code == 2 and "There is no task 'prise'. Did you mean 'price'?" in err


def test_a_task_is_evaluated_on_rows_with_its_labels_alone(run: hs.Run) -> None:
    evaluated = run.evaluate(prices(50, start=5), task="price")
    assert list(evaluated.evaluations) == ["test"] and evaluated.evaluations["test"].rows == 50
    assert (evaluated.evaluations["test"].metrics["r2"].value or 0) > 0.9
    own = run.evaluate(task="colour")
    assert own.evaluations["test"].rows == 12
    with pytest.raises(UsageError, match="Say of which task the labels in DATA are: task='colour' or task='price'"):
        run.evaluate(prices(50))
    with pytest.raises(UsageError, match="There is no task 'color'"):
        run.evaluate(prices(50), task="color")


@pytest.mark.slow  # two runs
def test_the_command_learns_what_python_does_and_goes_on_where_it_was(
    run: hs.Run, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    words = ["--task", "colour=colours.csv", "--task", "price=prices.csv", "--source", "vector:columns"]
    code, out, err = called(capsys, "fit", *words, "--dry-run", "--test", "0.2")
    assert code == 0 and "colour: label: column 'colour', 2 classes" in err + out and "price: rows: train" in err + out
    recipe = Recipe.from_toml(out[out.index("surgery =") :])
    assert [plan.test for plan in recipe.plans.values()] == [0.2, 0.2]
    code, _, err = called(capsys, "fit", *words, "--out", "again")
    assert code == 0, err
    rows = colours(9, start=7)
    assert hs.load("again").predict(rows).equals(run.predict(rows))
    code, out, _ = called(capsys, "show", *words, "--rows", "2")
    assert code == 0 and "2 of 119 training rows" in out and "price/prices.csv:" in out
    assert called(capsys, "show", "colours.csv", *words)[0] == 2
    monkeypatch.chdir(folder.parent)
    assert called(capsys, "fit", "--resume", folder / "again")[0] == 0
    moved = folder / "moved" / "colours.csv"
    moved.parent.mkdir()
    (folder / "colours.csv").rename(moved)
    code, _, err = called(capsys, "fit", "--resume", folder / "again")
    assert code == 2 and "fit --resume" in err and "--task colour=DATA" in err
    assert called(capsys, "fit", "--resume", folder / "again", "--task", f"colour={moved}")[0] == 0
    moved.rename(folder / "colours.csv")


@pytest.mark.slow  # a run
def test_each_task_is_measured_on_the_rows_that_it_has(folder: Path) -> None:
    chosen = {"train": colours(80), "validation": colours(60, start=9)}
    tasks = {"colour": chosen, "price": folder / "prices.csv"}
    run = hs.fit(tasks, source="vector:columns", out=folder / "some", progress=False)
    assert {key: own.rows for key, own in run.evaluations.items()} == {"validation:colour": 60, "test:price": 9}
    assert [made.text.partition(")")[0] for made in run.headlines] == ["Validation (colour", "Test (price"]
    assert run.report().is_file()


@pytest.mark.slow  # a run of a network
def test_single_texts_and_pairs_are_tasks_of_one_network(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(WORDS, 9)) for _ in range(240)]
    reviews = pd.DataFrame({"text": texts[:120], "mood": [text.startswith(("the", "a")) for text in texts[:120]]})
    pairs = pd.DataFrame({"sentence1": texts[120:], "sentence2": texts[:0:-2], "alike": random.normal(size=120)})
    tasks = {"mood": reviews, "alike": pairs}
    how = {"source": f"run:{ENGLISH}", "strategy": "full", "steps": 4}
    run = hs.fit(tasks, objective="supervised", out=tmp_path / "run", progress=False, **how)
    alone = run.model.alone("alike")
    assert run.task.inputs == ("text",) and alone.task.inputs == ("sentence1", "sentence2")
    both = [*zip(pairs["sentence1"], pairs["sentence2"], strict=True)]
    assert np.allclose(alone.predict(pairs), alone.predict(both)) and len(run.predict(pairs)) == 120
    assert set(run.predict(["a good film"])) == {"mood", "alike"}


@pytest.mark.slow  # a run of a network
def test_tasks_in_memory_are_fitted_and_ask_for_their_data_later(folder: Path) -> None:
    tasks = {"colour": colours(80), "price": (prices(60)[["a", "b", "c"]].to_numpy(), prices(60)["price"].to_numpy())}
    with pytest.raises(UsageError, match="The tasks differ in their columns: 'colour' is vector"):
        hs.fit(tasks, source="vector:columns", out=folder / "memory", progress=False)
    run = hs.fit({**tasks, "price": prices(60)}, source="vector:mlp", steps=2, out=folder / "memory", progress=False)
    assert set(run.predict(colours(3)).columns) == {"colour", "price"}
    with pytest.raises(UsageError, match="was fitted on data in memory"):
        run.evaluate()
