"""How often intervals hold the truth: rows are drawn from a world that is known, again and again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from headstart.evaluation.bootstrap import sampled
from headstart.evaluation.intervals import spread_interval
from headstart.metrics._find import load
from headstart.metrics._measured import Measured
from metrics.cases import measured

World = Callable[[np.random.Generator, int], Measured]  # draws rows


def classes(width: int, *, even: bool, right: float = 0.8) -> World:
    """Make a world of classes of which each has its own recall and four others that it is taken for.

    `even`: as many rows of each class, else 1 / rank as many, and of each class at least one.
    """
    rng = np.random.default_rng(1)
    recall = rng.beta(6 * right, 6 * (1 - right), width)
    others = [rng.choice(np.delete(np.arange(width), c), min(4, width - 1), replace=False) for c in range(width)]
    share = np.ones(width) if even else 1 / np.arange(1, width + 1)

    def draw(rng: np.random.Generator, rows: int) -> Measured:
        sizes = np.maximum(1, np.round(share / share.sum() * rows)).astype(int)
        labels = np.repeat(np.arange(width), sizes)
        wrong = np.array([rng.choice(others[c]) for c in labels])
        decided = np.where(rng.random(len(labels)) < recall[labels], labels, wrong)
        return Measured("classes", tuple(f"c{i}" for i in range(width)), labels, np.empty((len(labels), 0)), decided)

    return draw


def confident(width: int, *, even: bool, over: float) -> World:
    """Make a world of probabilities that are `over` times as sure, in logits, as they should be."""
    share = np.ones(width) if even else 1 / np.arange(1, width + 1)

    def draw(rng: np.random.Generator, rows: int) -> Measured:
        scores = rng.normal(size=(rows, width)) * 1.5 + np.log(share)
        true = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        labels = (rng.random(rows)[:, None] > true.cumsum(axis=1)).sum(axis=1).clip(0, width - 1)
        said = np.exp(over * scores)
        return measured("classes", labels, said / said.sum(axis=1, keepdims=True))

    return draw


def numbers(rng: np.random.Generator, rows: int) -> Measured:
    """Draw numbers that are predicted with noise as large as they vary."""
    labels = rng.normal(size=(rows, 1))
    return measured("values", labels, labels + rng.normal(size=(rows, 1)))


def coverage(name: str, world: World, rows: int, *, trials: int, resamples: int = 200, truth: float | None = None):
    """Return how often 95 % intervals hold the truth, and how often they hold their value.

    The truth is what the metric is on average for so many rows (of other trials), unless it is given.
    """
    metric, found = load(name), []
    if truth is None:
        others = (world(np.random.default_rng([7, trial]), rows) for trial in range(400))
        truth = float(np.nanmean([metric.weighted(m)(m.unit)[0] for m in others]))
    for trial in range(trials):
        rows_of = world(np.random.default_rng(trial), rows)
        compute = metric.weighted(rows_of)
        spread = sampled(lambda w, c=compute: {name: c(w)}, len(rows_of.labels), seed=trial, resamples=resamples)
        made, _ = spread_interval(float(compute(rows_of.unit)[0]), spread[name], 0.95, metric.limits)
        assert made.value is not None and made.low is not None and made.high is not None
        found.append((made.low <= truth <= made.high, made.low <= made.value <= made.high, made.high - made.low))
    return np.mean(found, axis=0)
