"""The result of a run in one sentence: its figure with an interval, beside the guess that needs no model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from headstart.core.types import Labels, Target
from headstart.drawing.text import fixed_text, number_text, words
from headstart.evaluation.intervals import at_least
from headstart.evaluation.measure import measured
from headstart.evaluation.results import Evaluation, Interval
from headstart.evaluation.tables import interval_text
from headstart.metrics import _find

MANY = 1000  # rows from which a share is written to a tenth of a percent
LOPSIDED = 2 / 3  # share of the largest class from which the mean over classes is told, too
OPTIMISTIC = "which chose the step, so that it is optimistic"


@dataclass(frozen=True)
class Headline:
    """What a run came to on the rows of a split.

    text: the sentence. key: "SPLIT", or "SPLIT:TARGET" where there are several targets. metric, figure: the measure
    that it speaks of, with its interval. constant: the most that the same guess for every row could give by this
    measure, None where it is undefined. guess: that guess in words.
    """

    text: str
    key: str
    metric: str
    figure: Interval
    constant: float | None = None
    guess: str = ""

    def to_plain(self) -> dict[str, Any]:
        """Return plain data, safe for JSON."""
        return {
            "text": self.text,
            "key": self.key,
            "metric": self.metric,
            **self.figure.to_plain(),
            "constant": self.constant,
            "guess": self.guess,
        }


def headline(
    key: str,
    target: Target,
    evaluation: Evaluation,
    labels: Labels,
    *,
    domain: str = "",
    plain: float | None = None,
) -> Headline:
    """Write the result in a sentence.

    Args:
        key: "test" or "validation", with ":TARGET" where there are several targets.
        target: What was predicted.
        evaluation: Of the rows of that split.
        labels: Their labels.
        domain: Name of the domain that the rows are of.
        plain: What the best model without pretraining gives on the same rows, by the primary metric.

    Returns:
        The sentence and its figures. A share at the edge is given its one-sided exact bound, so that no interval is
        without width.
    """
    metric, rows = evaluation.primary, evaluation.rows
    figure = evaluation.metrics[metric]
    row = target.as_outputs(labels).mean(axis=0)  # shares or means: no other constant fits these labels better
    constant = None if target.new_classes else _value(metric, target, labels, row)
    guess = "" if target.new_classes else _guess(target, row)
    share = metric == "accuracy" and figure.value is not None
    if share:
        said, places = _right(figure, rows, evaluation.level), 0
    else:
        value, interval = interval_text(figure)
        places = len(value.partition(".")[2])  # of the other figures, too
        said = f"{words(metric)} {value} ({interval}), {rows:,} {_rows(rows)}"
    parts = [said]
    if share and constant is not None and constant >= LOPSIDED:
        mean = evaluation.metrics.get("balanced_accuracy")
        if mean is not None and mean.value is not None:
            parts.append(f"mean over classes {percent(mean.value, rows)}")
    if constant is not None:
        parts.append(f"{guess} {percent(constant, rows)}" if share else f"{guess} gives {fixed_text(constant, places)}")
    if plain is not None:
        parts.append(f"without pretraining {percent(plain, rows) if share else fixed_text(plain, places)}")
    return Headline(f"{_title(key, domain)}: {'; '.join(parts)}", key, metric, figure, constant, guess)


def percent(share: float, rows: int) -> str:
    """Write a share of rows in percent: whole ones, of many rows to a tenth; 100 % only where it is all of them."""
    places = 0 if rows < MANY else 1
    text = f"{100 * share:.{places}f}"
    while float(text) in (0, 100) and 0 < share < 1:
        places += 1
        text = f"{100 * share:.{places}f}"
    return f"{float(text):g} %" if float(text) in (0, 100) else f"{text} %"


def _right(figure: Interval, rows: int, level: float) -> str:
    """Write how many rows were right, with what that says of other rows."""
    share = figure.value or 0.0
    right = round(share * rows)
    counted = f"{right:,} of {rows:,} right"
    bound = at_least(rows, rows, level)
    if right == rows:
        return f"{counted}, at least {percent(bound, rows)}"
    if right == 0:
        return f"{counted}, at most {percent(1 - bound, rows)}"
    if figure.low is None or figure.high is None:
        return f"{counted} ({percent(share, rows)})"
    low, high = percent(figure.low, rows).removesuffix(" %"), percent(figure.high, rows)
    return f"{counted} ({percent(share, rows)}, {low} to {high})"


def _title(key: str, domain: str) -> str:
    split, _, target = key.partition(":")
    of = ", ".join(filter(None, (f"domain {domain}" if domain else "", target)))
    title = split.capitalize() + (f" ({of})" if of else "")
    return f"{title}, {OPTIMISTIC}" if split == "validation" else title


def _guess(target: Target, row: np.ndarray) -> str:
    if target.form == "classes":
        name = target.names[int(row.argmax())]
        return f"always guessing {name!r}" if name[-1:].isdigit() or " " in name else f"always guessing {name}"
    if target.form == "values":
        return (
            f"always guessing the mean, {number_text(float(row[0]))}," if len(row) == 1 else "always guessing the means"
        )
    return "the same guess for every row"


def _value(metric: str, target: Target, labels: Labels, row: np.ndarray) -> float | None:
    """Measure the constant guess; None where the metric is undefined for it."""
    if metric == "accuracy" and target.form == "classes":
        return float((np.asarray(labels) == row.argmax()).mean())
    known = _find.find(metric)
    if known is None:  # a plug-in that is gone
        return None
    value = _find.value(known, measured(target, labels, np.repeat(row[None], len(labels), axis=0)))
    return float(value) if np.isfinite(value) else None


def _rows(count: int) -> str:
    return "row" if count == 1 else "rows"
