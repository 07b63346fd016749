"""What comes out of every kind of target: kinds are found by themselves, a new file is tested without being listed."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

from headstart.core import plugins
from headstart.core.errors import DataError
from headstart.core.types import Calibration, Measurements, Target
from headstart.drawing.draw import draw
from headstart.evaluation.measure import measured as bring
from headstart.evaluation.metrics import evaluate
from headstart.evaluation.quick import score
from headstart.metrics._find import suited

ROWS = 120


def examples(kind: str) -> tuple[Target, np.ndarray, np.ndarray]:
    """Make a target with three classes (or columns, or the only number that it has), labels and outputs.

    The outputs are better than chance and often wrong.
    """
    names = ("a", "b", "c")
    made = plugins.build("targets", kind, {"columns": ("y",), "classes": names})
    rng = np.random.default_rng(0)
    if made.form == "classes":
        target = plugins.build("targets", kind, {"columns": ("y",), "classes": names[: 2 if kind == "binary" else 3]})
        labels = rng.integers(0, target.outputs, ROWS)
        logits = rng.normal(size=(ROWS, target.outputs)) + np.eye(target.outputs)[labels]
        return target, labels, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    if made.form == "labels":
        labels = (rng.random((ROWS, 3)) < 0.4).astype(np.float32)
        return made, labels, np.clip(0.3 * labels + 0.7 * rng.random((ROWS, 3)), 0, 1)
    if made.form == "embeddings":
        target = plugins.build("targets", kind, {"columns": ("y",), "identities": names})
        labels = rng.integers(0, 3, ROWS)
        return target, labels, rng.normal(size=(ROWS, 16)) + 3 * np.eye(16)[labels]
    target = plugins.build("targets", kind, {"columns": names})
    labels = rng.normal(size=(ROWS, 3))
    return target, labels, labels + 0.5 * rng.normal(size=(ROWS, 3))


def has_outcomes(kind: str) -> bool:
    """Return whether a kind predicts numbers of a row; pretraining does not; texts are in test_texts.py, masks in
    test_masks.py."""
    made: Any = plugins.load("targets", kind)
    return bool(made.form) and made.pooled


KINDS = [kind for kind in plugins.names("targets") if has_outcomes(kind)]


@pytest.mark.parametrize("kind", KINDS)
def test_labels_and_outputs_pass_the_check_and_bad_rows_do_not(kind: str) -> None:
    target, labels, outputs = examples(kind)
    y, p = target.check(labels, outputs.astype(np.float32))
    assert np.array_equal(y, labels) and p == pytest.approx(outputs, abs=1e-6)
    wrong = outputs.copy()
    wrong[7] = np.nan
    with pytest.raises(DataError, match="row 7"):
        target.check(labels, wrong)
    with pytest.raises(DataError, match="shape"):
        target.check(labels[:-1] if target.form == "embeddings" else labels, outputs[:, :-1])


@pytest.mark.parametrize("kind", KINDS)
def test_decisions_look_like_labels_and_predictions_say_them(kind: str) -> None:
    target, labels, outputs = examples(kind)
    decided, said = target.decide(outputs), target.predictions(outputs)
    assert len(said) == ROWS and not isinstance(said[0], np.generic)
    if decided is not None:
        assert decided.shape == labels.shape and decided.dtype == np.int64 and set(np.unique(decided)) <= {0, 1, 2}
        assert np.mean(decided == labels) > 0.5
        same = [said[i] == said[j] for i in range(20) for j in range(20)]
        assert same == [np.array_equal(decided[i], decided[j]) for i in range(20) for j in range(20)]


@pytest.mark.parametrize("kind", KINDS)
def test_calibration_changes_no_decision_without_thresholds(kind: str) -> None:
    target, labels, outputs = examples(kind)
    found = target.calibrate(labels, outputs)
    scaled = target.scale(outputs, found.temperature)
    decided = target.decide(outputs)
    if decided is None:
        assert found == Calibration() and scaled is outputs
    else:
        assert found.temperature is not None and found.rows == ROWS
        again = target.decide(scaled)
        assert again is not None and np.array_equal(again, decided) and not np.allclose(scaled, outputs)
        assert target.validation_loss(labels, scaled) < target.validation_loss(labels, outputs)
        target.decide(scaled, found.thresholds)
    assert target.scale(outputs, None) is outputs


@pytest.mark.parametrize("kind", KINDS)
def test_without_validation_rows_nothing_is_chosen_and_a_note_says_so(kind: str) -> None:
    target, _, outputs = examples(kind)
    found = target.calibrate(None, None)
    assert dataclasses.replace(found, notes=()) == Calibration()
    assert bool(found.notes) == (target.decide(outputs) is not None)


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_is_read_back(kind: str, tmp_path) -> None:
    target, labels, outputs = examples(kind)
    table = target.table(labels, outputs)
    assert set(target.table_columns) <= set(table)
    assert not set(table) - set(target.table(None, outputs)) - set(target.table_columns)
    pd.DataFrame(table).to_parquet(tmp_path / "table.parquet")
    frame = pd.read_parquet(tmp_path / "table.parquet")
    read_labels, read_outputs = target.read_table({name: frame[name].to_numpy() for name in target.table_columns})
    assert np.array_equal(read_labels, labels) and np.array_equal(read_outputs, outputs)


@pytest.mark.parametrize("kind", KINDS)
def test_another_order_of_classes_is_put_right(kind: str) -> None:
    target, labels, outputs = examples(kind)
    turned = dataclasses.replace(target, classes=target.classes[::-1])  # pyright: ignore[reportArgumentType]
    there = turned.reorder(target.classes, labels, outputs)
    back = target.reorder(turned.classes, *there)
    assert np.array_equal(back[0], labels) and np.array_equal(back[1], outputs)
    assert turned.predictions(there[1]) == target.predictions(outputs) or target.form == "labels"


@pytest.mark.parametrize("kind", KINDS)
def test_mistakes_are_the_wrong_rows_worst_first_and_are_put_in_words(kind: str) -> None:
    target, labels, outputs = examples(kind)
    decided = target.decide(outputs)
    found = target.mistakes(labels, outputs)
    wrong = range(ROWS) if decided is None else np.flatnonzero((decided != labels).reshape(ROWS, -1).any(axis=1))
    if target.form == "embeddings":  # not what a row is taken for is wrong, but what is nearest to it
        unit = outputs / np.linalg.norm(outputs, axis=1, keepdims=True)
        nearest = (unit @ unit.T - 3 * np.eye(ROWS)).argmax(axis=1)
        wrong = np.flatnonzero(labels[nearest] != labels)
        assert 0 < len(wrong) < ROWS
    assert sorted(found) == list(wrong)
    if decided is not None:
        losses = [target.validation_loss(labels[[i]], outputs[[i]]) for i in found]
        assert losses == sorted(losses, reverse=True)
    told = target.explain_rows(labels, outputs, list(found[:3]))
    assert len(told) == 3 and all(isinstance(part, str) and part for one in told for part in one)
    assert [one.label for one in told] == [target.explain(labels[i], outputs[i]).label for i in found[:3]]
    if target.form != "values":
        assert all(one.label != one.prediction for one in told)
    assert "test" in target.introduce(len(found), 3, "test") and "3" in target.introduce(len(found), 3, "test")


@pytest.mark.parametrize("kind", KINDS)
def test_labels_are_described(kind: str) -> None:
    target, labels, _ = examples(kind)
    groups, names = target.colours(labels)
    assert len(groups) == ROWS and (not names or set(np.unique(groups)) <= {-1, *range(len(names))})
    counts, ranges = target.counts(labels), target.ranges(labels)
    if target.new_classes:
        assert counts == ranges == {}  # of one split they say nothing of another
    else:
        assert bool(counts) != bool(ranges) and set(counts or ranges) == set(target.names)
    assert all(low <= mean <= high for low, mean, high in ranges.values())
    strata = target.fold_strata(labels)
    assert strata is None or len(strata) == ROWS
    assert target.notes(labels) == []


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_measured_by_metrics_of_its_form_and_its_sections_render(kind: str) -> None:
    target, labels, outputs = examples(kind)
    known = suited(bring(target, labels, outputs))
    assert {target.primary, target.selection(labels)} <= set(known)
    got = evaluate(target, labels, outputs, resamples=20)
    assert got.primary == target.primary and set(got.metrics) == set(known)
    name, value, _ = score(target, labels, outputs)
    assert name == target.selection(labels) and np.isfinite(value)
    calibration = target.calibrate(labels, outputs)
    plain = {"validation": got.to_plain(), "test": got.to_plain()}
    measured = Measurements("test", labels, outputs, plain, got.units, calibration, lambda right, rows: (0.25, 0.75))
    sections = target.sections(measured)
    titles = [section.title for section in sections]
    assert titles and len(set(titles)) == len(titles)
    assert all(draw(section.blocks).startswith("<") for section in sections)


@pytest.mark.parametrize("kind", KINDS)
def test_better_outputs_have_a_lower_loss(kind: str) -> None:
    target, labels, outputs = examples(kind)
    best = np.eye(outputs.shape[1])[labels] if target.form in ("classes", "embeddings") else labels
    middle = (outputs + best) / 2
    losses = [target.validation_loss(labels, given) for given in (best, middle, outputs)]
    assert losses == sorted(losses) and losses[0] == pytest.approx(0, abs=1e-6)


def test_a_row_that_is_looked_for_is_taken_for_what_the_nearest_other_is() -> None:
    target: Any = plugins.build("targets", "retrieval", {"columns": ("y",), "identities": ("a", "b")})
    outputs = np.array([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [1.0, 0.9]])
    told = target.explain_rows(np.array([0, 0, 1, 0]), outputs, [0, 3, 2])
    assert [(one.label, one.prediction) for one in told] == [("a", "a"), ("a", "a"), ("b", "a")]
    assert told[0].how == "as the nearest other row is, cosine 1.00" and told[2].how.endswith("cosine 0.67")
