"""headstart rank: a table, one JSON object, a page, and errors in a line before any work."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from headstart.cli.main import main


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for place, label in enumerate("ab"):
        (folder / label).mkdir()
        for number in range(12):
            noise = random.integers(0, 60, (20, 20, 3)) + 90 * place
            Pillow.fromarray(noise.astype(np.uint8)).save(folder / label / f"{number}.png")
    return folder


def ranked(*words: str) -> None:
    with pytest.raises(SystemExit) as left:
        main(["rank", *words])
    assert left.value.code == 0


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Train a small network for two steps; its run is a source."""
    import headstart as hs

    folder = tmp_path_factory.mktemp("run")
    x = np.random.default_rng(0).integers(0, 255, (20, 16, 16, 3)).astype(np.uint8)
    run = hs.fit(
        (list(x), ["p", "q"] * 10), source="digits:cnn", strategy="full", steps=2, out=folder / "one", progress=False
    )
    return f"run:{run.folder}"


def test_a_table_sentences_and_a_page(
    photos: Path, network: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")  # no heading is broken into lines
    page = tmp_path / "ranking.html"
    ranked(str(photos), "--sources", network, "--sources", "digits:cnn", "--layers", "-v", "--out", str(page))
    shown = capsys.readouterr()
    assert "sources, the best first" in shown.out and "s an epoch of full" in shown.out
    assert "scores, higher is better" in shown.out and "logme" in shown.out and "weight" in shown.out
    assert f"First: {network}, accuracy of its probe" in shown.out and f"Page: {page}" in shown.out
    assert "warning: digits:cnn is left out: it has no pretrained weights" in shown.err
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_json_is_the_last_line_alone(photos: Path, network: str, capsys: pytest.CaptureFixture[str]) -> None:
    ranked(str(photos), "--sources", network, "--rows", "16", "--json", "--set", "data.test=0.25")
    plain = json.loads(capsys.readouterr().out)
    assert plain["rows"] == 16 and plain["metric"] == "accuracy" and plain["sources"][0]["source"] == network


def test_a_list_in_a_file(photos: Path, network: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sources.txt").write_text(f"# mine\n{network}\n")
    ranked(str(photos), "--sources", str(tmp_path / "sources.txt"), "--json")
    assert len(json.loads(capsys.readouterr().out)["sources"]) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--budget", "soon"], "--budget soon is no time: write seconds, or 90s, 10m, 1h30m."),
        (["--rows", "1"], "--rows 1: the most rows to look at"),
        (["--out", "ranking.txt"], "--out ranking.txt: the page is HTML"),
        (["--out", "nowhere/ranking.html"], "there is no folder nowhere"),
        (["--sources", "local:nowhere/*"], "--sources 'local:nowhere/*' meets no source"),
        (["--sources", "resnet18"], "neither a source (SOURCE:NAME) nor a text file"),
        (["--sources", "digits:cnn"], "No source of 1 could be used; digits:cnn: it has no pretrained weights"),
        (["--set", "data.colour=red"], "colour"),
    ],
)
def test_what_cannot_work_is_said_in_a_line(
    words: list[str], message: str, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["rank", str(photos), *words])
    assert left.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())
