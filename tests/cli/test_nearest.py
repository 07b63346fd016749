"""`headstart search` and `Predictor.search`: what is nearest, by angles, exactly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import headstart as hs
from headstart.artifact import nearest as module
from headstart.artifact.nearest import nearest
from headstart.cli.main import main
from headstart.core.errors import UsageError
from headstart.data.rows import Rows
from headstart.engine import predict as engine
from headstart.features import frozen
from headstart.models.model import Model


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


def test_blocks_find_what_one_comparison_of_all_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    among = np.round(random.normal(size=(500, 3)), 1)  # some rows are as near as others
    queries = np.concatenate([among[::9], random.normal(size=(40, 3))])
    whole = nearest(queries, among, 12)
    one, other = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (queries, among))
    similar = one @ other.T
    order = np.argsort(-similar, axis=1, kind="stable")[:, :12]
    assert np.array_equal(whole[1], np.take_along_axis(similar, order, axis=1))
    assert np.array_equal(whole[0], order)
    for queries_at_once, block in ((256, 7), (1, 499), (33, 40)):
        monkeypatch.setattr(module, "QUERIES", queries_at_once)
        monkeypatch.setattr(module, "BLOCK", block)
        places, cosines = nearest(queries, among, 12)
        assert cosines == pytest.approx(whole[1], abs=1e-12)
        assert np.take_along_axis(similar, places, axis=1) == pytest.approx(whole[1], abs=1e-12)


def test_of_equals_the_first_are_found_in_whatever_block_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 3)
    among = np.array([[0, 1], [1, 0], [1, 0], [0, 1], [1, 0], [1, 0], [1, 0], [-1, 0]], dtype=np.float32)
    places, cosines = nearest(np.array([[1, 0]], dtype=np.float32), among, 4)
    assert places.tolist() == [[1, 2, 4, 5]] and cosines.tolist() == [[1, 1, 1, 1]]
    assert nearest(among[:2], among, 99)[0].tolist() == [[0, 3, 1, 2, 4, 5, 6, 7], [1, 2, 4, 5, 6, 0, 3, 7]]


def test_a_second_search_computes_no_features(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(frozen, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(frozen, "LEAST_GAIN", 0.0)
    computed: list[int] = []
    real = engine._run

    def counted(model: Model, rows: Rows, *others: Any) -> Any:
        if engine.FEATURES in others[2]:
            computed.append(len(rows))
        return real(model, rows, *others)

    monkeypatch.setattr(engine, "_run", counted)
    first = hs.load(folder / "run").search(folder / "query.csv", folder / "among.csv", k=3)
    assert computed == [2, 18]  # of the 20 rows that are looked among 2 are those that are looked for
    assert hs.load(folder / "run").search(folder / "query.csv", folder / "among.csv", k=3) == first
    assert computed == [2, 18]
    hs.load(folder / "run").search(folder / "rows.csv", folder / "among.csv", k=3)
    assert computed == [2, 18, 60]


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
