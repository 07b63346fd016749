from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from headstart.transferability._seen import Seen
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


def test_features_that_are_all_0_have_no_score() -> None:
    assert np.isnan(LogME().score(Seen(np.zeros((12, 3)), np.arange(12) % 3)))


def test_labels_are_scored_one_by_one_and_a_constant_one_does_not_hold_up_the_others() -> None:
    given = seen("values")
    alone = [LogME().score(Seen(given.features, column, "values")) for column in given.columns.T]
    constant = LogME().score(Seen(given.features, np.zeros(len(given)), "values"))
    labels = np.concatenate([given.columns, np.zeros((len(given), 1))], axis=1)
    together = LogME().score(Seen(given.features, labels, "values"))
    assert together == pytest.approx(np.mean([*alone, constant]), rel=1e-6)
