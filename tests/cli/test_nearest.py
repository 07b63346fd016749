"""`headstart search` and `Predictor.search`: what is nearest, by angles, exactly."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import headstart as hs
from headstart.artifact.nearest import nearest
from headstart.cli.main import main
from headstart.core.errors import UsageError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of retrieval on vectors, and a table to search: each row points its own way, some twice as far."""
    place, random = tmp_path_factory.mktemp("search"), np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(80, 4)), columns=list("abcd"))
    frame.assign(label=np.repeat([f"k{n}" for n in range(8)], 10)).to_csv(place / "rows.csv", index=False)
    settings = {"data.task": "retrieval", "stages.0.steps": 3}
    hs.fit(place / "rows.csv", source="vector:mlp", settings=settings, out=place / "run")
    frame[:20].to_csv(place / "among.csv", index=False)
    frame[3:5].to_csv(place / "query.csv", index=False)
    return place


def test_the_least_angles_come_first_whatever_the_lengths() -> None:
    angles = np.deg2rad([0, 50, 20, 180, 20])
    among = np.stack([np.cos(angles), np.sin(angles)], axis=1) * [[3], [1], [4], [5], [0.5]]
    places, cosines = nearest(np.array([[2.0, 0.0]]), among, 4)
    assert places.tolist() == [[0, 2, 4, 1]]  # of equals the first
    assert cosines[0] == pytest.approx(np.cos(np.deg2rad([0, 20, 20, 50])))
    assert nearest(np.ones((2, 2)), among, 99)[0].shape == (2, 5)


def test_search_goes_by_the_embeddings_and_a_row_that_is_there_finds_itself(folder: Path) -> None:
    model = hs.load(folder / "run")
    found = model.search(folder / "query.csv", folder / "among.csv", k=3)
    vectors = np.array(model.predict(folder / "among.csv"))
    for each, row in zip(found, (3, 4), strict=True):
        order = np.argsort(-(vectors @ vectors[row]), kind="stable")[:3]
        assert [hit.name for hit in each.hits] == [f"among.csv:{place + 2}" for place in order]
        assert each.hits[0].similarity == pytest.approx(1, abs=1e-5)
        assert [hit.similarity for hit in each.hits] == pytest.approx((vectors @ vectors[row])[order], abs=1e-5)
    with pytest.raises(UsageError, match="k=0: at least one"):
        model.search(folder / "query.csv", folder / "among.csv", k=0)


@pytest.mark.slow
def test_a_run_of_another_kind_is_searched_by_its_features(folder: Path) -> None:
    settings = {"data.task": "multiclass", "stages.0.steps": 3}
    run = hs.fit(folder / "rows.csv", source="vector:mlp", settings=settings, out=folder / "classes")
    model = hs.load(run.folder)
    hit = model.search(folder / "query.csv", folder / "among.csv", k=2)[0].hits[1]
    features = model.embed(folder / "among.csv")
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    assert hit.similarity == pytest.approx(np.sort(features @ features[3])[-2], abs=1e-5)


def test_the_command_shows_a_line_for_each_and_gives_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = ("search", str(folder / "run"), str(folder / "query.csv"), "--in", str(folder / "among.csv"), "--k", "2")
    with pytest.raises(SystemExit) as end:
        main([*query, "--json"])
    captured = capsys.readouterr()
    assert not end.value.code
    found = json.loads(captured.out.splitlines()[-1])["found"]
    assert [len(each["nearest"]) for each in found] == [2, 2] and found[0]["nearest"][0]["name"] == "among.csv:5"
    with pytest.raises(SystemExit):
        main(list(query))
    assert "1.000" in capsys.readouterr().out
