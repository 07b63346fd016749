"""One class and features that never vary give NaN, or the value that the definition has, and no warning."""

from __future__ import annotations

import math

import numpy as np
import pytest

from headstart.core import plugins
from headstart.transferability._seen import Seen
from transferability.planted import seen

NONE = math.nan
# one class; features that never vary
EXPECTED = {
    "h_score": (0.0, 0.0),
    "h_score_shrunk": (0.0, NONE),
    "transrate": (0.0, NONE),
    "gbc": (NONE, NONE),
    "sfda": (NONE, NONE),
    "parc": (NONE, NONE),
    "interclass_distance": (NONE, NONE),
    "concept_variation": (0.0, NONE),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_one_class(name: str) -> None:
    given = seen()
    score = plugins.build("transferability", name, {}).score(Seen(given.features, np.zeros(len(given), int)))
    assert score == pytest.approx(EXPECTED[name][0], abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("value", [0.0, 0.1])
def test_features_that_never_vary(name: str, value: float) -> None:
    given = seen()
    score = plugins.build("transferability", name, {}).score(Seen(np.full((len(given), 5), value), given.labels))
    assert score == pytest.approx(EXPECTED[name][1], abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("name", EXPECTED)
def test_two_rows(name: str) -> None:
    score = plugins.build("transferability", name, {}).score(Seen(np.array([[0.0, 1.0], [1.0, 3.0]]), np.array([0, 1])))
    assert isinstance(score, float)
