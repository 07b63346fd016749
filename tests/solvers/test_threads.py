from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from headstart.solvers import logistic, ridge, threads
from headstart.solvers.logistic import Problem
from headstart.solvers.threads import alone_where_small


def blas() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def two() -> Iterator[None]:
    with threadpool_limits(2, user_api="blas"):
        if blas() != {2}:
            pytest.skip("the linear algebra of this machine takes one thread only")
        yield


def test_a_small_matrix_is_solved_on_one_thread_and_a_large_one_on_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "SMALL", 10)

    def ask(features: np.ndarray) -> set[int]:
        return blas()

    seen = alone_where_small(ask)
    assert seen(np.zeros((5, 2))) == {1} and seen(np.zeros((6, 2))) == {2} and blas() == {2}


@pytest.mark.parametrize("solver", ["logistic", "ridge"])
def test_the_solvers_do_so(solver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[int]] = []
    module = {"logistic": logistic, "ridge": ridge}[solver]
    plain = module.prepare
    monkeypatch.setattr(module, "prepare", lambda *given: seen.append(blas()) or plain(*given))
    features, labels = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
    if solver == "logistic":
        logistic.logistic(features, Problem(np.eye(2)[labels], np.ones((20, 1)), "softmax"), seed=0)
    else:
        ridge.ridge(features, labels[:, None].astype(float), seed=0)
    assert seen and set(map(frozenset, seen)) == {frozenset({1})}
