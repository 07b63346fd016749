"""What version 0.1 wrote still loads and predicts the same: models, runs and recipes (tests/fixtures/v0.1/write.py)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import headstart as hs
from headstart.runs.report import write_report

FIXTURES = Path(__file__).parent / "fixtures" / "v0.1"
RUNS = sorted(path.parent.name for path in FIXTURES.glob("*/expected.json"))
RECIPES = sorted(path.stem for path in (FIXTURES / "recipes").glob("*.toml"))
VECTORS = [name for name in RUNS if name.startswith(("binary", "multilabel", "regression"))]
INSERTED = {"surgery": "bottleneck", "side_tuning": "side_tuning", "text": "prompt"}


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in the fixtures' folder: the runs name their tables by paths relative to it."""
    monkeypatch.chdir(FIXTURES)


def expected(name: str) -> dict[str, Any]:
    return json.loads((FIXTURES / name / "expected.json").read_text(encoding="utf-8"))


def inputs(name: str) -> Any:
    """Return the examples as they were given to `predict`."""
    cells = expected(name)["inputs"]
    if isinstance(cells[0], str):
        return cells
    if isinstance(cells[0][0], str):
        return [tuple(pair) for pair in cells]
    if isinstance(cells[0][0], float):
        return np.array(cells, np.float32)
    return [np.array(pixels, np.uint8) for pixels in cells]


def spelt(plain: dict[str, Any]) -> dict[str, Any]:
    """Spell the views of a recipe as today."""
    for stage in plain["stages"]:
        if "augment" in stage:
            stage["augment"] = {"none": "plain", "light": "weak"}.get(stage["augment"], stage["augment"])
    return plain


