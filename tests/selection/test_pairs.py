"""Gains of pairs: paired with the task alone, in the order that is given, while there is time."""

from __future__ import annotations

import pytest

from headstart.core.types import Score
from headstart.selection.pairs import Gain, Rated, measured

PAIRS = [("a", "b"), ("b", "c"), ("a", "c")]


def rated(loss: float, *parts: float) -> Rated:
    return Rated(Score("mean_loss", loss, False, None, parts), Score("accuracy", 1 - loss, True))


class Bench:
    """Trainings of three seconds a task, in which every helper takes a tenth of the loss, and "c" doubles it."""

    def __init__(self) -> None:
        self.now, self.trained = 0.0, list[tuple[str, ...]]()

    def train(self, names: tuple[str, ...]) -> dict[str, Rated]:
        self.now += 3 * len(names)
        self.trained.append(names)
        factor = 1.0 if len(names) == 1 else 2.0 if "c" in names else 0.9
        return {name: rated(0.5 * factor) for name in names}

    def run(self, budget: float, seconds: float = 3.0) -> dict[tuple[str, str], Gain]:
        return measured(PAIRS, self.train, lambda: budget - self.now, lambda: self.now, seconds)


def test_each_task_is_trained_alone_once_and_each_pair_gives_both_gains() -> None:
    bench = Bench()
    gains = bench.run(100)
    assert bench.trained == [("a",), ("b",), ("a", "b"), ("c",), ("b", "c"), ("a", "c")]
    assert set(gains) == {*PAIRS, *((other, one) for one, other in PAIRS)}
    assert gains["a", "b"].gain == pytest.approx(0.1) and gains["c", "a"].gain == pytest.approx(-1)
    assert (gains["a", "b"].alone, gains["a", "b"].together) == (0.5, 0.55)


def test_the_budget_stops_before_a_pair_that_would_be_too_much() -> None:
    for budget, count in ((11.9, 0), (12, 1), (20.9, 1), (21, 2), (27, 3)):  # 12 s, then 9 s, then 6 s
        assert len(Bench().run(budget)) == 2 * count, budget


def test_what_a_training_took_takes_the_place_of_the_estimate() -> None:
    assert len(Bench().run(21, seconds=1.0)) == 4, "after the first pair 3 s a task are known"
    assert len(Bench().run(20.9, seconds=1.0)) == 2


def test_a_gain_has_the_error_of_the_paired_difference() -> None:
    alone, beside = rated(0.5, 0.48, 0.52), rated(0.4, 0.38, 0.42)
    assert Gain.of(alone, beside).error == pytest.approx(0, abs=1e-12), "the rows that are left out change both alike"
    noisy = Gain.of(alone, rated(0.52, 0.48, 0.56))
    assert noisy.gain == pytest.approx(-0.04)
    assert noisy.error == pytest.approx((0.5 * (2 * 0.02**2)) ** 0.5 / 0.5), "jackknife of -0.00 and -0.04, of 0.5"
    assert not noisy.harms and Gain.of(alone, rated(0.6, 0.58, 0.62)).harms and not Gain.of(alone, beside).harms
