"""Metrics under weights of the rows, for many resamples at once: what the bootstrap calls a thousand times.

A resample of N rows is the count of each row, a weight. All of them together are a matrix [N, R], and
each metric becomes sums under it. At equal weights each equals its namesake in `points.py`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from headstart.core.types import Task
from headstart.evaluation.calibration import BINS, bin_places
from headstart.evaluation.points import row_log_loss
from headstart.evaluation.weighted_ranks import RankMeasure, correlation, ranking, ranks, ratio, squares

Weights = np.ndarray  # [N, R] float64
Measure = Callable[[Weights], dict[str, np.ndarray]]  # gives [R] for each metric, NaN where undefined


def measure(task: Task, y: np.ndarray, p: np.ndarray, decided: np.ndarray | None) -> Measure:
    """Prepare what does not depend on the weights: sorting and counting are done once.

    Args:
        task: What was predicted.
        y: Labels as `checks.checked` gives them.
        p: Probabilities [N, C] or values [N, T], from there too.
        decided: Decisions [N] or [N, C] of a task with classes.

    Returns:
        A function from weights [N, R] to metrics.
    """
    if decided is None:
        return _regression(y, p)
    return _multilabel(y, p, decided) if task.kind == "multilabel" else _single_class(y, p, decided)


def _single_class(y: np.ndarray, p: np.ndarray, decided: np.ndarray) -> Measure:
    classes = p.shape[1]
    binary = classes == 2
    hit = (y == decided).astype(np.float64)
    in_label, in_decision = _places(y, classes), _places(decided, classes)
    in_both = _places(y, classes, hit)
    top = p.max(axis=1)
    in_bin = _places(bin_places(top), BINS, (p.argmax(axis=1) == y) - top)
    columns = [1] if binary else range(classes)
    rankings = [ranking(y == c, p[:, c]) for c in columns]
    share = p / p.sum(axis=1, keepdims=True)
    square = (p[:, 1] - y) ** 2 if binary else ((share - np.eye(classes)[y]) ** 2).sum(axis=1)
    row_values = np.stack([row_log_loss(y, p), square])  # [2, N]

    def compute(weights: Weights) -> dict[str, np.ndarray]:
        total = weights.sum(axis=0)
        support, chosen, hits = (np.asarray(m @ weights) for m in (in_label, in_decision, in_both))  # each [C, R]
        seen = support + chosen > 0
        f1 = ratio(2 * hits, support + chosen)
        parts = {"precision": ratio(hits, chosen), "recall": ratio(hits, support), "f1": f1}
        log_loss, brier = row_values @ weights / total
        out = {"accuracy": hits.sum(axis=0) / total, "balanced_accuracy": _mean(parts["recall"])}
        out |= {f"{name}_macro": _mean(np.where(seen, np.nan_to_num(part), np.nan)) for name, part in parts.items()}
        out |= {"log_loss": log_loss, "brier": brier, "ece": np.abs(np.asarray(in_bin @ weights)).sum(axis=0) / total}
        if binary:
            out |= {name: part[1] for name, part in parts.items()}
        return out | _rank_means(rankings, weights)

    return compute


def _multilabel(y: np.ndarray, p: np.ndarray, decided: np.ndarray) -> Measure:
    classes = y.shape[1]
    columns = [sparse.csr_array(m.T.astype(np.float64)) for m in (y, decided, y * decided)]  # each [C, N]
    eps = np.finfo(np.float64).eps
    chance = np.clip(np.where(y == 1, p, 1 - p), eps, 1)
    wrong = y != decided
    row_values = np.stack([~wrong.any(axis=1), wrong.mean(axis=1), -np.log(chance).mean(axis=1)])  # [3, N]
    rankings = [ranking(y[:, c] == 1, p[:, c]) for c in range(classes)]

    def compute(weights: Weights) -> dict[str, np.ndarray]:
        support, chosen, hits = (np.asarray(column @ weights) for column in columns)
        subset, hamming, log_loss = row_values @ weights / weights.sum(axis=0)
        micro = ratio(2 * hits.sum(axis=0), support.sum(axis=0) + chosen.sum(axis=0))
        out = {"subset_accuracy": subset, "hamming_loss": hamming, "log_loss": log_loss, "f1_micro": micro}
        return out | {"f1_macro": _mean(ratio(2 * hits, support + chosen))} | _rank_means(rankings, weights)

    return compute


def _regression(y: np.ndarray, p: np.ndarray) -> Measure:
    error = p - y  # [N, T]
    absolute, squared = np.abs(error).T, (error**2).T
    pairs = list(zip(y.T, p.T, strict=True))
    ranked = [(ranks(a), ranks(b)) for a, b in pairs]

    def compute(weights: Weights) -> dict[str, np.ndarray]:
        total = weights.sum(axis=0)
        loss = squared @ weights  # [T, R]
        spread = np.stack([squares(a[:, None], weights) for a, _ in pairs])
        return {
            "mae": (absolute @ weights / total).mean(axis=0),
            "rmse": np.sqrt(loss / total).mean(axis=0),
            "r2": _mean(1 - ratio(loss, spread)),
            "spearman": _mean(np.stack([correlation(a(weights), b(weights), weights) for a, b in ranked])),
            "pearson": _mean(np.stack([correlation(a[:, None], b[:, None], weights) for a, b in pairs])),
        }

    return compute


def _places(places: np.ndarray, count: int, values: np.ndarray | None = None) -> sparse.csr_array:
    """Make the matrix [count, N] with each row's value (1 if none is given) at its place; what is 0 is left out."""
    data = np.ones(len(places)) if values is None else values
    keep = np.flatnonzero(data)
    return sparse.csr_array((data[keep], (places[keep], keep)), shape=(count, len(places)))


def _rank_means(rankings: list[RankMeasure], weights: Weights) -> dict[str, np.ndarray]:
    known = np.zeros((2, weights.shape[1]))
    sums = np.zeros((2, weights.shape[1]))
    for compute in rankings:
        values = np.stack(compute(weights))  # [2, R]
        known += ~np.isnan(values)
        sums += np.nan_to_num(values)
    auroc, precision = ratio(sums, known)
    return {"auroc": auroc, "average_precision": precision}


def _mean(values: np.ndarray) -> np.ndarray:
    """Average [C, R] over classes, leaving out NaN; NaN where nothing is left."""
    known = ~np.isnan(values)
    return ratio(np.nan_to_num(values).sum(axis=0), known.sum(axis=0))
