from __future__ import annotations

import math

import numpy as np
import pytest

from headstart.transferability._seen import Seen
from headstart.transferability.prior import Prior


def made(**known: float) -> Seen:
    return Seen(np.eye(2), np.array([0, 1]), **known)  # pyright: ignore[reportArgumentType]


def test_a_metric_of_the_source_goes_before_the_size() -> None:
    assert Prior().score(made(params=10**9, source_metric=0.5)) == 0.5
    assert Prior().score(made(source_metric=0.0)) == 0.0


def test_without_one_a_model_ten_times_as_large_has_a_tenth_more() -> None:
    assert Prior().score(made(params=10**7)) == pytest.approx(0.7)
    assert Prior().score(made(params=10**8)) == pytest.approx(0.8)


def test_where_neither_is_known_there_is_no_score() -> None:
    assert math.isnan(Prior().score(made()))
