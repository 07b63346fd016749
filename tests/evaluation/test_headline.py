"""The sentence that a run ends with: never without width, and beside a guess that needs no model."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.core.types import Task
from headstart.evaluation.headline import headline, percent
from headstart.evaluation.metrics import evaluate


def of_classes(right: int, rows: int, *, share: float = 0.56, **given) -> str:
    """Evaluate `rows` rows of ants and bees, the first share of them bees, of which the first `right` are right."""
    target = Task.of("vector", "binary", ("x",), ("label",), ("ants", "bees")).target
    labels = (np.arange(rows) < round(share * rows)).astype(int)
    decided = np.where(np.arange(rows) < right, labels, 1 - labels)
    outputs = np.eye(2)[decided] * 0.8 + 0.1
    return headline("test", target, evaluate(target, labels, outputs), labels, **given).text


def test_all_right_says_at_least_how_many_will_be() -> None:
    assert of_classes(9, 9) == "Test: 9 of 9 right, at least 72 %; always guessing bees 56 %"
    assert of_classes(1, 1, share=1).startswith("Test: 1 of 1 right, at least 5 %")


def test_none_right_says_at_most_how_many_will_be() -> None:
    assert of_classes(0, 9).startswith("Test: 0 of 9 right, at most 28 %;")


def test_between_the_share_stands_in_its_interval() -> None:
    text = of_classes(85, 100)
    assert text.startswith("Test: 85 of 100 right (85 %, 7"), text
    assert text.endswith("; always guessing bees 56 %")


def test_the_guess_is_the_class_that_most_rows_are_of() -> None:
    assert of_classes(9, 10, share=0.2).endswith("always guessing ants 80 %")


def test_where_one_class_is_nearly_all_the_mean_over_classes_is_told() -> None:
    text = of_classes(95, 100, share=0.95)
    assert "mean over classes 50 %; always guessing bees 95 %" in text


def test_validation_is_called_optimistic_and_a_domain_by_its_name() -> None:
    target = Task.of("vector", "binary", ("x",), ("label",), ("ants", "bees")).target
    labels = np.array([0, 1, 1])
    found = evaluate(target, labels, np.eye(2)[labels])
    text = headline("validation", target, found, labels, domain="photo").text
    assert text.startswith("Validation (domain photo), which chose the step, so that it is optimistic: 3 of 3 right")


def test_numbers_stand_beside_the_mean_of_the_training_rows() -> None:
    target = Task.of("vector", "regression", ("x",), ("price",)).target
    labels = np.linspace(0, 10, 50)[:, None]
    found = evaluate(target, labels, labels + np.tile([[0.5], [1.5]], (25, 1)))
    made = headline("test", target, found, labels)
    assert made.text.startswith("Test: rmse 1.1")
    assert made.text.endswith(", 50 rows; always guessing the mean, 5.000, gives 2.95")
    assert made.constant == pytest.approx(np.sqrt(((labels - 5) ** 2).mean()))


def test_labels_stand_beside_the_same_guess_for_all() -> None:
    target = Task.of("vector", "multilabel", ("x",), ("tags",), ("a", "b")).target
    labels = np.array([[1, 0], [0, 1], [1, 1], [0, 1]])
    made = headline("test:tags", target, evaluate(target, labels, labels * 0.8 + 0.1), labels)
    assert made.text.startswith("Test (tags): average precision 1.00 (0.61 to 1.00), 4 rows")
    assert "; the same guess for every row gives 0." in made.text
    assert made.constant == pytest.approx((0.5 + 0.75) / 2)


@pytest.mark.parametrize(
    ("share", "rows", "text"),
    [(0.5, 10, "50 %"), (0.996, 250, "99.6 %"), (0.99995, 20_000, "99.995 %"), (1, 9, "100 %"), (0.001, 1000, "0.1 %")],
)
def test_a_share_is_never_rounded_to_all_or_none(share: float, rows: int, text: str) -> None:
    assert percent(share, rows) == text
