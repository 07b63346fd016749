"""Metrics of all rows by scikit-learn; NaN where a metric is undefined.

Averages over classes ("macro") are scikit-learn's: over the classes that occur in labels or decisions.
A multi-class Brier score is the sum over classes (0 to 2), a binary one that of the positive class (0 to 1).
"""

from __future__ import annotations

import numpy as np

from headstart.core.types import Task
from headstart.evaluation.calibration import calibration_error
from headstart.evaluation.weighted_ranks import squares


def point_values(task: Task, y: np.ndarray, p: np.ndarray, decided: np.ndarray | None) -> dict[str, float]:
    """Compute every metric of a task.

    Args:
        task: What was predicted.
        y: Labels as `checks.checked` gives them.
        p: Probabilities [N, C] or values [N, T], from there too.
        decided: Decisions [N] or [N, C] of a task with classes.

    Returns:
        Values by name; NaN where undefined.
    """
    if decided is None:
        table = target_values(y, p)
        return {name: _mean(values) for name, values in table.items()}
    if task.kind == "multilabel":
        return _multilabel_values(y, p, decided)
    return _class_values(y, p, decided)


def class_table(task: Task, y: np.ndarray, p: np.ndarray, decided: np.ndarray | None) -> dict[str, dict[str, float]]:
    """Compute precision, recall, f1 and support by class; with several regression targets their metrics by target."""
    if decided is None:
        table = target_values(y, p) if len(task.labels) > 1 else {}
        return {label: {n: float(v[t]) for n, v in table.items()} for t, label in enumerate(task.labels) if table}
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(y, decided, labels=range(len(task.classes)), zero_division=np.nan)  # pyright: ignore[reportArgumentType]
    names = ("precision", "recall", "f1", "support")
    by_class = np.stack(columns, axis=1).tolist()  # pyright: ignore[reportArgumentType, reportCallIssue]
    return {name: dict(zip(names, row, strict=True)) for name, row in zip(task.classes, by_class, strict=True)}


def confusion_table(task: Task, y: np.ndarray, decided: np.ndarray | None) -> list[list[int]] | None:
    """Count rows by label (down) and decision (across); None where rows have no single class."""
    if decided is None or task.kind == "multilabel":
        return None
    from sklearn.metrics import confusion_matrix

    return confusion_matrix(y, decided, labels=np.arange(len(task.classes))).tolist()


def target_values(y: np.ndarray, p: np.ndarray) -> dict[str, np.ndarray]:
    """Compute the metrics of each regression target; y and p are [N, T], each result is [T]."""
    from scipy import stats
    from sklearn import metrics

    fixed_y, fixed_p = constant(y), constant(p)
    varying = ~(fixed_y | fixed_p)
    pairs = [(y[:, t], p[:, t]) if varying[t] else None for t in range(y.shape[1])]
    return {
        "mae": metrics.mean_absolute_error(y, p, multioutput="raw_values"),
        "rmse": metrics.root_mean_squared_error(y, p, multioutput="raw_values"),
        "r2": np.array([np.nan if f else metrics.r2_score(a, b) for a, b, f in zip(y.T, p.T, fixed_y, strict=True)]),
        "spearman": np.array([stats.spearmanr(*pair)[0] if pair else np.nan for pair in pairs]),
        "pearson": np.array([stats.pearsonr(*pair)[0] if pair else np.nan for pair in pairs]),
    }  # pyright: ignore[reportReturnType]


def constant(values: np.ndarray) -> np.ndarray:
    """Say of each column of [N, T] whether all its rows are the same, but for rounding."""
    unit = np.ones((len(values), 1))
    return np.array([squares(column[:, None], unit)[0] == 0 for column in values.T])


def row_log_loss(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Compute minus the log-probability of each row's class, [N], of rows [N, C] made to sum to 1."""
    chosen = np.take_along_axis(p, y[:, None], axis=1)[:, 0] / p.sum(axis=1)
    return -np.log(np.clip(chosen, np.finfo(np.float64).eps, 1))


def _class_values(y: np.ndarray, p: np.ndarray, decided: np.ndarray) -> dict[str, float]:
    from sklearn import metrics

    classes = np.arange(p.shape[1])
    normalised = p / p.sum(axis=1, keepdims=True)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(y, decided, average="macro", zero_division=0)  # pyright: ignore[reportArgumentType]
    values = {
        "accuracy": metrics.accuracy_score(y, decided),
        "balanced_accuracy": metrics.recall_score(y, decided, labels=np.unique(y), average="macro", zero_division=0),  # pyright: ignore[reportArgumentType]
        "precision_macro": precision,
        "recall_macro": recall,
        "f1_macro": f1,
        "log_loss": metrics.log_loss(y, normalised, labels=classes),
        "ece": calibration_error(p.max(axis=1), p.argmax(axis=1) == y),
    }
    if len(classes) == 2:
        positive = metrics.precision_recall_fscore_support(y, decided, average="binary", zero_division=np.nan)  # pyright: ignore[reportArgumentType]
        values |= dict(zip(("precision", "recall", "f1"), positive[:3], strict=True))
        values["auroc"], values["average_precision"] = _ranking((y == 1)[:, None], p[:, 1:])
        values["brier"] = float(np.mean((p[:, 1] - y) ** 2))
    else:
        values["auroc"], values["average_precision"] = _ranking(y[:, None] == classes, p)
        values["brier"] = metrics.brier_score_loss(y, normalised, labels=classes)
    return {name: float(value) for name, value in values.items()}


def _multilabel_values(y: np.ndarray, p: np.ndarray, decided: np.ndarray) -> dict[str, float]:
    from sklearn import metrics

    columns = range(y.shape[1])
    auroc, average_precision = _ranking(y == 1, p)
    return {
        "subset_accuracy": float((y == decided).all(axis=1).mean()),
        "hamming_loss": float((y != decided).mean()),
        "f1_macro": float(metrics.f1_score(y, decided, average="macro", zero_division=np.nan)),  # pyright: ignore[reportArgumentType]
        "f1_micro": float(metrics.f1_score(y, decided, average="micro", zero_division=np.nan)),  # pyright: ignore[reportArgumentType]
        "auroc": auroc,
        "average_precision": average_precision,
        "log_loss": _mean([metrics.log_loss(y[:, c], p[:, c], labels=[0, 1]) for c in columns]),
    }


def _ranking(members: np.ndarray, scores: np.ndarray) -> tuple[float, float]:
    """Average AUROC and average precision over the classes that have them; members, scores [N, C]."""
    from sklearn import metrics

    counts = members.sum(axis=0)
    split = np.flatnonzero((counts > 0) & (counts < len(members)))
    auroc = [metrics.roc_auc_score(members[:, c], scores[:, c]) for c in split]
    precision = [metrics.average_precision_score(members[:, c], scores[:, c]) for c in np.flatnonzero(counts)]
    return _mean(auroc), _mean(precision)


def _mean(values: object) -> float:
    known = np.asarray(values, dtype=np.float64)
    known = known[~np.isnan(known)]
    return float(known.mean()) if known.size else float("nan")
