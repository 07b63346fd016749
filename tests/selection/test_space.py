"""More candidates are drawn around the defaults, by what the trials have shown and by nothing else."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from headstart.core.choice import Choice
from headstart.core.offer import Offer
from headstart.core.recipe import DataPlan, Recipe
from headstart.data.read import read
from headstart.data.rows import Dataset
from headstart.selection.candidates import METHODS, Candidate, Range, candidates
from headstart.selection.journal import Trial
from headstart.selection.space import Space

OFFERS = [Offer("timm:one"), Offer("timm:two")]


def data(labels: Any) -> Dataset:
    return read((np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32), labels), DataPlan())


OPTIONS = {"l2_sp": {"alpha": 0.1}, "layerwise_lr": {"decay": 0.75}, "lora": {"rank": 8}}  # as a plan fills them in
CLASSES = [f"c{row % 4}" for row in range(40)]


@pytest.fixture
def photos(monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """Rows that are said to be pictures: only what may be drawn is asked for."""
    found = data(CLASSES)
    return dataclasses.replace(found, task=dataclasses.replace(found.task, modality="image"))


def space(rows: Dataset, recipe: Recipe | None = None) -> Space:
    recipe = recipe or Recipe()
    return Space(recipe, rows, candidates(recipe, OFFERS))


def trial(number: int, candidate: Candidate, expected: float | None, augment: str = "weak") -> Trial:
    recipe = candidate.recipe(Recipe()).to_plain()
    stage = recipe["stages"][-1]
    stage |= {
        "augment": augment,
        "objective": {"label_smoothing": 0.0, **stage["objective"]},
        "strategy": {**OPTIONS.get(candidate.method.strategy, {}), **stage["strategy"]},
    }
    return Trial(
        number,
        candidate,
        recipe,
        0,
        1.0,
        [{"step": 1, "expected": expected, "score": None, "seconds": 1.0, "over": True}],
    )


def test_what_is_drawn_lies_in_its_range_and_makes_a_recipe(photos: Dataset) -> None:
    drawn = space(photos).drawn([], 40)
    assert {one.method.strategy for one in drawn} == {method.strategy for method in METHODS}
    assert {one.settings["augment"] for one in drawn} == {"plain", "mirror", "weak", "strong"}
    assert len({one.rate for one in drawn}) > 20 and all(
        0.3 <= one.rate <= 3 and 0.5 <= one.length <= 2 for one in drawn
    )
    for one in drawn:
        ranges = {path: values for path, values in one.method.ranges.items() if isinstance(values, Range)}
        assert all(values.low <= one.settings[path] <= values.high for path, values in ranges.items())
        stage = one.recipe(Recipe()).stages[-1]
        assert stage.augment == one.settings["augment"]
        assert stage.objective.options["label_smoothing"] == one.settings["objective.label_smoothing"]
        if stage.strategy is not None and stage.strategy.name == "l2_sp":
            assert (
                stage.strategy.options["alpha"] == one.settings["strategy.alpha"] and "weight_decay" not in one.settings
            )
        assert Candidate.from_plain(one.to_plain()) == one
    assert ", rate x " in drawn[0].name and "augment=" in drawn[0].name


def test_data_that_is_shown_in_one_way_and_has_no_classes_leaves_both_out() -> None:
    drawn = space(data(np.linspace(0.0, 1.0, 40))).drawn([], 3)
    assert all({"augment", "objective.label_smoothing"}.isdisjoint(one.settings) for one in drawn)


def test_what_the_user_named_stays(photos: Dataset) -> None:
    named = Recipe().with_settings(
        {
            "stages.0.lr": 1e-3,
            "stages.0.epochs": 3,
            "stages.0.augment": "mirror",
            "stages.0.weight_decay": 0.2,
            "stages.0.objective": "supervised label_smoothing=0.3",
            "stages.0.strategy": "lora rank=2",
        }
    )
    (one,) = space(photos, named).drawn([], 1)
    assert (one.rate, one.length, dict(one.settings)) == (1.0, 1.0, {})
    stage = one.recipe(named).stages[-1]
    assert stage.strategy == Choice("lora", {"rank": "2"}) and stage.weight_decay == 0.2


def test_the_trials_and_the_seed_decide(photos: Dataset) -> None:
    seen = [trial(place, one, 0.1 * place) for place, one in enumerate(space(photos).candidates)]
    first = space(photos).drawn(seen, 3)
    assert first == space(photos).drawn(seen, 3) and first[0] != first[1]
    assert first != space(photos, Recipe(seed=1)).drawn(seen, 3)
    better = [dataclasses.replace(one, rungs=[{**one.rungs[0], "expected": -one.rungs[0]["expected"]}]) for one in seen]
    assert first != space(photos).drawn(better, 3)


def test_draws_follow_what_did_well(photos: Dataset) -> None:
    some = space(photos).drawn([], 30)
    seen = [
        trial(place, one, float(one.method.strategy != "lora"), one.settings["augment"])
        for place, one in enumerate(some)
    ]
    drawn = space(photos).drawn([*seen, trial(30, some[0], None)], 12)
    assert sum(one.method.strategy == "lora" for one in drawn) > 6


def test_a_source_that_is_lost_in_varied_rows_gets_plain_ones(photos: Dataset) -> None:
    seen = [trial(0, Candidate(OFFERS[0], METHODS[0]), 0.1, augment="plain")]
    drawn = space(photos).drawn(seen, 30)
    assert {one.settings["augment"] for one in drawn if one.offer == OFFERS[0]} == {"plain"}
    assert len({one.settings["augment"] for one in drawn if one.offer == OFFERS[1]}) > 1
