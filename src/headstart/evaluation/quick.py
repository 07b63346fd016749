"""The number of the validation rows by which training keeps its best step, its tie-break and its noise: cheap."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from headstart.core.types import Labels, Score, Target, Task
from headstart.data.rows import Rows
from headstart.evaluation.measure import measured
from headstart.metrics import _find

MEAN_LOSS = "mean_loss"  # the figure of several targets
GROUPS = 20  # of rows, each left out once to estimate the noise of a figure


def rated(task: Task, rows: Rows, outputs: Mapping[str, np.ndarray], least: int) -> Score:
    """Score the primary metric of the only target, or the mean loss of several, with its tie-break and its noise.

    Args:
        task: A task with at least one target.
        rows: With labels.
        outputs: Outputs by target.
        least: By fewer rows nothing is chosen.

    Returns:
        The score.
    """
    if len(task.predicted) > 1:
        return rated_by_loss(task, rows, outputs, least)
    ((name, target),) = task.predicted.items()
    found = score(target, rows.labels[name], outputs[name])
    parts: tuple[float, ...] = ()
    if math.isfinite(found[1]):
        weights = (_groups(len(rows))[:, None] != np.arange(min(GROUPS, len(rows)))).astype(np.float64)
        values = _find.load(found[0]).weighted(measured(target, rows.labels[name], outputs[name]))(weights)
        parts = tuple(float(value) for value in values)
    return Score(*found, mean_loss(task, rows, outputs), parts, _undecided(len(rows), least))


def rated_by_loss(task: Task, rows: Rows, outputs: Mapping[str, np.ndarray], least: int) -> Score:
    """Score the mean loss of the targets with its noise.

    Args:
        task: A task with at least one target.
        rows: With labels.
        outputs: Outputs by target.
        least: By fewer rows nothing is chosen.

    Returns:
        The score.
    """

    bare = rows.bare()

    def loss(kept: np.ndarray) -> float:
        return mean_loss(task, bare.take(kept), {name: values[kept] for name, values in outputs.items()})

    return jackknifed(MEAN_LOSS, False, len(rows), least, loss)


def jackknifed(
    name: str,
    higher_is_better: bool,
    rows: int,
    least: int,
    figure: Callable[[np.ndarray], float],
    what: str = "validation rows",
) -> Score:
    """Score a figure of rows with its noise.

    Args:
        name: What the figure is called.
        higher_is_better: Its direction.
        rows: How many there are.
        least: By fewer nothing is chosen.
        figure: Computes it from some of the rows, given by their places.
        what: Which rows, in words.

    Returns:
        The score.
    """
    groups = _groups(rows)
    left_out = range(min(GROUPS, rows) if rows > 1 else 0)
    parts = tuple(figure(np.flatnonzero(groups != group)) for group in left_out)
    return Score(name, figure(np.arange(rows)), higher_is_better, None, parts, _undecided(rows, least, what))


def mean_score(scores: Sequence[Score]) -> Score:
    """Average scores of the same rows, with their parts, so that the noise is that of the mean.

    Args:
        scores: At least one, of one metric.

    Returns:
        The score.
    """
    first = scores[0]
    losses = [score.loss for score in scores if score.loss is not None]
    return first._replace(
        value=float(np.mean([score.value for score in scores])),
        loss=float(np.mean(losses)) if losses else None,
        parts=tuple(float(part) for part in np.mean([score.parts for score in scores], axis=0)),
    )


def _groups(rows: int) -> np.ndarray:
    """Deal rows out to the groups in turn: as rows come class by class, each group gets of each."""
    return np.arange(rows) % GROUPS


def _undecided(rows: int, least: int, what: str = "validation rows") -> str:
    few = f"{rows} {what} are too few to choose a step by (fewer than {least})"
    return few if rows < least else ""


def score(target: Target, labels: Labels, outputs: np.ndarray) -> tuple[str, float, bool]:
    """Score outputs by the metric that the target selects steps by.

    Args:
        target: What was predicted.
        labels: Labels of N rows.
        outputs: Probabilities [N, C] or values [N, T].

    Returns:
        The metric's name, its value, and whether higher is better. The value is the worst there is (minus or
        plus infinity) where outputs are not finite or the metric is undefined: such a step is never the best.
    """
    name = target.selection(labels)
    metric = _find.load(name)
    value = math.nan
    if len(labels) and np.isfinite(outputs).all():
        value = _find.value(metric, measured(target, labels, outputs))
    worst = -math.inf if metric.higher_is_better else math.inf
    return name, value if math.isfinite(value) else worst, metric.higher_is_better


def score_all(task: Task, rows: Rows, outputs: Mapping[str, np.ndarray]) -> tuple[str, float, bool]:
    """Score all targets by one number: as `score` where there is one, else by the mean of their validation losses.

    Args:
        task: A task with at least one target.
        rows: With labels.
        outputs: Outputs by target.

    Returns:
        What the number is called, its value, and whether higher is better; the value is the worst there is where it
        is undefined.
    """
    if len(task.predicted) == 1:
        ((name, target),) = task.predicted.items()
        return score(target, rows.labels[name], outputs[name])
    return MEAN_LOSS, mean_loss(task, rows, outputs), False


def mean_loss(task: Task, rows: Rows, outputs: Mapping[str, np.ndarray]) -> float:
    """Average the validation losses of all targets of which some row has a label; infinite where one is not finite.

    Args:
        task: A task with at least one target.
        rows: With labels; each target's loss is of the rows that have its label.
        outputs: Decoded, by target.

    Returns:
        The mean, lower being better.
    """
    losses = [
        target.validation_loss(rows.labels_of(name), outputs[name][rows.places(name)])
        for name, target in rows.predicted(task).items()
    ]
    value = float(np.mean(losses)) if losses else math.inf
    return value if math.isfinite(value) else math.inf
