"""Folds: every row is tested once a repeat, classes are shared out, groups stay together."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from headstart.core.errors import DataError, UsageError
from headstart.evaluation.folds import folds, pool_folds

Y = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [60, 30, 10]))


@pytest.mark.parametrize("stratified", [True, False])
@pytest.mark.parametrize("grouped", [False, True])
def test_each_row_is_tested_once_a_repeat(stratified, grouped):
    groups = np.arange(100) // 2 if grouped else None
    parts = list(folds(100, k=5, repeats=2, seed=0, strata=Y if stratified else None, groups=groups))
    assert len(parts) == 10
    for repeat in (parts[:5], parts[5:]):
        assert np.array_equal(np.sort(np.concatenate([test for _, test in repeat])), np.arange(100))
    for train, test in parts:
        assert not set(train) & set(test) and len(train) + len(test) == 100
        if groups is not None:
            assert not set(groups[train]) & set(groups[test])
    assert not np.array_equal(parts[0][1], parts[5][1])


def test_classes_are_shared_out():
    for _, test in folds(100, k=5, repeats=1, seed=0, strata=Y):
        assert np.bincount(Y[test]).tolist() == [12, 6, 2]


def test_folds_are_a_function_of_the_seed():
    def tests(seed: int, repeats: int) -> list[list[int]]:
        return [test.tolist() for _, test in folds(100, k=5, repeats=repeats, seed=seed, strata=Y)]

    assert tests(1, 2) == tests(1, 3)[:10]
    assert tests(1, 1) != tests(2, 1)


def test_too_few_rows_are_refused():
    with pytest.raises(DataError, match="class 2 has 10"):
        folds(100, k=11, repeats=1, seed=0, strata=Y)
    with pytest.raises(DataError, match="class moth has 10"):
        folds(100, k=11, repeats=1, seed=0, strata=Y, names=("ant", "bee", "moth", "wasp", "fly"))
    with pytest.raises(DataError, match="3 groups"):
        folds(100, k=5, repeats=1, seed=0, groups=np.arange(100) % 3)
    with pytest.raises(DataError, match="4 rows"):
        folds(4, k=5, repeats=1, seed=0)
    with pytest.raises(UsageError, match="folds=1"):
        folds(100, k=1, repeats=1, seed=0, strata=Y)


def test_pooling_widens_the_naive_interval():
    values = [0.90, 0.92, 0.88, 0.91, 0.93]
    got = pool_folds(values, train_rows=80, test_rows=20)
    half = stats.t.ppf(0.975, 4) * np.std(values, ddof=1) * np.sqrt(1 / 5 + 1 / 4)
    assert (got.value, got.low, got.high) == pytest.approx((0.908, 0.908 - half, 0.908 + half))
    assert pool_folds([0.5], train_rows=80, test_rows=20).low is None


@pytest.mark.parametrize("values", [[], [0.5, float("nan")]])
def test_values_that_cannot_be_pooled_are_refused(values):
    with pytest.raises(UsageError):
        pool_folds(values, train_rows=80, test_rows=20)
