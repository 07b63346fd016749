"""What every transferability score must do. Scores are found by themselves: a new file is tested unlisted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from headstart.core import plugins
from headstart.transferability._seen import Seen
from transferability.planted import seen

NAMES = plugins.names("transferability")
OF_THE_CARD = ("prior",)  # sees no rows
CASES = [(name, form) for name in NAMES for form in plugins.load("transferability", name).forms]  # pyright: ignore[reportAttributeAccessIssue]
OF_ROWS = [(name, form) for name, form in CASES if name not in OF_THE_CARD]


def build(name: str) -> Any:
    return plugins.build("transferability", name, {})


def other(of: Seen, features: np.ndarray, labels: np.ndarray, places: np.ndarray | None = None) -> Seen:
    source = of.source if places is None or of.source is None else of.source[places]
    return Seen(features, labels, of.form, source=source, params=of.params, source_metric=of.source_metric)


@pytest.mark.parametrize(("name", "form"), CASES)
def test_a_score_is_a_finite_float(name: str, form: str) -> None:
    score = build(name).score(seen(form))
    assert isinstance(score, float)
    assert math.isfinite(score)


@pytest.mark.parametrize(("name", "form"), CASES)
def test_fewer_rows_than_columns_are_scored_too(name: str, form: str) -> None:
    assert math.isfinite(build(name).score(seen(form, rows=30, width=64)))


@pytest.mark.parametrize(("name", "form"), OF_ROWS)
def test_features_that_tell_the_labels_score_higher(name: str, form: str) -> None:
    won = [
        build(name).score(seen(form, seed=s)) > build(name).score(seen(form, seed=s, shuffled=True)) for s in range(8)
    ]
    assert sum(won) >= 7


@pytest.mark.parametrize(("name", "form"), CASES)
def test_the_order_of_rows_does_not_matter(name: str, form: str) -> None:
    given = seen(form)
    places = np.random.default_rng(1).permutation(len(given))
    turned = other(given, given.features[places], given.labels[places], places)
    assert build(name).score(turned) == pytest.approx(build(name).score(given), rel=1e-6)


@pytest.mark.parametrize("name", [name for name, form in OF_ROWS if form == "classes"])
def test_the_order_of_classes_does_not_matter(name: str) -> None:
    given = seen()
    renamed = other(given, given.features, np.array([2, 0, 1])[given.labels])
    assert build(name).score(renamed) == pytest.approx(build(name).score(given), rel=1e-6)


@pytest.mark.parametrize(("name", "form"), OF_ROWS)
def test_what_is_computed_is_the_same_each_time(name: str, form: str) -> None:
    assert build(name).score(seen(form)) == build(name).score(seen(form))


@pytest.mark.parametrize(("name", "form"), OF_ROWS)
def test_a_feature_that_never_varies_breaks_nothing(name: str, form: str) -> None:
    given = seen(form)
    widened = np.concatenate([given.features, np.zeros((len(given), 2)), np.ones((len(given), 1))], axis=1)
    assert math.isfinite(build(name).score(other(given, widened, given.labels)))


@pytest.mark.parametrize("name", [name for name, form in OF_ROWS if form == "classes"])
def test_a_class_of_one_row_breaks_nothing(name: str) -> None:
    given = seen()
    labels = given.labels.copy()
    labels[0] = 9
    assert math.isfinite(build(name).score(other(given, given.features, labels)))
