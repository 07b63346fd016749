"""Resamples of rows, or of groups of rows (Efron 1979), and the comparison of two predictions on the same resamples.

Resample r of N rows is a function of the seed, r and N alone, so that two models are measured on the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from headstart.core.errors import UsageError
from headstart.core.ranges import check_numbers
from headstart.core.seeding import numpy_generator
from headstart.core.types import Labels, Target
from headstart.evaluation.intervals import difference_interval, spread_interval
from headstart.evaluation.measure import Measure, measure, measured, values
from headstart.evaluation.results import Comparison, McNemar
from headstart.metrics._bases import ShareOfRows
from headstart.metrics._find import suited

CELLS = 1_000_000  # of weights that are held at a time: 8 MB, near a processor's cache
WORK = 2_000_000_000  # rows x outputs x resamples beyond which fewer resamples are drawn: tens of seconds
FEWEST = 200


def paired(
    target: Target,
    labels: Labels,
    outputs_a: np.ndarray,
    outputs_b: np.ndarray,
    *,
    seed: int = 0,
    resamples: int = 1000,
    level: float = 0.95,
    groups: Sequence[str] | None = None,
    thresholds: tuple[Mapping[str, float] | None, Mapping[str, float] | None] = (None, None),
) -> Comparison:
    """Compare two predictions of the same rows: b minus a for each metric, each pair on the same resamples.

    Args:
        target: What was predicted.
        labels: Labels of N rows.
        outputs_a: Probabilities [N, C] or values [N, T].
        outputs_b: The others, in the same order.
        seed: Seed of the resamples.
        resamples: How many.
        level: Level of the intervals, such as 0.95.
        groups: As `evaluate` takes them.
        thresholds: Those of the first and of the second, as `evaluate` takes them.

    Returns:
        The differences with intervals; where each row has one decision, McNemar's exact test too.

    Raises:
        DataError: Arrays do not fit the target or hold impossible values.
        UsageError: `resamples` or `level` is out of range.
    """
    count, notes = planned(len(labels), target.outputs, resamples, level)
    both = [
        measured(target, labels, outputs, limits)
        for outputs, limits in zip((outputs_a, outputs_b), thresholds, strict=True)
    ]
    a, b = (measure(found) for found in both)

    def difference(weights: np.ndarray) -> dict[str, np.ndarray]:
        first, second = a(weights), b(weights)
        return {name: second[name] - first[name] for name in first}

    places = group_places(groups)
    spread = sampled(difference, len(labels), seed=seed, resamples=count, groups=places)
    found, known = values(both[0], difference), suited(both[0])
    differences, details = {}, list(notes)
    for name, value in found.items():
        differences[name], missing = spread_interval(value, spread.get(name, np.empty(0)), level)
        if missing:
            details.append(f"{name}: {missing}")
        metric = known[name]
        if isinstance(metric, ShareOfRows) and groups is None and not np.array_equal(outputs_a, outputs_b) and count:
            (right_a, among_a), (right_b, among_b) = (metric.counted(each) for each in both)
            if among_a.all() and among_b.all():
                differences[name] = difference_interval(right_a, right_b, level)
    decided = both[0].decisions
    test = None if decided is None or decided.ndim > 1 else mcnemar(both[0].right, both[1].right)
    better = {name: metric.higher_is_better for name, metric in known.items()}
    return Comparison(target.primary, differences, test, better, len(labels), level, details=details)


def mcnemar(right_a: np.ndarray, right_b: np.ndarray) -> McNemar:
    """Test whether two classifiers are right equally often (McNemar 1947; exact binomial form).

    Args:
        right_a: Which rows the first decides rightly, [N] bool.
        right_b: The same of the second.

    Returns:
        The rows that only one decides rightly, and the two-sided p value; 1 where there is none.
    """
    from scipy.stats import binomtest

    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    p = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    return McNemar(only_a, only_b, float(p))


def planned(rows: int, outputs: int, resamples: int, level: float) -> tuple[int, list[str]]:
    """Settle how many resamples are drawn.

    Args:
        rows: N.
        outputs: C or T.
        resamples: How many are asked for; 0 gives no intervals.
        level: Level of the intervals.

    Returns:
        How many are drawn, and details on why they are fewer.

    Raises:
        UsageError: A number is out of range.
    """
    check_numbers({"resamples": resamples})
    if not 0 < level < 1:
        raise UsageError(f"level is a share between 0 and 1, such as 0.95; got {level}.")
    if rows < 2:
        return 0, ["There is only one row: only shares of rows have an interval."] if resamples else []
    count = min(resamples, max(FEWEST, WORK // (rows * outputs)))
    fewer = f"Intervals are from {count} resamples, not {resamples}: the data is large."
    return count, [fewer] if count < resamples else []


def sampled(
    compute: Measure, rows: int, *, seed: int, resamples: int, groups: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Compute metrics on resamples, in chunks that fit the cache.

    Args:
        compute: A function from weights [N, R] to metrics [R].
        rows: N.
        seed: Seed of the resamples.
        resamples: How many; 0 gives an empty dict.
        groups: The place of each row's group, [N]; None lets every row be alone.

    Returns:
        Each metric on all resamples, [resamples].
    """
    step = max(1, CELLS // rows)
    chunks = [
        compute(weights(rows, range(s, min(s + step, resamples)), seed, groups)) for s in range(0, resamples, step)
    ]
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in (chunks[0] if chunks else ())}


def weights(rows: int, resamples: range, seed: int, groups: np.ndarray | None = None) -> np.ndarray:
    """Count how often each row is drawn in each of these resamples, [N, R] float64; whole groups are drawn."""
    units = rows if groups is None else int(groups.max()) + 1
    counted = _kept if units * len(resamples) <= CELLS else _counts
    counts = counted(units, resamples, seed)
    return counts if groups is None else counts[groups]


def _counts(units: int, resamples: range, seed: int) -> np.ndarray:
    """Draw units with replacement, and count how often each is there, [units, R]."""
    counts = np.empty((len(resamples), units))
    for place, number in enumerate(resamples):
        drawn = numpy_generator(seed, "bootstrap", number).integers(0, units, units)
        counts[place] = np.bincount(drawn, minlength=units)
    found = np.ascontiguousarray(counts.T)
    found.flags.writeable = False
    return found


# Each metric, model and baseline is measured on the same resamples: those of few rows are drawn once.
_kept = lru_cache(maxsize=4)(_counts)


def group_places(groups: Sequence[str] | None) -> np.ndarray | None:
    """Number the groups, [N]; None where every row is alone."""
    if groups is None:
        return None
    names, places = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    return None if len(names) == len(places) else places
