from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from headstart.transferability.logme import LogME
from transferability.planted import seen


def test_it_is_the_greatest_log_evidence_of_the_gaussian_that_the_model_implies() -> None:
    given = seen("values", rows=40, width=6)
    found = []
    for y in given.columns.T:

        def lost(logs: np.ndarray, y: np.ndarray = y) -> float:
            alpha, beta = np.exp(logs)
            covariance = np.eye(len(y)) / beta + given.features @ given.features.T / alpha
            return -multivariate_normal(np.zeros(len(y)), covariance).logpdf(y)

        found.append(-minimize(lost, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10}).fun)
    assert LogME().score(given) == pytest.approx(np.mean(found) / len(given), abs=1e-6)


def test_turning_the_features_changes_nothing() -> None:
    given = seen()
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(given.features.shape[1],) * 2))[0]
    turned = type(given)(given.features @ turn, given.labels)
    assert LogME().score(turned) == pytest.approx(LogME().score(given), rel=1e-9)
