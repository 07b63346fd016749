"""Sources become one table, whatever fails; a ranking that was stopped goes on; the same seed gives the same."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import transformers

import headstart as hs
import toys
from headstart.core.errors import SourceError, UsageError
from headstart.core.offer import Offer
from headstart.core.types import Event, Score
from headstart.engine.cost import Cost
from headstart.evaluation.results import Interval
from headstart.features import frozen
from headstart.selection.look import Looked, Probe
from headstart.selection.rank import Ranking, labelled, ranked


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def rank(data: Any, *sources: str, **more: Any) -> Ranking:
    return hs.rank(data, sources=sources, **{"progress": False, **more})


@pytest.fixture(scope="module")
def whole(photos: Path, zoo: Path) -> Ranking:
    return hs.rank(photos, sources=f"local:{zoo}/*", layers=True, progress=False, cache_gb=0)


def test_a_ranking_has_each_source_once_the_best_first(whole: Ranking) -> None:
    assert sorted(one.name for one in whole.looked) == ["local:other", "local:resnet", "local:vit"]
    found = whole.aggregate
    assert found is not None and list(found.points) == sorted(found.points, reverse=True)
    assert (found.low <= found.ranks).all() and (found.ranks <= found.high).all()
    assert whole.best is whole.looked[0] and whole.rows == whole.of == 38 and whole.metric == "accuracy"
    assert set(whole.names.values()) == {"vit", "other", "resnet"}


def test_it_is_told_in_sentences(whole: Ranking) -> None:
    first, *rest = whole.said()
    assert first.startswith(f"First: {whole.best.offer}, accuracy of its probe ") and str(whole) == "\n".join(
        [first, *rest]
    )
    (stages,) = (line for line in rest if line.startswith("The stage whose features tell most"))
    assert all(name in stages for name in whole.names.values())


def test_plain_data_are_safe_for_json(whole: Ranking) -> None:
    plain = json.loads(json.dumps(whole.to_plain(), allow_nan=False))
    first = plain["sources"][0]
    assert first["rank"] == 1 and first["rank_interval"][0] == 1 and set(first["scores"]) == set(plain["weights"])
    assert set(first["layers"]) and first["best_layer"] in first["layers"]
    assert first["seconds_per_row"]["fine_tuning"] > first["seconds_per_row"]["pass"] > 0


def test_the_page_and_the_notebook_name_each_source(whole: Ranking, tmp_path: Path) -> None:
    page = whole.save(tmp_path / "ranking.html").read_text(encoding="utf-8")
    notebook = whole._repr_html_()
    for full, short in whole.names.items():
        assert f'title="{full}"' in page and f'title="{full}"' in notebook
        assert f"</i>{short}</span>" in page, "the legend has names, not colours"
    assert page.count("<circle") == 3 and "Stages" in page and "Left out" not in page


def test_what_fails_is_left_out_with_its_error_and_the_rest_goes_on(photos: Path, zoo: Path, tmp_path: Path) -> None:
    heard: list[Event] = []
    found = rank(photos, "local:nowhere/x", f"local:{zoo}/vit", "digits:cnn", "vector:mlp", listen=heard.append)
    assert [one.ok for one in found.looked] == [True, False, False, False] and found.best.name == "local:vit"
    warned = [str(event.message) for event in heard if event.kind == "warning"]
    assert len(warned) == 3 and any("nowhere/x is left out: nowhere/x.json is not there" in line for line in warned)
    page = found.save(tmp_path / "ranking.html").read_text(encoding="utf-8")
    assert "Left out" in page and "there is nothing to score" in page
    assert found.to_plain()["sources"][1:] == [
        {"source": str(one.offer), "error": one.error} for one in found.looked[1:]
    ]


def test_where_nothing_can_be_used_that_is_an_error(photos: Path) -> None:
    with pytest.raises(SourceError, match=r"No source of 2 could be used; .*Name others: sources="):
        rank(photos, "digits:cnn", "vector:mlp")
    with pytest.raises(UsageError, match="meets no source"):
        rank(photos, "local:nowhere/*")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["regression", "multilabel", "several"])
def test_other_targets(kind: str, photos: Path, zoo: Path, tmp_path: Path) -> None:
    files = sorted(str(path) for path in photos.glob("*/*.png"))
    brightness = np.array(["abc".index(Path(file).parent.name) for file in files])
    random = np.random.default_rng(0)
    columns: dict[str, Any] = {
        "regression": {"y": brightness + random.normal(0, 0.1, len(files))},
        "multilabel": {"y": [";".join(("p", "q", "r")[: 1 + value]) for value in brightness]},
        "several": {"y": [f"c{value}" for value in brightness], "z": brightness + random.normal(0, 0.1, len(files))},
    }
    table = tmp_path / "table.csv"
    pd.DataFrame({"image": files, **columns[kind]}).to_csv(table, index=False)
    more = {"settings": {"data.separator": ";"}, "task": "multilabel"} if kind == "multilabel" else {}
    named = (
        {"settings": {"data.targets.y.labels": "y", "data.targets.z.labels": "z"}}
        if kind == "several"
        else {"label": "y"}
    )
    found = rank(table, f"local:{zoo}/*", **named, **more)
    assert len(found.ranked) == 3 and found.aggregate is not None and "ridge" in found.aggregate.weights
    best = found.best.probe
    assert best is not None and set(best.outputs) == ({"y", "z"} if kind == "several" else {"target"})
    if kind == "regression":
        assert found.metric in {"mae", "rmse", "r2"}
    json.dumps(found.to_plain(), allow_nan=False)
    found.save(tmp_path / "ranking.html")


def test_texts(tmp_path: Path) -> None:
    names = []
    for name, width in (("small", 8), ("wide", 16)):
        folder = toys.save_tokenizer(tmp_path / name, "good bad film")
        config = transformers.BertConfig(
            hidden_size=width, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8, vocab_size=20
        )
        transformers.AutoModel.from_config(config).save_pretrained(folder)
        names.append(f"hf:{folder}")
    table = tmp_path / "texts.csv"
    texts = [f"{word} film {'film ' * (number % 5)}".strip() for number in range(20) for word in ("good", "bad")]
    pd.DataFrame({"text": texts, "mood": ["up", "down"] * 20}).to_csv(table, index=False)
    found = rank(table, *names, layers=True)
    assert len(found.ranked) == 2
    assert all(list(one.layers) == ["embeddings", "layers.0", "layers.1"] for one in found.ranked)


def test_data_without_a_target_is_refused(photos: Path, zoo: Path) -> None:
    with pytest.raises(UsageError, match="none to predict"):
        rank(photos, f"local:{zoo}/vit", task="none")


@pytest.mark.slow
def test_the_same_seed_gives_the_same_ranking(photos: Path, zoo: Path) -> None:
    def figures(seed: int) -> Any:
        plain = rank(photos, f"local:{zoo}/*", rows=20, seed=seed).to_plain()
        changing = {"seconds", "scoring_seconds", "seconds_per_row"}
        return [{key: value for key, value in one.items() if key not in changing} for one in plain["sources"]]

    first = figures(3)
    assert figures(3) == first and figures(4) != first


def test_some_rows_are_drawn_and_none_of_the_test(photos: Path) -> None:
    data = hs.read(photos, hs.DataPlan(validation=0.2, test=0.2))
    some, of = labelled(data, 0, 20)
    assert len(some) == 20 and of == len(data.splits["train"]) + len(data.splits["validation"])
    assert not set(some.ids) & set(data.splits["test"].ids)
    order = [*data.splits["train"].ids, *data.splits["validation"].ids]
    assert [order.index(row) for row in some.ids] == sorted(order.index(row) for row in some.ids)
    assert labelled(data, 1, 20)[0].ids != some.ids and labelled(data, 0, 500)[0].ids == order


@pytest.mark.slow
def test_a_second_ranking_reads_its_features_from_the_disk(
    photos: Path, zoo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frozen, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(frozen, "LEAST_GAIN", 0.0)
    computed: list[int] = []
    real = frozen._in_pieces
    monkeypatch.setattr(
        frozen, "_in_pieces", lambda rows, compute: (computed.append(len(rows)), real(rows, compute))[1]
    )
    first = rank(photos, f"local:{zoo}/vit")
    again = rank(photos, f"local:{zoo}/*")
    assert len(computed) == 3, "of the three, one was known"
    rank(photos, f"local:{zoo}/*", cache_gb=0)
    assert len(computed) == 6
    (same,) = (one for one in again.ranked if one.name == "local:vit")
    assert same.scores == first.best.scores


def test_the_smallest_are_looked_at_first_and_the_budget_ends_it(photos: Path, zoo: Path) -> None:
    heard: list[Event] = []
    found = rank(photos, f"local:{zoo}/*", "digits:cnn", "local:nowhere/x", budget="0.001s", listen=heard.append)
    sizes = {name: (zoo / f"{name}.safetensors").stat().st_size for name in ("vit", "other", "resnet")}
    smallest = min(sizes, key=lambda name: sizes[name])
    assert sizes[found.best.name.removeprefix("local:")] == sizes[smallest] and len(found.ranked) == 1
    over = [one for one in found.looked if one.error == "the budget was used up"]
    assert len(over) == 2 and not any(one.name for one in over)
    assert (
        "Looked at 3 of 5 sources: the budget was used up. Give more (budget=) or fewer rows (rows=)." in found.said()
    )


@pytest.mark.parametrize("given", [{"budget": "soon"}, {"budget": -1}, {"rows": 1}, {"seed": -1}, {"cache_gb": -1}])
def test_wrong_numbers_are_told_before_any_work(given: dict[str, Any], zoo: Path) -> None:
    with pytest.raises(UsageError, match=next(iter(given))):
        rank("no/such/folder", f"local:{zoo}/vit", **given)


def made(
    name: str, value: float | Sequence[float], look: float, *, scores: dict[str, float] | None = None, params: int = 1
) -> Looked:
    score = Score("accuracy", float(np.mean(value)), True, None, tuple(np.atleast_1d(value)))
    figure = Interval(float(np.mean(value)), 0.1, 0.9)
    probe = Probe(score, "accuracy", figure, {})
    return Looked(Offer(name), name, params, 10, scores or {}, {}, probe, Cost(look, 2 * look))


def test_of_equal_ones_the_smaller_is_first_whatever_time_was_measured() -> None:
    good, large, small = made("a:good", 0.9, 0.5), made("a:large", 0.8, 0.1, params=2), made("a:small", 0.8, 0.2)
    found = ranked([large, small, good], 10, 10, 0, 1.0)
    assert [str(one.offer) for one in found.looked] == ["a:good", "a:small", "a:large"]
    assert found.aggregate is not None and found.aggregate.ranks.tolist() == [1, 2, 2]


def test_what_cannot_be_told_apart_is_named() -> None:
    shaken = 0.9 + 0.3 * np.random.default_rng(0).normal(size=20) / np.sqrt(20)
    also = 0.89 - 0.3 * np.random.default_rng(1).normal(size=20) / np.sqrt(20)
    found = ranked([made("a:one", list(shaken), 0.1), made("a:two", list(also), 0.1)], 30, 90, 0, 1.0)
    assert f"By 30 rows it cannot be told from {found.looked[1].offer}." in found.said()
    sure = ranked([made("a:one", [0.9] * 20, 0.1), made("a:two", [0.5] * 20, 0.1)], 30, 90, 0, 1.0)
    assert len(sure.said()) == 1


def test_a_stage_to_cut_after_is_told_where_it_is_better_than_the_end() -> None:
    one = made("a:one", 0.8, 0.1)
    better = {"x": {"ridge": 0.5}, "y": {"ridge": 0.9}, "z": {"ridge": 0.8}}
    cut = ranked([dataclasses.replace(one, layers=better)], 9, 9, 0, 1.0).said()
    assert cut[-2:] == [
        "The stage whose features tell most, by ridge: a:one y (0.9000; at its end 0.8000).",
        "Keep a:one up to there: surgery='cut after=y'",
    ]
    end = ranked([dataclasses.replace(one, layers={"x": {"ridge": 0.5}, "z": {"ridge": 0.8}})], 9, 9, 0, 1.0).said()
    assert end[-1] == "The stage whose features tell most, by ridge: a:one z (0.8000)."


@pytest.mark.slow
def test_a_ranking_that_was_killed_computes_what_is_missing(photos: Path, saved, tmp_path: Path) -> None:
    """Each source's features are on the disk before the next one is begun."""
    for name in ("one", "two", "three"):
        saved(name)
    script = tmp_path / "rank.py"
    script.write_text(
        "import sys\nfrom headstart.features import frozen\nimport headstart as hs\n"
        "frozen.LEAST_SECONDS = frozen.LEAST_GAIN = 0.0\n"
        "real = frozen._in_pieces\n"
        "def counted(rows, compute):\n    print('computed', flush=True)\n    return real(rows, compute)\n"
        "frozen._in_pieces = counted\n"
        "def hear(event):\n    print(event.message, flush=True)\n"
        f"print(hs.rank({str(photos)!r}, sources='local:{tmp_path}/own/*', listen=hear).best.offer)\n"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    lines = []
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if "of its probe" in line:  # the first is done
                process.send_signal(signal.SIGKILL)
    before = lines.count("computed\n")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, env=environment, check=True)
    after = done.stdout.splitlines().count("computed")
    assert before in (1, 2) and 1 <= after <= 2, "the first was kept, and what was not done is computed"
    assert done.stdout.splitlines()[-1].startswith("local:")
