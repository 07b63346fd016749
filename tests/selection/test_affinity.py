"""Which tasks help each other, from data to the recommended groups: in memory, by the command, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import headstart as hs
from headstart.cli.main import main
from headstart.core.errors import UsageError
from headstart.core.stopping import Stop
from headstart.core.types import Score
from headstart.core.words import recipe_of
from headstart.data.transforms import make_transform
from headstart.features.frozen import KnownFeatures
from headstart.runs.begin import begin
from headstart.runs.network import build_model, load_backbone
from headstart.runs.plan import make_plan
from headstart.selection import find_affinity
from headstart.selection.affinity import Affinity
from headstart.selection.agreement import Agreement
from headstart.selection.for_pairs import for_pairs
from headstart.selection.pairs import Gain, Rated
from headstart.selection.together import Setup, trained

NAMES = ["mood", "topic", "noise"]


def gain(value: float, error: float = 0.01) -> Gain:
    return Gain(value, error, "accuracy", 0.5, 0.6)


def made(gains: dict[tuple[str, str], Gain], ahead: Any = 0.0) -> Affinity:
    lookahead = np.broadcast_to(np.asarray(ahead, float), (3, 3))
    return Affinity(NAMES, Agreement(np.eye(3), lookahead), gains, dict.fromkeys(NAMES, 40), 100, 50.0, 130.0)


def rows(labels: Any, start: int = 0, count: int = 60) -> tuple[np.ndarray, list[str]]:
    """Four numbers a row; `labels` makes the sign of one of them, or of chance, a class."""
    random = np.random.default_rng([7, start])
    x = random.normal(size=(count, 4)).astype(np.float32)
    return x, ["p" if value > 0 else "q" for value in labels(x, random)]


RULES: dict[str, Any] = {
    "one": lambda x, _: x[:, 0] * x[:, 1],
    "same": lambda x, _: x[:, 0] * x[:, 1],
    "chance": lambda x, random: random.normal(size=len(x)),
}


def found(data: Any, **more: Any) -> Affinity:
    return hs.affinity(data, **{"source": "vector:mlp", "progress": False, **more})


def test_gains_decide_where_they_were_measured_and_else_the_lookahead() -> None:
    some = made(
        {("mood", "topic"): gain(0.2), ("topic", "mood"): gain(-0.05)}, [[9, 0, 0], [0, 9, 0.01], [0, -0.03, 9]]
    )
    assert some.helps.tolist() == [[0, 0.2, 0], [-0.05, 0, 0.01], [0, -0.03, 0]]
    assert some.groups == [["mood", "topic"], ["noise"]]
    assert made({}, [[0, 0.1, -1], [0.1, 0, -1], [-1, -1, 0]]).groups == [["mood", "topic"], ["noise"]]


def test_it_is_told_where_a_group_is_not_sure() -> None:
    pairs = [("mood", "topic"), ("topic", "mood")]
    for gains, told in (
        ([gain(0.2), gain(-0.05)], "mood and topic together; noise alone."),
        ([gain(0.02, 0.011), gain(0.0)], "mood and topic together (within noise); noise alone."),
        ([], "mood and topic together (by the agreement alone); noise alone."),
    ):
        some = made(dict(zip(pairs, gains, strict=False)), [[0, 0.1, -1], [0.1, 0, -1], [-1, -1, 0]])
        assert some.said()[0] == f"Learn {told}"


def test_a_helper_that_harms_is_warned_of_and_what_was_not_measured_is_told() -> None:
    some = made({("mood", "topic"): gain(0.2), ("topic", "mood"): gain(-0.05)})
    (warning,) = some.warnings()
    assert warning == "topic harms mood: beside it the validation loss is 5.0% higher (standard error 1.0%, 40 rows)"
    assert some.said()[0] == "Learn mood and topic together; noise alone."
    assert some.said()[-1].startswith("Not measured, as the budget was used up: mood and noise, topic and noise.")
    assert "budget='3m' would do for all pairs" in some.said()[-1]
    assert made({("mood", "topic"): gain(-0.05, 0.03), ("topic", "mood"): gain(0.0)}).warnings() == []


def test_how_well_the_agreement_foretold_the_gains_is_told() -> None:
    pairs = [("mood", "topic"), ("topic", "mood"), ("mood", "noise"), ("noise", "mood")]
    ahead = [[0, 0.4, 0.2], [0.3, 0, 0], [0.1, 0, 0]]
    rising = made({pair: gain(value) for pair, value in zip(pairs, (0.9, 0.5, 0.2, -0.1), strict=True)}, ahead)
    assert rising.foretold == pytest.approx(1)
    assert rising.said()[1] == "The lookahead foretold the order of 4 measured gains by 1.00 (Spearman; 1: rightly)."
    assert made({pair: gain(0.1) for pair in pairs[:2]}).foretold is None, "of two nothing can be said"


def test_the_page_has_heat_maps(tmp_path: Path) -> None:
    some = made({("mood", "topic"): gain(0.2), ("topic", "mood"): gain(-0.05)}, 0.01)
    html = some.save(tmp_path / "a.html").read_text(encoding="utf-8")
    assert html.count('class="confusion short"') == 3
    assert "mood for topic: +20.0 ± 1.0" in html and "topic harms mood" in html and "+20.0" in some._repr_html_()
    assert "mood for noise: +1.00" in html and "mood for noise: 0.00" in html, "the lookahead, and a cosine"
    assert "--share:0.25" in html, "a quarter of the shade of the largest"
    assert json.loads(json.dumps(some.to_dict()))["groups"] == [["mood", "topic"], ["noise"]]


def test_one_task_alone_and_tasks_of_differing_modalities_are_refused() -> None:
    one = rows(lambda x, _: x[:, 0])
    with pytest.raises(UsageError, match="takes two or more"):
        found({"one": one})
    with pytest.raises(UsageError, match="takes two or more"):
        found(one)
    with pytest.raises(UsageError, match="differ in modality"):
        found({"one": one, "text": (["good film", "bad film"] * 20, ["p", "q"] * 20)})


def test_a_budget_that_is_too_small_for_anything_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find_affinity, "seconds_of", lambda setup: (100.0, 30.0))
    data = {name: rows(lambda x, _: x[:, 0], start) for start, name in enumerate(("one", "other"))}
    with pytest.raises(UsageError, match=r"budget='20s' is too small.* takes about 100 s\. budget='[45]m' would do"):
        found(data, budget=20)


def test_a_strategy_without_common_weights_is_refused_before_slow_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find_affinity, "solve", lambda setup: pytest.fail("features were computed"))
    data = {name: rows(lambda x, _: x[:, 0], start) for start, name in enumerate(("one", "other"))}
    with pytest.raises(UsageError, match=r"nothing in the network learns.*strategy='partial'"):
        found(data, strategy="linear_probe")


def test_tasks_without_validation_rows_are_refused() -> None:
    data = {name: rows(lambda x, _: x[:, 0], start) for start, name in enumerate(("one", "other"))}
    with pytest.raises(UsageError, match="no validation rows of one, other"):
        found(data, validation=0.0)


def test_tasks_with_the_same_labels_agree_and_those_at_random_stay_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find_affinity, "seconds_of", lambda setup: (0.0, 1e9))  # no time for any training
    table = pd.DataFrame(rows(lambda x, _: x[:, 0])[0], columns=list("abcd"))
    first = np.where(table["a"] * table["b"] > 0, "p", "q")
    chance = np.random.default_rng(5).permutation(first)
    table = table.assign(one=first, same=first, chance=chance)
    some = found(table, label="one,same,chance", input="a,b,c,d")
    assert some.tasks == ["one", "same", "chance"] and not some.gains
    assert some.agreement.cosine[0, 1] == pytest.approx(1, abs=1e-5)
    assert abs(some.agreement.cosine[0, 2]) < 0.5
    assert some.groups == [["one", "same"], ["chance"]]
    assert len(some.unmeasured) == 3
    assert some.rows == {"one": 15, "same": 15, "chance": 15}


@pytest.mark.slow
def test_tasks_of_one_rule_gain_by_each_other_and_one_of_chance_stays_alone() -> None:
    data = {
        name: {"train": rows(rule, start, 100), "validation": rows(rule, start + 500, 300)}
        for start, (name, rule) in enumerate(RULES.items(), 1)
    }
    some = found(data, strategy="full", steps=150, settings={"stages.0.lr": 3e-3})
    assert some.groups == [["one", "same"], ["chance"]]
    assert min(some.gains["one", "same"].gain, some.gains["same", "one"].gain) > 0.1
    assert some.gains["chance", "same"].gain < 0 and some.rows == dict.fromkeys(RULES, 300)


@pytest.mark.slow
def test_the_command_measures_pairs_and_writes_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    words = []
    for start, (name, rule) in enumerate(RULES.items()):
        x, y = rows(rule, start)
        pd.DataFrame(x, columns=list("abcd")).assign(label=y).to_csv(tmp_path / f"{name}.csv", index=False)
        words += ["--task", f"{name}={tmp_path / name}.csv"]
    page = tmp_path / "affinity.html"
    given = [*words, "--source", "vector:mlp", "--steps", "20", "--budget", "2m", "--out", str(page)]
    with pytest.raises(SystemExit) as ended:
        main(["affinity", *given, "-v"])
    shown = capsys.readouterr()
    assert ended.value.code == 0, shown.err
    assert "gain of a pair, %" in shown.out and "cosine of the gradients" in shown.out and "Learn " in shown.out
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    with pytest.raises(SystemExit):
        main(["affinity", *given, "--json"])
    plain = json.loads(capsys.readouterr().out)
    assert len(plain["gains"]) == 6 and plain["not_measured"] == [] and plain["steps"] == 20
    again = found({name: tmp_path / f"{name}.csv" for name in RULES}, steps=20, budget="2m")
    assert [each["gain"] for each in plain["gains"]] == [each.gain for each in again.gains.values()], "the same again"


def test_the_command_takes_tasks_or_a_table_and_a_page_in_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    for words, told in (
        ([], "Name tasks with their data"),
        (["--task", "one=a.csv", "--task", "other=b.csv", "--out", "a.png"], "name a page"),
        (["--task", "one=a.csv"], "takes two or more"),
        (["--task", "one=a.csv", "--task", "other=b.csv", "--budget", "soon"], "is no time"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["affinity", *words])
        assert ended.value.code == 2 and told in capsys.readouterr().err


def test_pairs_are_trained_in_the_order_of_the_agreement(monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[tuple[str, ...]] = []

    def train(setup: Any, names: tuple[str, ...]) -> dict[str, Rated]:
        trained.append(names)
        return {name: Rated(Score("mean_loss", 0.5, False), Score("accuracy", 0.5, True)) for name in names}

    monkeypatch.setattr(find_affinity, "trained", train)
    x, same = rows(lambda x, _: x[:, 0])
    chance = np.random.default_rng(5).permutation(same)
    table = pd.DataFrame(x, columns=list("abcd")).assign(one=same, chance=chance)
    some = found(table.assign(renamed=[{"p": "q", "q": "p"}[y] for y in same]), label="one,chance,renamed")
    assert some.agreement.cosine[0, 2] == pytest.approx(1, abs=1e-4), "the head takes up which class is which"
    assert trained[:4] == [("one",), ("renamed",), ("one", "renamed"), ("chance",)] and len(trained) == 6


def test_without_common_weights_a_helper_changes_nothing() -> None:
    data = {name: rows(lambda x, _: x[:, 0], start) for start, name in enumerate(("one", "other"))}
    words = {"source": "vector:mlp", "strategy": "linear_probe", "steps": 8}
    settings = {"stages.0.optimiser": "adamw", "stages.0.clip": 0.0}
    plan = for_pairs(recipe_of(words, settings=settings, tasks=dict.fromkeys(data)))
    dataset = begin(data, plan).dataset
    backbone = load_backbone(plan, dataset)
    planned = make_plan(plan, dataset, backbone=backbone)
    start, transform = build_model(planned.recipe, dataset, backbone), make_transform(backbone.card.input)
    setup = Setup(dataset, planned, start, transform, KnownFeatures(), Stop())
    alone, pair = trained(setup, ("one",)), trained(setup, ("one", "other"))
    assert alone["one"] == pair["one"], "the same start and the same batches"
