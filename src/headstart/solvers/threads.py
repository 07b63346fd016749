"""How many threads numpy's and scipy's linear algebra takes: small matrices are solved on one.

L-BFGS asks for thousands of sums over short vectors. OpenBLAS divides each among all threads, which wait for each other
in between: on two busy cores a head on 397 rows of 1,280 features took 2.8 processor seconds, on one thread 0.2.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

SMALL = 10_000_000  # numbers in a matrix [N, D]
P = ParamSpec("P")
Result = TypeVar("Result")


@contextmanager
def one_thread() -> Iterator[None]:
    """Do linear algebra on one thread inside the block."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield


def alone_where_small(solve: Callable[Concatenate[Any, P], Result]) -> Callable[Concatenate[Any, P], Result]:
    """Let a function whose first argument is a matrix [N, D] do with one thread where that is small."""

    @functools.wraps(solve)
    def limited(features: Any, *args: P.args, **kwargs: P.kwargs) -> Result:
        if features.shape[0] * features.shape[1] > SMALL:
            return solve(features, *args, **kwargs)
        with one_thread():
            return solve(features, *args, **kwargs)

    return limited
