"""scikit-learn's own checks of what an estimator must do, on vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.utils.estimator_checks import parametrize_with_checks

import headstart as hs

SHORT = {"epochs": 5, "lr": 3e-3}

# Checks that are known to fail, by name, each with the reason. There are none.
EXPECTED_FAILURES: dict[str, str] = {}


@parametrize_with_checks(
    [hs.HeadstartClassifier(**SHORT), hs.HeadstartRegressor(**SHORT)],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
)
def test_scikit_learn_takes_it(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)
