"""The values of metrics by scikit-learn and scipy, NaN where undefined.

Averages over classes ("macro") are over the classes that occur in labels or decisions; a multi-class Brier score is
the sum over classes (0 to 2), a binary one that of the positive class (0 to 1).
"""

from __future__ import annotations

import re
from typing import Any

import jiwer
import numpy as np
from rouge_score import rouge_scorer
from rouge_score.tokenizers import Tokenizer
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from scipy import stats
from sklearn import metrics

from headstart.metrics._measured import Measured

nan = float("nan")


def values(found: Measured) -> dict[str, float]:
    """Compute every metric that suits."""
    y, p, decided = found.labels, found.predictions, found.decisions
    compute: Any = {
        "classes": _classes,
        "labels": _labels,
        "values": _values,
        "embeddings": _found,
        "masks": _areas,
        "boxes": _boxes,
        "texts": _texts,
        "tags": _tags,
        "spans": _spans,
    }[found.form]
    found_values = compute(y, p, decided) | ({} if found.above is None else _tree(y, p, decided, found.above))
    if found.likelihoods is not None:
        nats, tokens = found.likelihoods.T
        found_values["perplexity"] = np.prod(np.exp(nats / tokens.sum()))
    return {name: float(value) for name, value in found_values.items()}


def _texts(y: Any, p: Any, decided: Any) -> dict[str, float]:
    labels, answers = list(y), list(p)
    scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=_Words())
    rouge = [scorer.score(label, answer) for label, answer in zip(labels, answers, strict=True)]
    found: dict[str, Any] = {
        "bleu": BLEU().corpus_score(answers, [labels]).score,
        "chrf": CHRF().corpus_score(answers, [labels]).score,
        "wer": jiwer.wer(labels, answers),
        "cer": jiwer.cer(labels, answers),
        "exact_match": np.mean([label == answer for label, answer in zip(labels, answers, strict=True)]),
        **{f"rouge_{n.lower()}": np.mean([row[f"rouge{n}"].fmeasure for row in rouge]) for n in "12L"},
    }
    return found


def _spans(y: Any, p: Any, decided: None) -> dict[str, float]:
    """Take the best right answer of each row, words counted one by one."""
    exact, shares = [], []
    for right, answer in zip(y, p, strict=True):
        found = _plain(answer)
        pairs = [(_plain(text), list(found)) for text in right or ("",)]
        exact.append(max(wanted == found for wanted, _ in pairs))
        shares.append(max(_shared(wanted, own) for wanted, own in pairs))
    return {"exact_match": float(np.mean(exact)), "token_f1": float(np.mean(shares))}


