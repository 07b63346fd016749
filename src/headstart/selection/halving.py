"""Successive halving: which trial goes on, how far, and which ones end (Jamieson & Talwalkar 2016, AISTATS).

All trials of a bracket train to a part of their length; the better half goes on, and again the better half of these to
the end. Each goes on where it was. The first one, which experience speaks for most, ends early only where it is behind
by more than noise: slow starters often end well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from headstart.selection.journal import Trial

MANY = (0.25, 0.5, 1.0)  # shares of a trial's steps, at which it waits to be compared
FEW = (0.5, 1.0)  # the same of fewer trials than `LEAST_MANY`
LEAST_MANY = 5
NOISE = 2.0  # standard errors of a difference
MOST = 8  # trials in a bracket
LEAST_LENGTH = 0.5  # of the usual length: fewer trials of at least this length are better than more that are shorter
ENOUGH_PASSES, LEAST_PASSES = 8, 2  # over the training rows, where half of the usual length is too dear for any


class Plan(NamedTuple):
    """How many candidates a bracket takes, and which share of their usual length they get."""

    count: int
    length: float


def afford(
    costs: Sequence[float], passes: Sequence[float], allowed: float, *, again: float = 0.0, shorter: bool = True
) -> Plan | None:
    """Choose how many candidates of a list to try, and how long.

    Args:
        costs: Seconds of each at its usual length, in the order in which they would be tried.
        passes: Over the training rows at its usual length, of each.
        allowed: Seconds.
        again: How often the first candidate is to be trained once more, to tell it from the probe.
        shorter: Whether less than half of the usual length is better than nothing.

    Returns:
        The most candidates that get half of their usual length or more, else the most that get `ENOUGH_PASSES`, else
        one, where it gets `LEAST_PASSES`; None where not even one does.
    """
    counts = range(min(MOST, len(costs)), 0, -1)
    plans = [Plan(count, min(1.0, allowed / (spent(costs[:count]) + again * costs[0]))) for count in counts]

    def first(least: float, plans: Sequence[Plan]) -> Plan | None:
        long = [plan for plan in plans if plan.length * min(passes[: plan.count]) >= min(least, *passes[: plan.count])]
        return long[0] if long else None

    usual = [plan for plan in plans if plan.length >= LEAST_LENGTH]
    if not shorter:
        return first(LEAST_PASSES, usual)
    return first(LEAST_PASSES, usual) or first(ENOUGH_PASSES, plans) or first(LEAST_PASSES, plans[-1:])


def fractions(count: int) -> tuple[float, ...]:
    """Return the shares of its steps at which each of so many trials waits."""
    return MANY if count >= LEAST_MANY else FEW


def spent(costs: Sequence[float]) -> float:
    """Return the seconds of a bracket, where the dearest are the ones that go on."""
    dearest, total, before = sorted(costs, reverse=True), 0.0, 0.0
    for rung, fraction in enumerate(fractions(len(costs))):
        total += (fraction - before) * sum(dearest[: survivors(len(costs), rung)])
        before = fraction
    return total


def survivors(count: int, rung: int) -> int:
    """Return how many of a bracket's trials take part in a rung."""
    return max(1, math.ceil(count / 2**rung))


def at_rung(trials: Sequence[Trial], rung: int) -> list[Trial]:
    """Return the trials that have to reach a rung still: they have been through all before it, and have not ended."""
    return [trial for trial in trials if not trial.ended and not trial.over and len(trial.rungs) == rung]


def losers(trials: Sequence[Trial], rung: int) -> list[Trial]:
    """Return the trials that end after a rung: by the loss that they are expected to come to, the worse half, but the
    first trial of all where it is not behind by more than noise.

    Args:
        trials: All of a bracket, in order.
        rung: That every trial which has not ended went through.

    Returns:
        Those that have to end.
    """
    alive = [trial for trial in trials if not trial.ended]
    order = sorted(alive, key=lambda trial: (_expected(trial), trial.number))
    lost = order[survivors(len(trials), rung + 1) :]
    first, best = trials[0], order[0].score if order else None
    if first in lost and first.score is not None and best is not None:
        behind = best.ahead_of(first.score) > NOISE * best.noise_beside(first.score)
        lost = lost if behind else [trial for trial in lost if trial is not first]
    return lost


def _expected(trial: Trial) -> float:
    return math.inf if trial.expected is None else trial.expected
