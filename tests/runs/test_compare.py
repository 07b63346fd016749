"""Comparing runs: differences on the same rows, and a refusal where the rows differ."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import headstart as hs
from headstart.cli.main import main
from headstart.core.errors import DataError, StorageError, UsageError
from headstart.core.interface import command_line
from headstart.core.words import option_of
from headstart.evaluation.report.sides import Side, apart, group_names, short_names
from headstart.evaluation.results import Comparison, Interval


@pytest.mark.slow
def test_differences_are_those_of_the_metrics(two_runs):
    a, b = two_runs
    compared = hs.compare([a.folder, b.folder], resamples=200)
    assert compared.split == "test" and compared.rows == a.evaluations["test"].rows
    for name, difference in compared.comparisons[str(b.folder)].differences.items():
        values = [run.evaluations["test"].metrics[name].value for run in two_runs]
        assert difference.value == pytest.approx(values[1] - values[0], abs=1e-9)
        assert difference.low is not None and difference.high is not None and difference.low <= difference.high
    test = compared.comparisons[str(b.folder)].mcnemar
    assert test is not None
    right = [run.evaluations["test"].metrics["accuracy"].value * compared.rows for run in two_runs]
    assert test.only_b - test.only_a == round(right[1] - right[0])
    json.dumps(compared.to_plain(), allow_nan=False)


def test_the_order_of_rows_and_classes_does_not_matter(two_runs, tmp_path):
    a, b = two_runs
    copy = tmp_path / "copy"
    shutil.copytree(b.folder, copy)
    frame = pd.read_parquet(copy / "predictions.parquet")
    frame.iloc[::-1].to_parquet(copy / "predictions.parquet")
    path = copy / "model" / "model.json"
    description = json.loads(path.read_text())
    description["task"]["targets"]["target"]["classes"].reverse()
    path.write_text(json.dumps(description))
    same = hs.compare([a.folder, b.folder], resamples=50).comparisons[str(b.folder)]
    turned = hs.compare([a.folder, copy], resamples=50).comparisons[str(copy)]
    assert turned.differences == same.differences


def test_other_rows_are_refused_and_counted(two_runs, fit_rows):
    other = fit_rows("linear_probe", seed=1)
    with pytest.raises(DataError, match=r"of which \d+ are common"):
        hs.compare([two_runs[0].folder, other.folder])


def test_other_labels_are_refused_and_named(two_runs, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(two_runs[1].folder, copy)
    frame: Any = pd.read_parquet(copy / "predictions.parquet")
    place = frame.index[frame["split"] == "test"][0]
    row = (frame["split"] == "test") & (frame.index == place)
    frame.loc[row, "label"] = "benign" if frame.loc[row, "label"].item() == "malignant" else "malignant"
    frame.to_parquet(copy / "predictions.parquet")
    with pytest.raises(DataError, match=r"1 of .* rows have different labels") as caught:
        hs.compare([two_runs[0].folder, copy])
    assert caught.value.problems[0].where == frame.loc[row, "id"].item()


def test_one_run_or_none_is_refused(two_runs, tmp_path):
    with pytest.raises(UsageError, match="two different runs"):
        hs.compare([two_runs[0].folder, two_runs[0].folder])
    with pytest.raises(StorageError, match="holds no saved model"):
        hs.compare([two_runs[0].folder, tmp_path])


def test_a_comparison_is_a_page_and_short_in_a_notebook(two_runs, tmp_path):
    a, b = (str(run.folder) for run in two_runs)
    compared = hs.compare([a, b], resamples=200)
    assert compared.settings["stages.0.strategy.name"] == {a: "linear_probe", b: "full"}
    assert "source.name" not in compared.settings and "seed" not in compared.settings
    page = compared.save(tmp_path / "page.html").read_text(encoding="utf-8")
    for part in ("Figures", "Differences", "All metrics", "What differs", "linear_probe", "McNemar"):
        assert part in page
    names = compared.metrics[a]
    assert page.count("<svg") == len(names) and page.count("<circle") == 2 * len(names)
    first, second = repr(compared).splitlines()
    assert first.startswith(f"accuracy on {compared.rows} test rows: linear_probe 0.") and ", full 0." in first
    assert second.startswith("full against linear_probe: accuracy ")
    assert "<table" in compared._repr_html_() and len(compared._repr_html_()) < 10_000
    assert compared.to_plain()["settings"]["stages.0.strategy.name"][b] == "full"


@pytest.mark.parametrize(
    ("runs", "names"),
    [
        (["runs/a", "runs/b"], ["a", "b"]),
        (["x/run", "y/run"], ["x/run", "y/run"]),
        (["a", "x/a", "/x/b"], ["a", "x/a", "x/b"]),
    ],
)
def test_runs_are_named_by_what_tells_them_apart(runs, names):
    assert list(short_names(runs).values()) == names


def test_what_is_ahead_by_chance_is_said():
    def side(low: float, high: float, better: bool = True) -> Side:
        change = Comparison("m", {"m": Interval((low + high) / 2, low, high)}, None, {"m": better}, 9, 0.95)
        value = {"m": Interval(0.5)}
        return Side("target", "m", {"a": value, "b": value}, {"b": change}, {"m": "share"}, [["a"], ["b"]], 90)

    assert side(0.1, 0.3).said() == ["b against a: m +0.20 (0.10 to 0.30): ahead."]
    assert side(0.1, 0.3, better=False).said()[0].endswith("behind.")
    assert side(-0.1, 0.3).said()[0].endswith("no more than chance.")


@pytest.fixture
def seeded(two_runs, tmp_path):
    """Copy both runs as if they had been fitted with three and two seeds, to known accuracies."""
    figures = {"probe": (0.80, 0.84, 0.85), "full": (0.90, 0.92)}
    folders = []
    for run, (name, values) in zip(two_runs, figures.items(), strict=True):
        for seed, value in enumerate(values):
            folder = shutil.copytree(run.folder, tmp_path / f"{name}-{seed}")
            for path, *keys, new in (
                ("model/model.json", "recipe", "seed", seed),
                ("metrics.json", "test", "metrics", "accuracy", "value", value),
            ):
                plain = inner = json.loads((folder / path).read_text())
                for key in keys[:-1]:
                    inner = inner[key]
                inner[keys[-1]] = new
                (folder / path).write_text(json.dumps(plain))
            folders.append(str(folder))
    return folders


def test_runs_that_differ_in_the_seed_alone_are_one_group(seeded, tmp_path):
    compared = hs.compare(seeded, resamples=20)
    assert compared.groups == [seeded[:3], seeded[3:]]
    first, second = repr(compared).splitlines()
    assert first.endswith("test rows: probe (3 runs) 0.830 ± 0.026, full (2 runs) 0.910 ± 0.014")
    assert second == "full (2 runs) against probe (3 runs): accuracy +0.08 (0.02 to 0.14): ahead."
    probe, full = compared.to_plain()["groups"]
    assert probe["runs"] == seeded[:3] and probe["differences"] == {}
    assert probe["metrics"]["accuracy"] == pytest.approx(
        {"mean": 0.83, "spread": 0.0264575, "least": 0.8, "greatest": 0.85}, abs=1e-6
    )
    assert full["differences"]["accuracy"]["value"] == pytest.approx(0.08)
    page = compared.save(tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("<circle") == 2 * len(compared.sides.targets[0].listed) and "5 runs on the same" in page
    assert "McNemar" not in page and '<td class="words">0, 1, 2</td>' in page and "0.830 ± 0.026" in page
    same = hs.compare([*seeded[:2], *seeded[3:]], resamples=20).sides
    assert "seed" in same.settings and "seed" not in dict(same.differing)  # both groups have the same seeds
    assert "comparisons with one baseline" not in page
    # a group beside a single run has no interval; runs of one group alone have no differences
    compared = hs.compare([seeded[3], *seeded[:3]], resamples=20)
    assert repr(compared).splitlines()[1].endswith("against full-0: accuracy -0.07000, without an interval.")
    page = hs.compare(seeded[:3], resamples=20).save(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "probe (3 runs): accuracy 0.830 ± 0.026" in page and "Differences" not in page
    assert "groups" not in hs.compare([seeded[0], seeded[3]], resamples=20).to_plain()


def test_the_command_shows_groups_and_names_options(seeded, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["compare", *seeded, "--resamples", "20", "--verbose"])
    output = capsys.readouterr()
    assert "full (2 runs) minus probe (3 runs)" in output.out and "0.830 ± 0.026" in output.out
    assert "Welch" in output.out and "baseline" not in output.err
    rows = [[cell.strip() for cell in line.split("│")] for line in output.out.splitlines()]
    assert ["--strategy", "linear_probe", "full"] in rows and ["--seed", "0, 1, 2", "0, 1"] in rows
    with pytest.raises(SystemExit) as ended:
        main(["compare", "no such run", "--resamples", "-1"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "headstart: --resamples -1: the number of resamples must be at least 0.\n"


def test_means_are_held_apart_by_welch():
    found = apart([1.0, 2.0, 3.0], [4.0, 6.0, 8.0, 10.0])  # variances 1/3 and 5/3 of the means, 4.08 degrees of freedom
    assert found.value == 5 and found.low is not None and found.high is not None
    assert (found.low, found.high) == pytest.approx((5 - 2.7577 * 2**0.5, 5 + 2.7577 * 2**0.5), abs=2e-2)
    assert apart([1.0], [2.0, 3.0]) == Interval(1.5) and apart([1.0, 1.0], [2.0, 2.0]) == Interval(1.0)
    assert apart([], [1.0]) == Interval(None)


@pytest.mark.parametrize(
    ("groups", "names"),
    [
        ([["r/full-1", "r/full-2"], ["r/probe-1"]], ["full (2 runs)", "probe-1"]),
        ([["r/1", "r/2"], ["r/3", "r/4"]], ["1 (2 runs)", "3 (2 runs)"]),
        ([["r/a1", "r/a2"], ["r/a3", "r/a4"]], ["a1 (2 runs)", "a3 (2 runs)"]),
        ([["full/1", "full/2"], ["probe/1", "probe/2"]], ["full (2 runs)", "probe (2 runs)"]),
    ],
)
def test_groups_are_named_by_what_their_runs_share(groups, names):
    assert group_names(groups) == names


def test_settings_have_the_name_of_their_option():
    paths = ("stages.0.strategy.name", "stages.0.strategy.k", "stages.0.batch_size", "source.weights", "source.name")
    with command_line():
        told = [option_of(path) for path in (*paths, "stages.1.lr", "stages.0.l2")]
    assert told[:5] == ["--strategy", "k of --strategy", "--batch-size", "--weights", "--source"]
    assert told[5:] == ["lr of stage 2", "l2"]
    assert [option_of(path) for path in paths[:3]] == ["strategy=", "k of strategy=", "batch_size="]


def test_the_command_writes_a_page(two_runs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folders = [str(run.folder) for run in two_runs]

    def command(*more: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["compare", *folders, "--resamples", "20", *more])
        output = capsys.readouterr()
        return ended.value.code or 0, output.out, output.err  # pyright: ignore[reportReturnType]

    for number in (1, 2):
        code, said, _ = command()
        assert (
            code == 0
            and f"Page: runs/comparison-{number}.html" in said
            and "full against linear_probe: accuracy" in said
        )
        assert "full minus linear_probe" not in said
        assert "What differs" in Path(f"runs/comparison-{number}.html").read_text(encoding="utf-8")
    assert "full minus linear_probe" in command("--verbose")[1]
    code, said, _ = command("--out", "own.html", "--json")
    assert code == 0 and json.loads(said.splitlines()[-1])["page"] == "own.html" and Path("own.html").exists()
    for out, why in (("own.pdf", "the page is HTML"), ("none/own.html", "there is no folder none")):
        code, _, wrong = command("--out", out)
        assert code == 2 and why in wrong