def _plain(text: str) -> list[str]:
    kept = "".join(sign for sign in text.lower() if sign not in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
    return [word for word in kept.split() if word not in ("a", "an", "the")]


def _shared(wanted: list[str], own: list[str]) -> float:
    if not wanted or not own:
        return float(wanted == own)
    both = 0
    for word in wanted:
        if word in own:
            own.remove(word)
            both += 1
    precision, recall = both / (both + len(own)), both / len(wanted)
    return 2 * precision * recall / (precision + recall) if both else 0.0


class _Words(Tokenizer):
    """Words of any script, where the package's own knows the letters a to z."""

    def tokenize(self, text: str) -> list[str]:
        return re.sub(r"[\W_]+", " ", text.lower()).split()


def _tree(y: Any, p: Any, decided: Any, above: Any) -> dict[str, float]:
    parents = np.unique(above)
    sets = np.concatenate([np.eye(len(above)), above[:, None] == parents], axis=1).astype(int)  # a class and its parent
    shares = np.array([[row[above == parent].sum() for parent in parents] for row in p])
    return {
        "hierarchical_f1": metrics.f1_score(sets[y], sets[decided], average="micro"),
        "parent_accuracy": metrics.accuracy_score(above[y], parents[shares.argmax(axis=1)]),
    }


def _classes(y: Any, p: Any, decided: Any) -> dict[str, float]:
    classes = np.arange(p.shape[1])
    zero: Any = 0
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(y, decided, average="macro", zero_division=zero)
    found: dict[str, Any] = {
        "accuracy": metrics.accuracy_score(y, decided),
        "balanced_accuracy": metrics.recall_score(y, decided, labels=np.unique(y), average="macro", zero_division=zero),
        "precision_macro": precision,
        "recall_macro": recall,
        "f1_macro": f1,
        "log_loss": metrics.log_loss(y, p, labels=classes),
        "ece": calibration_error(p.max(axis=1), p.argmax(axis=1) == y),
    }
    if len(classes) > 2:
        found["auroc"], found["average_precision"] = _ranking(y[:, None] == classes, p)
        return found | {"brier": metrics.brier_score_loss(y, p, labels=classes)}
    positive = metrics.precision_recall_fscore_support(y, decided, average="binary", zero_division=nan)  # pyright: ignore[reportArgumentType]
    found |= dict(zip(("precision", "recall", "f1"), positive, strict=False))
    found["auroc"], found["average_precision"] = _ranking((y == 1)[:, None], p[:, 1:])
    return found | {"brier": np.mean((p[:, 1] - y) ** 2)}


def _labels(y: Any, p: Any, decided: Any) -> dict[str, float]:
    auroc, average_precision = _ranking(y == 1, p)
    undefined: Any = nan
    return {
        "subset_accuracy": (y == decided).all(axis=1).mean(),
        "hamming_loss": (y != decided).mean(),
        "f1_macro": metrics.f1_score(y, decided, average="macro", zero_division=undefined),
        "f1_micro": metrics.f1_score(y, decided, average="micro", zero_division=undefined),
        "auroc": auroc,
        "average_precision": average_precision,
        "log_loss": _mean([metrics.log_loss(y[:, c], p[:, c], labels=[0, 1]) for c in range(y.shape[1])]),
    }


def _values(y: Any, p: Any, decided: None) -> dict[str, float]:
    pairs = list(zip(y.T, p.T, strict=True))
    varied = [(a, b) for a, b in pairs if np.ptp(a) > 0 and np.ptp(b) > 0]
    return {
        "mae": metrics.mean_absolute_error(y, p),
        "rmse": metrics.root_mean_squared_error(y, p),
        "r2": _mean([metrics.r2_score(a, b) for a, b in pairs if np.ptp(a) > 0]),
        "spearman": _mean([stats.spearmanr(a, b)[0] for a, b in varied]),
        "pearson": _mean([stats.pearsonr(a, b)[0] for a, b in varied]),
    }


def _found(y: Any, p: Any, decided: None) -> dict[str, float]:
    """Let each row sort all others by their angle; of those that are equally near, its own class comes last."""
    unit = p / np.maximum(np.linalg.norm(p, axis=1, keepdims=True), 1e-12)
    found: dict[str, list[float]] = {name: [] for name in ("recall_at_1", "recall_at_5", "recall_at_10", "map_at_r")}
    for row in range(len(y)):
        others = [other for other in range(len(y)) if other != row]
        near = sorted(others, key=lambda other: (-round(float(unit[row] @ unit[other]), 10), y[other] == y[row]))
        right = [y[other] == y[row] for other in near]
        if wanted := sum(right):
            for k in (1, 5, 10):
                found[f"recall_at_{k}"].append(any(right[:k]))
            precisions = [sum(right[: place + 1]) / (place + 1) for place in range(wanted) if right[place]]
            found["map_at_r"].append(sum(precisions) / wanted)
    return {name: float(np.mean(values)) if values else nan for name, values in found.items()}


def _areas(y: Any, p: Any, decided: None) -> dict[str, float]:
    """Lay out the pixels of each class one by one, [N, C, 3] of counts."""
    shares: list[float] = []
    for labelled, found, both in y.sum(axis=0):
        if labelled + found:
            truth = [1] * both + [1] * (labelled - both) + [0] * (found - both)
            answer = [1] * both + [0] * (labelled - both) + [1] * (found - both)
            shares.append(float(metrics.jaccard_score(truth, answer)))
    labelled = y[:, :, 0].sum()
    return {"miou": _mean(shares), "pixel_accuracy": y[:, :, 2].sum() / labelled if labelled else nan}


def _tags(y: Any, p: Any, decided: None) -> dict[str, float]:
    """Lay out entities one by one: each is labelled, found, or both. seqeval itself: test_entities.py."""
    labelled, found, both = y[:, :-1].sum(axis=(0, 1))
    truth = [1] * both + [1] * (labelled - both) + [0] * (found - both)
    answer = [1] * both + [0] * (labelled - both) + [1] * (found - both)
    zero: Any = 0
    figures: Any = (nan, nan, nan)
    if truth:
        figures = metrics.precision_recall_fscore_support(truth, answer, average="binary", zero_division=zero)[:3]
    words, _, right = y[:, -1].sum(axis=0)
    named = zip(("entity_precision", "entity_recall", "entity_f1"), figures, strict=True)
    return dict(named) | {"token_accuracy": right / words if words else nan}


def _boxes(y: Any, p: Any, decided: None) -> dict[str, float]:
    """Read the greatest precision from each recall on, box by box, as COCO's paper tells it."""
    boxes = sorted((box for row in p for box in row if box[0] > 0), key=lambda box: -box[0])  # a stable sort
    wanted = y.sum(axis=0)
    by_class: list[list[float]] = [
        [_precision([box[2 + t] for box in boxes if box[1] == c and box[2 + t] >= 0], wanted[c]) for t in range(10)]
        for c in np.flatnonzero(wanted)
    ]
    return {
        "mean_average_precision": _mean([_mean(each) for each in by_class]),
        "map_50": _mean([each[0] for each in by_class]),
    }


def _precision(right: list[float], wanted: int) -> float:
    hits = np.cumsum(right)
    recall, precision = hits / wanted, hits / (np.arange(len(hits)) + 1)
    return _mean([max(precision[recall >= limit], default=0.0) for limit in np.linspace(0, 1, 101)])


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Compute the paper's sum over 15 bins."""
    inside = [(confidence > i / 15) & (confidence <= (i + 1) / 15) for i in range(15)]
    return sum(abs(right[i].mean() - confidence[i].mean()) * i.mean() for i in inside if i.any())


def _ranking(members: np.ndarray, scores: np.ndarray) -> tuple[float, float]:
    """Average over the classes that have the metric; members, scores [N, C]."""
    counts = members.sum(axis=0)
    split = np.flatnonzero((counts > 0) & (counts < len(members)))
    auroc = [metrics.roc_auc_score(members[:, c], scores[:, c]) for c in split]
    precision = [metrics.average_precision_score(members[:, c], scores[:, c]) for c in np.flatnonzero(counts)]
    return _mean(auroc), _mean(precision)


def _mean(known: list[Any]) -> float:
    return float(np.mean(known)) if known else nan
