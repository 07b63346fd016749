"""Headstart in Python and in a notebook: the command's words, progress, short descriptions, pandas."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import get_type_hints

import nbformat
import numpy as np
import pandas as pd
import pytest
import typer.main
from nbclient import NotebookClient

import headstart as hs
from headstart.cli.main import app
from headstart.core.types import Event
from headstart.core.words import PATHS
from headstart.runs.evaluate import evaluate_saved

NO_ARGUMENTS = ("processes", "folds", "repeats", "dry_run", "json", "explain")
NOT_IN_PYTHON = {"set": "settings", **dict.fromkeys(NO_ARGUMENTS)}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    frame = pd.DataFrame(x, columns=["a", "b", "c"]).assign(kind=np.where(x[:, 0] > 0, "up", "down"))
    path = tmp_path_factory.mktemp("python") / "table.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def run(table: Path) -> hs.Run:
    return hs.fit(table, source="vector:columns", out=table.parent / "run", progress=False)


def test_every_word_of_the_command_is_an_argument() -> None:
    command = typer.main.get_command(app).commands["fit"]  # pyright: ignore[reportAttributeAccessIssue]
    options = {
        option.opts[0].removeprefix("--").replace("-", "_") for option in command.params if option.opts[0][0] == "-"
    }
    wanted = {NOT_IN_PYTHON.get(name, name) for name in options} - {None}
    arguments = set(inspect.signature(hs.fit).parameters)
    assert wanted <= arguments, wanted - arguments
    assert set(PATHS) <= arguments
    assert get_type_hints(hs.fit)["return"] is hs.Run


def test_words_go_where_they_belong_and_are_checked_as_arguments(table: Path) -> None:
    run = hs.fit(
        table,
        source="vector:mlp",
        strategy="full",
        lr=0.01,
        steps=2,
        batch_size=8,
        label="kind",
        test=0.5,
        out=table.parent / "words",
        progress=False,
    )
    stage = run.recipe.stages[0]
    assert (stage.lr, stage.steps, stage.batch_size, run.recipe.data.test) == (0.01, 2, 8, 0.5)
    with pytest.raises(hs.UsageError, match=re.escape("lr=-1: the learning rate must be at least 0")):
        hs.fit(table, lr=-1)
    with pytest.raises(hs.UsageError, match=r"^refit='maybe' is not right: it takes 'auto'"):
        hs.fit(table, refit="maybe")
    with pytest.raises(hs.UsageError, match=r"^the recipe, stages\.0, schedule: 'cosin' is not right"):
        hs.fit(table, settings={"stages.0.schedule": "cosin"})
    with pytest.raises(hs.UsageError, match="Did you mean 'epochs'"):
        hs.cross_validate(table, epoch=2)


def test_a_recipe_is_a_line_and_runs_stand_for_their_folders(run: hs.Run, table: Path) -> None:
    assert repr(run.recipe) == (
        f"Recipe: linear_probe of vector:columns on {table}, seed 0 (to_toml() writes all of it)"
    )
    assert repr(hs.Recipe()).startswith("Recipe: a strategy of a source, seed 0")
    other = hs.fit(table, source="vector:mlp", steps=2, out=table.parent / "other", progress=False)
    assert len(hs.compare([run, other], resamples=0).to_plain()["metrics"]) == 2
    with pytest.raises(hs.UsageError, match="Name the runs to compare in a list"):
        hs.compare(run)  # pyright: ignore[reportArgumentType]


def test_ctrl_c_says_how_to_go_on(table: Path, tmp_path: Path) -> None:
    def interrupt(event: Event) -> None:
        if event.kind == "stage":
            raise KeyboardInterrupt

    for data, named in ((str(table), ""), (pd.read_csv(table), "DATA, ")):
        out = tmp_path / f"run{len(named)}"
        with pytest.raises(KeyboardInterrupt) as caught:
            hs.fit(data, source="vector:columns", out=out, listen=interrupt)
        assert caught.value.__notes__ == [f"The run can go on: hs.fit({named}resume='{out}')"]
        again = data if named else None
        assert hs.fit(again, resume=out, progress=False).headlines


def test_networks_are_described_in_short(run: hs.Run) -> None:
    assert "parameters, 1 head (hs.inspect" in repr(run.model)
    assert repr(hs.inspect("vector:mlp dim=4")).startswith("layer ")


def test_a_run_measured_again_says_only_what_is_new(run: hs.Run, table: Path) -> None:
    told: list[Event] = []
    evaluate_saved(run.folder, listen=told.append)
    assert not [event.message for event in told if event.kind != "detail"]
    evaluate_saved(run.folder, table, listen=told.append)
    assert [event.message for event in told if event.kind == "note"][-1] == "rows: test 80"


def test_advice_for_folds_stands_where_there_are_none(table: Path, tmp_path: Path, capsys) -> None:
    hs.fit(table, source="vector:columns", out=tmp_path / "one")
    assert "(validation=0.2 takes some, folds=5 measures by cross-validation)" in capsys.readouterr().err
    hs.cross_validate(table, folds=2, source="vector:columns", out=tmp_path / "two")
    assert "(validation=0.2 takes some)" in capsys.readouterr().err


def test_a_source_without_its_place_and_one_of_other_data_are_refused_with_what_to_write(table: Path) -> None:
    with pytest.raises(hs.UsageError, match="'resnet18' does not say where it comes from"):
        hs.fit(table, source="resnet18", progress=False)
    texts = [f"a text of the number {n}" for n in range(20)], ["a", "b"] * 10
    with pytest.raises(hs.UsageError, match=r"takes rows of numbers.*for other data take another source"):
        hs.fit(texts, source="vector:mlp", steps=1, progress=False)


def test_the_run_is_used_and_described_in_short(run: hs.Run, table: Path) -> None:
    text = repr(run)
    assert len(text) < 400 and "Test: " in text and str(run.folder) in text
    assert "<table" in run._repr_html_() and "accuracy" in run._repr_html_()
    frame = pd.read_csv(table)
    assert set(run.predict(frame.drop(columns="kind"))) <= {"up", "down"}
    assert run.evaluate(frame).evaluations["test"].rows == 80
    assert run.report().name == "report.html"
    value = run.metrics.loc[("test", "accuracy"), "value"]
    assert value == run.evaluations["test"].metrics["accuracy"].value
    assert list(run.metrics.columns) == ["value", "low", "high", "unit"]
    for thing in (run.model, run.model.model, run.model.model.backbone, hs.read(table), hs.read(table).splits["train"]):
        assert len(repr(thing)) < 400, repr(thing)[:500]


def test_pandas_in_pandas_out(run: hs.Run, table: Path) -> None:
    frame = pd.read_csv(table).drop(columns="kind").set_index(pd.Index([f"row {n}" for n in range(80)]))
    found = run.predict(frame)
    assert isinstance(found, pd.Series) and found.name == "kind" and found.index.equals(frame.index)
    shares = run.predict_proba(frame)
    assert isinstance(shares, pd.DataFrame) and list(shares.columns) == ["down", "up"]
    assert shares.index.equals(frame.index) and np.allclose(shares.sum(axis=1), 1)
    assert isinstance(run.predict(frame.to_numpy().tolist()), list)
    assert run.predict(frame.iloc[3]) == [found.iloc[3]] == run.predict(frame.iloc[3].to_dict())
    assert np.allclose(run.predict_proba(frame.iloc[3]), shares.iloc[[3]])
    for nothing in (frame.iloc[:0], []):
        with pytest.raises(hs.DataError, match="There are no examples"):
            run.predict(nothing)
    with pytest.raises(hs.DataError, match="column 'a': 'x' is not a number"):
        run.predict(frame.astype(object).assign(a="x"))
    assert run.predict(frame.iloc[:1], skip_bad=True).tolist() == [found.iloc[0]]
    assert run.predict_proba(frame.iloc[:1], skip_bad=True).shape == (1, 2)


def test_progress_is_shown_and_can_be_left_away(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hs.fit(table, source="vector:columns", out=table.parent / "told")
    told = capsys.readouterr()
    assert "Test: " in told.err and "read as binary" in told.err and told.out == ""
    hs.fit(table, source="vector:columns", out=table.parent / "silent", progress=False)
    assert capsys.readouterr() == ("", "")
    hs.fit(table, source="vector:columns", out=table.parent / "more", verbose=True)
    assert "parameters (" in capsys.readouterr().err.partition("moved:")[2]


@pytest.mark.slow  # starts a kernel
@pytest.mark.filterwarnings("ignore")
def test_a_notebook_shows_progress_short_descriptions_and_short_errors(table: Path) -> None:
    cells = [
        "import headstart as hs",
        f"run = hs.fit({str(table)!r}, source='vector:columns', out={str(table.parent / 'nb')!r})",
        "run",
        "hs.fit('fotos')",
    ]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(book, timeout=120, allow_errors=True, kernel_name="python3").execute()
    _, fitted, shown, failed = (cell["outputs"] for cell in book["cells"])
    (area,) = fitted  # one area, drawn again and again
    assert area["output_type"] == "display_data" and "Test: " in area["data"]["text/plain"]
    assert "<pre" in area["data"]["text/html"] and "<progress" not in area["data"]["text/html"]
    assert len(shown[0]["data"]["text/plain"]) < 400 and "<table" in shown[0]["data"]["text/html"]
    (error,) = [output for output in failed if output["output_type"] == "error"]
    assert len(error["traceback"]) == 1 and error["traceback"][0].startswith("UsageError: There is no file or folder")