def settled(plain: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a recipe what is chosen today where nothing was named."""
    for stage in plain["stages"]:
        if stage["optimiser"] == "adamw":
            del stage["optimiser"]
    if plain["data"]["validation"] == 0.15:
        del plain["data"]["validation"]
    return plain


def holds(now: Any, then: Any, where: str = "") -> None:
    """Check that all that was there is there, with the same values; keys may have come since."""
    if isinstance(then, Mapping):
        assert isinstance(now, Mapping), where
        assert set(then) <= set(now), where
        for key, value in then.items():
            holds(now[key], value, f"{where}.{key}")
    elif isinstance(then, list):
        assert len(now) == len(then), where
        for place, value in enumerate(then):
            holds(now[place], value, f"{where}.{place}")
    else:
        assert now == (pytest.approx(then, abs=1e-6) if isinstance(then, float) else then), where


def test_the_fixtures_are_all_there() -> None:
    assert len(RUNS) == 10 and len(RECIPES) == 4 and len(VECTORS) == 5 and set(INSERTED) <= set(RUNS)


@pytest.mark.parametrize("name", RUNS)
def test_a_model_predicts_what_it_predicted_then(name: str) -> None:
    then, predictor = expected(name), hs.load(name)
    assert list(predictor.classes) == then["classes"]
    now = predictor.predict(inputs(name))
    if then["classes"]:
        assert now == [tuple(one) if isinstance(one, list) else one for one in then["predict"]]
        np.testing.assert_allclose(predictor.predict_proba(inputs(name)), then["predict_proba"], atol=1e-5)
    else:
        np.testing.assert_allclose(now, then["predict"], atol=1e-5)
    np.testing.assert_allclose(predictor.embed(inputs(name))[:, :8], then["embed"], atol=1e-5)


@pytest.mark.parametrize("name", RUNS)
def test_a_model_is_measured_as_it_was_then(name: str) -> None:
    then = expected(name)
    measured = hs.evaluate(name, (inputs(name), then["truth"]) if "truth" in then else None)
    holds(values(measured.to_plain()["metrics"]), then["evaluate"])


@pytest.mark.parametrize("name", RUNS)
def test_a_run_is_a_source(name: str) -> None:
    backbone = hs.source(f"run:{name}")
    assert list(backbone.card.labels) == expected(name)["classes"] or name == "regression"
    kept = [entry["name"] for entry in backbone.card.inserted]
    assert kept == ([INSERTED[name]] if name in INSERTED else [])
    assert json.dumps(hs.inspect(backbone).to_plain(2))


@pytest.mark.parametrize("name", VECTORS)
def test_the_source_gives_the_features_of_the_model(name: str) -> None:
    backbone = hs.source(f"run:{name}").eval()
    with torch.no_grad():
        pooled = backbone(torch.from_numpy(inputs(name)))["pooled"].numpy()
    np.testing.assert_allclose(pooled[:, :8], expected(name)["embed"], atol=1e-5)


@pytest.mark.parametrize(("name", "table"), [("binary_full", "binary"), ("text", "text")])
def test_a_new_run_starts_from_an_old_one(name: str, table: str, tmp_path: Path) -> None:
    recipe = hs.Recipe.read(f"{name}/recipe.toml")
    done = hs.fit(
        f"data/{table}.csv",
        source=f"run:{name}",
        strategy="linear_probe",
        settings={"data.labels": ",".join(recipe.data.labels), "stages.0.steps": 2},
        out=tmp_path / "run",
    )
    assert done.evaluations["test"].rows > 0


@pytest.mark.parametrize("name", RUNS)
def test_the_report_of_a_run_is_written_again(name: str, tmp_path: Path) -> None:
    run = shutil.copytree(name, tmp_path / name)
    (run / "model" / "README.md").unlink()
    page = write_report(run).read_text(encoding="utf-8")
    recipe = hs.Recipe.read(run / "recipe.toml")
    for shown in (*expected(name)["classes"], recipe.head.name):
        assert shown in page
    assert (run / "model" / "README.md").read_text(encoding="utf-8")
    assert ("folds" in page) == (name == "multilabel_cells_folds")
    whole = recipe.data.path is not None  # data in memory is gone
    assert ("<h2>What the network sees" in page) == ("<h2>Examples" in page) == whole
    hs.load(run)


def test_what_an_old_run_did_not_take_down_is_found_in_its_data_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, notes = shutil.copytree("text", tmp_path / "run"), list[Any]()
    before = json.loads((run / "report.json").read_text(encoding="utf-8"))
    page = write_report(run, listen=notes.append).read_text(encoding="utf-8")
    after = json.loads((run / "report.json").read_text(encoding="utf-8"))
    assert "<mark" in page and not notes
    assert [mistake["id"] for mistake in after.pop("mistakes")] == [one["id"] for one in before.pop("mistakes")]
    assert {name: after[name] for name in before} == before
    monkeypatch.chdir(tmp_path)
    assert write_report(run).read_text(encoding="utf-8") == page  # the data is not needed again


@pytest.mark.parametrize("why", ["no longer at data/text.csv", "has changed"])
def test_an_old_run_whose_data_is_gone_or_changed_has_the_report_that_it_had(
    why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, notes = shutil.copytree("text", tmp_path / "run"), list[Any]()
    kept = (run / "report.json").read_bytes()
    if why == "has changed":
        (tmp_path / "data").mkdir()
        table = Path("data/text.csv").read_text(encoding="utf-8").replace("fine", "good")
        (tmp_path / "data" / "text.csv").write_text(table, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    page = write_report(run, listen=notes.append).read_text(encoding="utf-8")
    assert "<h2>Worst mistakes" in page and "<h2>Examples" not in page
    assert (run / "report.json").read_bytes() == kept
    assert len(notes) == 1 and why in notes[0].message


def test_a_finished_run_gives_its_results_again(tmp_path: Path) -> None:
    run = shutil.copytree("binary_full", tmp_path / "run")
    again = hs.fit("data/binary.csv", resume=run)
    assert {split: e.metrics["accuracy"].value for split, e in again.evaluations.items()} == {
        split: metrics["accuracy"] for split, metrics in expected("binary_full")["evaluate"].items()
    }


def test_runs_are_compared() -> None:
    then = json.loads(Path("compared.json").read_text(encoding="utf-8"))
    now = hs.compare(["binary_linear_probe", "binary_full"], resamples=50).to_plain()
    for key in ("split", "rows", "primary", "baseline"):
        assert now[key] == then[key]
    holds(values(now["metrics"]), values(then["metrics"]))
    now, then = (compared["comparisons"]["binary_full"] for compared in (now, then))
    holds(values({"differences": now["differences"]}), values({"differences": then["differences"]}))
    holds(now["mcnemar"], then["mcnemar"])


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_says_what_it_said_then(name: str) -> None:
    recipe = hs.Recipe.read(f"recipes/{name}.toml")
    holds(recipe.to_plain(), settled(spelt(json.loads(Path(f"recipes/{name}.json").read_text(encoding="utf-8")))))
    assert hs.Recipe.from_toml(recipe.to_toml()) == recipe


@pytest.mark.parametrize("name", RUNS)
def test_the_recipe_of_a_run_reads_as_its_model_has_it(name: str) -> None:
    assert hs.Recipe.read(f"{name}/recipe.toml").to_plain() == hs.load(name).recipe.to_plain()


def values(groups: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Keep the point value of each metric, in each group of them."""
    return {group: {name: interval["value"] for name, interval in metrics.items()} for group, metrics in groups.items()}
