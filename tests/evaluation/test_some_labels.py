"""Rows of which some lack labels of some targets: measured, written and compared where they have one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import toys
from headstart.core.types import Measured
from headstart.criteria._importance import _mean_losses
from headstart.data.remarks import conflicts
from headstart.data.rows import Rows
from headstart.evaluation.quick import mean_loss, rated
from headstart.evaluation.tables import frame_arrays, known_labels, predictions_frame

DATA = toys.mixed()
ROWS, TASK = DATA.splits["test"], DATA.task
OUT = {"mood": np.eye(3)[np.arange(12) % 3] * 0.7 + 0.1, "size": np.arange(12.0)[:, None]}


def test_the_mean_loss_is_of_the_rows_that_have_a_label() -> None:
    losses = [
        TASK.targets[name].validation_loss(ROWS.of(name).y, OUT[name][ROWS.known[name]]) for name in ("mood", "size")
    ]
    assert mean_loss(TASK, ROWS, OUT) == pytest.approx(np.mean(losses))
    some = rated(TASK, ROWS, OUT, least=0)
    assert some.value == pytest.approx(np.mean(losses)) and len(some.parts) == 12 and np.isfinite(some.parts).all()
    lone = ROWS.take(np.flatnonzero(~ROWS.known["mood"]))
    assert lone.targets == ["size"] and list(lone.predicted(TASK)) == ["size"]
    assert mean_loss(TASK, lone, {n: out[~ROWS.known["mood"]] for n, out in OUT.items()}) == pytest.approx(
        TASK.targets["size"].validation_loss(lone.labels["size"], OUT["size"][~ROWS.known["mood"]])
    )


def test_what_is_wrong_in_a_row_is_the_mean_over_the_targets_that_it_has() -> None:
    wrong = _mean_losses(TASK, Measured(ROWS, OUT))
    off = np.square(ROWS.labels["size"] - OUT["size"])[:, 0]
    decided = (OUT["mood"].argmax(axis=1) != ROWS.labels["mood"]).astype(float)
    assert not ROWS.known["mood"][0] and wrong[0] == pytest.approx(off[0])
    assert ROWS.known["mood"][1] and ROWS.known["size"][1] and wrong[1] == pytest.approx((off[1] + decided[1]) / 2)


def test_a_table_of_predictions_has_no_label_where_there_is_none(tmp_path: Path) -> None:
    frame = predictions_frame(TASK, list(ROWS.ids), ROWS.labels, OUT, known=ROWS.known)
    frame.to_parquet(tmp_path / "predictions.parquet")
    read = pd.read_parquet(tmp_path / "predictions.parquet")
    assert read["mood.label"].isna().tolist() == (~ROWS.known["mood"]).tolist()
    assert read["size.label"].isna().tolist() == (~ROWS.known["size"]).tolist()
    known = known_labels(TASK, read)
    assert all(np.array_equal(known[name], ROWS.known[name]) for name in TASK.targets)
    _, labels, outputs = frame_arrays(TASK, read)
    for name, has in known.items():
        assert np.array_equal(labels[name][has], ROWS.labels[name][has]) and np.allclose(outputs[name], OUT[name])


def test_a_target_that_no_row_has_a_label_of_is_not_measured() -> None:
    lone = ROWS.take(np.flatnonzero(~ROWS.known["mood"]))
    out = {name: values[~ROWS.known["mood"]] for name, values in OUT.items()}
    frame = predictions_frame(TASK, list(lone.ids), lone.labels, out, known=lone.known)
    for read in (frame, frame.drop(columns="mood.label")):  # as it is written where no split has one
        _, labels, outputs = frame_arrays(TASK, read)
        assert list(labels) == list(outputs) == ["size"] and not known_labels(TASK, read)["mood"].any()
        assert np.array_equal(labels["size"], lone.labels["size"])


def test_copies_differ_where_both_have_a_label() -> None:
    labels = {"mood": np.array([0, 1, 0]), "size": np.array([[1.0], [1], [1]], np.float32)}
    known = {"mood": np.array([True, False, True])}
    rows = Rows(list("abc"), np.zeros((3, 1)), labels, [b"one"] * 3, known=known)
    assert conflicts([rows], TASK) == []
    assert conflicts([rows, Rows(["d"], np.zeros((1, 1)), {"mood": np.array([2])}, [b"one"])], TASK)


def test_what_was_found_goes_to_its_place() -> None:
    found = ROWS.by_row("mood", TASK.targets["mood"].fold_strata)
    assert found is not None and np.array_equal(found == -1, ~ROWS.known["mood"])
    assert ROWS.by_row("size", TASK.targets["size"].fold_strata) is None
    assert len(ROWS.bare().take([2, 1])) == 2 and ROWS.bare().known
