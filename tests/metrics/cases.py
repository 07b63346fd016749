"""Labels and predictions of each form, random and degenerate."""

from __future__ import annotations

import numpy as np

from headstart.core.types import Form
from headstart.metrics._matching import CLASS, FLAGS, SCORE, matched
from headstart.metrics._measured import Measured

SHAPES: list[tuple[Form, int]] = [
    ("classes", 2),
    ("classes", 3),
    ("classes", 12),
    ("labels", 4),
    ("embeddings", 4),
    ("values", 1),
    ("values", 3),
    ("masks", 4),
    ("boxes", 3),
    ("texts", 1),
    ("tags", 3),
    ("spans", 1),
]
PIXELS = 12  # of a mask
WORDS = ["the", "dog,", "Straße", "runs.", "3.5", "1,000", "a-b", "it's", "&quot;no&quot;", "(x)", "2-3", "over"]
BOXES = 9  # that are found in a picture, at most


def measured(form: Form, labels: np.ndarray, predictions: np.ndarray, decisions: np.ndarray | None = None) -> Measured:
    """Decide for the likeliest class, or from 0.5 on; nothing may be written into the arrays."""
    if decisions is None and form not in ("values", "embeddings", "masks", "boxes", "texts", "tags", "spans"):
        decisions = predictions.argmax(axis=1) if form == "classes" else (predictions >= 0.5).astype(np.int64)
    for array in (labels, predictions, decisions):
        if array is not None:
            array.flags.writeable = False
    width = 1 if form in ("texts", "spans") else (labels if form == "boxes" else predictions).shape[1]
    width -= form == "tags"  # beside words
    names = tuple(f"c{i}" for i in range(width))
    above = np.arange(len(names)) % max(2, len(names) // 2) if form == "classes" else None  # a tree, if need be
    return Measured(form, names, labels, predictions, decisions, above, likely(labels, predictions, form))


def likely(labels: np.ndarray, answers: np.ndarray, form: Form) -> np.ndarray | None:
    """Make labels that are answers certain, and others the less likely the longer they are: nats and tokens, [N, 2]."""
    if form != "texts":
        return None
    tokens = np.array([1 + len(str(label).split()) for label in labels])
    return np.stack([np.where(labels == answers, 0.0, 0.7 * tokens + 0.1), tokens], axis=1)


def random(form: Form, rows: int, width: int, *, seed: int = 0, digits: int | None = None) -> Measured:
    """Make predictions that know something; `digits` rounds them, so that many are tied.

    Scores of boxes are not rounded: of equal ones the first row's comes first, as in COCO.
    """
    rng = np.random.default_rng(seed)
    if form == "boxes":
        labels = [random_boxes(rng, width) for _ in range(rows)]
        return measured(form, *matched(labels, np.stack([detected(rng, each, width) for each in labels]), width))
    if form == "texts":
        return measured(form, *random_texts(rng, rows))
    if form == "spans":
        labels, answers = random_texts(rng, rows)
        return measured(form, several(labels, rng.integers(0, 4, rows)), np.where(rng.random(rows) < 0.2, "", answers))
    noise = rng.normal(size=(rows, width))
    if form == "values":
        labels = rng.normal(size=(rows, width))
        scores = labels + noise
    elif form == "embeddings":
        labels = rng.integers(0, width, rows)
        scores = noise + 2.5 * np.eye(width)[labels]
    elif form == "masks":
        pixels = rng.integers(0, width, (rows, PIXELS))
        labels = scores = areas(pixels, np.where(rng.random(pixels.shape) < 0.6, pixels, pixels[::-1]), width)
    elif form == "tags":
        labels = scores = tagged(rng.integers(0, 4, (rows, width)), rng.integers(0, 3, (rows, width)))
    elif form == "labels":
        labels = (rng.random((rows, width)) < 0.3).astype(np.int64)
        scores = np.clip(0.35 * labels + 0.65 * rng.random((rows, width)), 0, 1)
    else:
        labels = rng.integers(0, width, rows)
        scores = noise + 1.5 * np.eye(width)[labels]
    scores = scores if digits is None or form in ("masks", "tags") else scores.round(digits)
    if form == "classes":
        scores = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return measured(form, labels, scores)


def perfect(like: Measured) -> Measured:
    """Predict the labels themselves."""
    if like.form == "boxes":
        return measured(like.form, like.labels, found_boxes(like.labels, 1))
    if like.form in ("masks", "tags"):
        right = np.repeat(like.labels[:, :, :1], 3, axis=2)
        return measured(like.form, right, right)
    if like.form == "texts":
        return measured(like.form, like.labels, like.labels)
    if like.form == "spans":
        return measured(like.form, like.labels, np.array([own[-1] if own else "" for own in like.labels], dtype=object))
    return measured(like.form, like.labels, certain(like.form, like.labels, len(like.names)))


def worst(form: Form, rows: int, width: int) -> Measured:
    """Predict another class than the label's, the other labels, or the numbers upside down, for certain."""
    like = random(form, rows, width)
    if form == "masks":
        labelled = like.labels[:, :, 0]
        wrong = np.stack([labelled, np.roll(labelled, 1, axis=1), np.zeros_like(labelled)], axis=2)
        return measured(form, wrong, wrong)
    if form == "tags":
        wrong = like.labels * np.array([1, 1, 0])
        return measured(form, wrong, wrong)
    if form == "boxes":
        return measured(form, like.labels, found_boxes(like.labels, 0))
    if form == "texts":
        return measured(form, like.labels, np.full(rows, "", dtype=object))
    if form == "spans":
        return measured(form, like.labels, np.full(rows, "zzz", dtype=object))
    if form == "embeddings":  # every row at the same place: ties count against it
        return measured(form, like.labels, np.ones((rows, width)))
    other = (like.labels + 1) % width if form == "classes" else 1 - like.labels if form == "labels" else -like.labels
    return measured(form, like.labels, certain(form, other, width))


def certain(form: Form, labels: np.ndarray, width: int) -> np.ndarray:
    """Turn labels into the predictions that are sure of them."""
    return np.eye(width)[labels] if form in ("classes", "embeddings") else labels.astype(np.float64)


def areas(labelled: np.ndarray, decided: np.ndarray, width: int) -> np.ndarray:
    """Count the pixels of each class by label, by decision and by both: masks [N, P] to [N, C, 3]."""
    each = [np.eye(width, dtype=np.int64)[mask] for mask in (labelled, decided)]  # [N, P, C]
    return np.stack([each[0].sum(axis=1), each[1].sum(axis=1), (each[0] * each[1]).sum(axis=1)], axis=2)


def random_texts(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw labels of a few words, and answers in which some of the words are others, are missing or come twice."""
    labels, answers = np.empty(rows, dtype=object), np.empty(rows, dtype=object)
    for row in range(rows):
        words = rng.choice(WORDS, rng.integers(1, 12))
        counts = rng.choice([0, 1, 1, 1, 1, 2], len(words))
        other = np.where(rng.random(len(words)) < 0.2, rng.choice(WORDS, len(words)), words)
        labels[row], answers[row] = " ".join(words), " ".join(np.repeat(other, counts))
    return labels, answers


def several(labels: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Make of each label so many right answers, of which the others are parts: tuples, [N]."""
    found = np.empty(len(labels), dtype=object)
    for row, (label, count) in enumerate(zip(labels, counts, strict=True)):
        found[row] = (label, label[: len(label) // 2] + " x", f"The {label}!")[:count]
    return found


def tagged(labelled: np.ndarray, decided: np.ndarray) -> np.ndarray:
    """Make counts of entities by row and class, [N, C] each, and of words, as [N, C + 1, 3]; most are right."""
    both = np.minimum(labelled, decided) * (np.arange(len(labelled)) % 3 > 0)[:, None]
    entities = np.stack([labelled, decided, both], axis=2)
    words = np.stack([labelled.sum(axis=1) + 5, decided.sum(axis=1).clip(max=5), both.sum(axis=1).clip(max=5)], axis=1)
    return np.concatenate([entities, words[:, None]], axis=1)


def random_boxes(rng: np.random.Generator, width: int, most: int = 5) -> np.ndarray:
    """Draw some boxes of a picture as labels are encoded, [n, 6]; a fifth are crowds."""
    count = rng.integers(0, most + 1)
    low, size = rng.random((count, 2)) * 0.6, 0.1 + 0.3 * rng.random((count, 2))
    more = np.stack([rng.integers(0, width, count), rng.random(count) < 0.2], axis=1)
    return np.concatenate([low, low + size, more], axis=1).astype(np.float32)


def detected(rng: np.random.Generator, label: np.ndarray, width: int, most: int = BOXES) -> np.ndarray:
    """Find boxes as heads do, [K, 6]: most labels, some twice, shifted a little; others; and places that are unused."""
    known = label[rng.random(len(label)) < 0.8]
    known = np.concatenate([known, known[rng.random(len(known)) < 0.3]])
    corners = known[:, :4] + 0.03 * rng.normal(size=(len(known), 4))
    boxes = np.column_stack([corners, np.zeros(len(known)), known[:, 4]])
    other = random_boxes(rng, width)
    boxes = np.concatenate([boxes, np.column_stack([other[:, :4], np.zeros(len(other)), other[:, 4]])])[:most]
    boxes[:, 4] = np.sort(0.05 + 0.9 * rng.random(len(boxes)))[::-1]
    return np.concatenate([boxes, np.zeros((most - len(boxes), 6))]).astype(np.float32)


def found_boxes(counts: np.ndarray, flag: int) -> np.ndarray:
    """Find as many boxes as there are labels, for certain, all of them right (1) or false (0): [N, K, 12]."""
    found = np.zeros((len(counts), max(1, counts.sum(axis=1).max()), FLAGS.stop), np.float32)
    for row, count in zip(found, counts, strict=True):
        places = np.repeat(np.arange(len(count)), count)
        row[: len(places), CLASS], row[: len(places), SCORE], row[: len(places), FLAGS] = places, 1, flag
    return found


def taken(found: Measured, rows: np.ndarray) -> Measured:
    """Take rows, in this order and as often as they are named."""
    decisions = None if found.decisions is None else found.decisions[rows]
    return measured(found.form, found.labels[rows], found.predictions[rows], decisions)


def degenerate(form: Form, width: int) -> list[Measured]:
    """Make what leaves metrics undefined: one row, one class, no label, one value; right, wrong and undecided."""
    some = [random(form, rows, width, seed=seed) for rows in (1, 2) for seed in range(3)]
    if form == "masks":
        masks = [np.zeros((6, PIXELS), np.int64), np.full((6, PIXELS), width - 1)]
        made = [areas(y, other, width) for y in masks for other in masks]
        return [*(measured(form, each, each) for each in (*made, np.zeros_like(made[0]))), *some]
    if form == "tags":
        none, one = np.zeros((6, width), np.int64), np.eye(width, dtype=np.int64)[np.zeros(6, int)]
        made = [tagged(y, p) for y in (none, one) for p in (none, one)]
        return [*(measured(form, each, each) for each in (*made, np.zeros_like(made[0]))), *some]
    if form == "boxes":
        made = [np.zeros((6, width), np.int64), np.eye(width, dtype=np.int64)[np.zeros(6, int)]]
        found = [found_boxes(count, flag) for count in made for flag in (0, 1)]
        return [*(measured(form, count.copy(), each.copy()) for count in made for each in found), *some]
    if form == "texts":
        made = [np.array([text] * 6, dtype=object) for text in ("a", "a good b", "c d e f g h", "")]
        return [*(measured(form, label, answer) for label in made[:3] for answer in made), *some]
    if form == "spans":
        made = [np.array([text] * 6, dtype=object) for text in ("a", "a good b", "")]
        rights = [several(text, np.full(6, count)) for text in made[:2] for count in range(3)]
        return [*(measured(form, right, answer) for right in rights for answer in made), *some]
    one = np.zeros((6, width))
    single = form in ("classes", "embeddings")
    labels = [np.zeros(6, np.int64), np.full(6, width - 1)] if single else [one.astype(np.int64), one + 1]
    if form == "values":
        labels = [one, one + 0.1, np.arange(6.0)[:, None] + one]
    made = [measured(form, y, certain(form, other, width)) for y in labels for other in labels]
    equal = one + (1 / width if form == "classes" else 0.5)
    made += [measured(form, y, equal.copy()) for y in labels]
    return [*made, *some]
