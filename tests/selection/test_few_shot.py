"""headstart fewshot: all methods on the same episodes, of a source and of a run, and what is wrong before slow work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import headstart as hs
from headstart.cli.main import main
from headstart.core import plugins
from headstart.selection import few_shot as asking

SOURCE = "vector:mlp"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write eight classes of twelve rows of four numbers."""
    random = np.random.default_rng(0)
    labels = np.arange(8).repeat(12)
    numbers = 3 * random.normal(size=(8, 4))[labels] + random.normal(size=(96, 4))
    path = tmp_path_factory.mktemp("data") / "flowers.csv"
    pd.DataFrame({f"x{n}": numbers[:, n] for n in range(4)} | {"kind": [f"k{c}" for c in labels]}).to_csv(path)
    return path


def found(*arguments: Any, **options: Any) -> Any:
    return hs.fewshot(*arguments, **{"episodes": 30, "progress": False, "label": "kind", **options})


def test_all_methods_answer_the_same_episodes(table: Path, tmp_path: Path) -> None:
    made = found(SOURCE, table)
    assert [each.method for each in made.answers] == plugins.names("few_shot")
    assert (made.episode.ways, made.episode.shots, made.episode.queries) == (5, 1, 11)
    assert all(0.2 < (made[each.method].value or 0) <= 1 for each in made.answers)
    again = found(SOURCE, table, methods=["ridge", "nearest_mean normalise=false centre=false"])
    assert again["ridge"] == made["ridge"]
    assert again["nearest_mean normalise=false centre=false"] != made["nearest_mean"]
    assert found(SOURCE, table, methods="ridge", seed=1)["ridge"] != made["ridge"]
    page = made.save(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "all together (transductive)" in page and "No other classes are known" in page


def test_the_interval_is_of_the_mean_over_episodes() -> None:
    from headstart.selection.answered import Answers

    interval = Answers("one", False, np.array([0.5, 0.7, 0.6, 0.6]), 0.0).accuracy
    half = 1.959964 * np.sqrt(0.02 / 3) / 2
    assert (interval.value, interval.low, interval.high) == pytest.approx((0.6, 0.6 - half, 0.6 + half))


def test_novel_classes_are_asked_and_the_others_centre(table: Path) -> None:
    seen: list[Any] = []
    made = found(SOURCE, table, novel=["k1", "k2", "k7"], methods="nearest_mean", listen=seen.append)
    assert made.classes == 3 and made.centred and made.episode.ways == 3
    assert made.rows == 96  # 36 asked, and those of the others for the mean


def test_the_command_shows_a_table_and_ends_with_json(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["fewshot", SOURCE, str(table), "--label", "kind", "--episodes", "20", "--shots", "2", "--json"])
    assert left.value.code == 0
    plain = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (plain["ways"], plain["shots"], plain["episodes"], plain["classes"]) == (5, 2, 20, 8)
    assert {each["method"] for each in plain["methods"] if each["transductive"]} == {"laplacian_shot", "pt_map", "tim"}
    assert all(each["accuracy"]["low"] <= each["accuracy"]["value"] for each in plain["methods"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ways": 9}, "Episodes of 9 ways need as many classes; there are 8."),
        ({"shots": 12}, "8 of 8 classes cannot give 12 rows"),
        ({"novel": ["k1", "k99"]}, "There is no class 'k99'"),
        ({"methods": "tom"}, "Did you mean 'tim'"),
        ({"episodes": 0}, "there must be at least one"),
        ({"label": "x1"}, "Episodes are made of rows of one class each"),
    ],
)
def test_what_cannot_be_asked_is_said_before_slow_work(
    table: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], message: str
) -> None:
    monkeypatch.setattr(asking, "Draws", None)  # nothing is drawn, and nothing loaded
    with pytest.raises(hs.HeadstartError, match=message):
        found(SOURCE, table, **options)


def test_what_is_no_source_and_no_run_is_refused(table: Path) -> None:
    with pytest.raises(hs.UsageError, match="nowhere is no folder of a run, and no source"):
        found("nowhere", table)


def test_a_run_is_asked_of_classes_that_it_has_not_learnt(table: Path, tmp_path: Path) -> None:
    settings = {"data.test": 0.4, "data.validation": 0.2}
    run = hs.fit(
        table,
        label="kind",
        task="retrieval",
        source=SOURCE,
        strategy="full",
        steps=3,
        out=tmp_path / "run",
        settings=settings,
        progress=False,
    )
    own = found(run.folder, methods="nearest_mean", label=None)
    assert own.classes == 3 and own.centred  # the test split's; the others centre
    random = np.random.default_rng(1)
    other = tmp_path / "other.csv"
    frame = pd.DataFrame({f"x{n}": random.normal(size=24) for n in range(4)} | {"kind": list("abcd") * 6})
    frame.to_csv(other)
    assert found(run.folder, other, methods="nearest_mean").classes == 4
    learnt = hs.fit(table, label="kind", source=SOURCE, steps=2, out=tmp_path / "known", progress=False)
    with pytest.raises(hs.UsageError, match="has learnt or chosen by all classes of this data"):
        found(learnt.folder)
    assert found(learnt.folder, novel=["k0", "k1"], methods="ridge").classes == 2
