"""What every kind of target must do on the way in. Kinds are found by themselves: a new file is tested unlisted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from headstart.core import plugins
from headstart.core.errors import DataError, UsageError
from headstart.core.types import LossOptions, Task, kind_of
from headstart.data.rows import Rows
from headstart.data.tables import make_frame

# Label cells that each form can hold, and a cell that is wrong in any column of them.
CELLS: dict[str, list[Any]] = {
    "classes": ["a", "b", "b", "a", "a", "b"] * 3,
    "labels": [["a"], ["a", "b"], [], ["b"], ["a"], ["b"]] * 3,
    "embeddings": ["a", "b", "b", "a", "a", "b"] * 3,
    "values": [0.5, 1.0, -2.0, 3.5, 0.25, 8.0] * 3,
}
KINDS = [  # those whose heads read more than pooled features: test_masks.py, test_box_output.py, test_texts.py
    name
    for name in plugins.names("targets")
    if plugins.load("targets", name).pooled  # pyright: ignore[reportAttributeAccessIssue]
]
LABELLED: list[str] = [name for name in KINDS if plugins.load("targets", name).needs_columns]  # pyright: ignore[reportAttributeAccessIssue]

OPEN = [name for name in LABELLED if plugins.load("targets", name).new_classes]  # pyright: ignore[reportAttributeAccessIssue]


def table(cells: list[Any]) -> pd.DataFrame:
    parents = [f"of {cell}" for cell in cells]
    return make_frame({"y": cells, "parent": parents}, [f"row {i}" for i in range(len(cells))])


def made(name: str) -> tuple[Any, pd.DataFrame]:
    """Make a target of a kind as reading a table makes it, and the table."""
    kind: Any = plugins.load("targets", name)
    frame = table(CELLS[kind.form])
    return kind.of(("y", "parent") if kind.takes_parents else ("y",)).complete(frame, {"train": frame}), frame


@pytest.mark.parametrize("name", LABELLED)
def test_labels_become_tensors_a_head_learns_and_outputs_decode_in_range(name: str) -> None:
    target, frame = made(name)
    labels = target.encode(frame)
    target.check_training(labels)
    assert len(labels) == len(frame)
    rows = Rows(list(frame.index), np.zeros((len(frame), 2)), {name: labels}).take([3, 1, 4])
    y = target.collate(rows.y)
    assert len(y) == 3 and np.array_equal(np.asarray(y), np.asarray(labels)[[3, 1, 4]])
    every = target.collate(labels)
    output = target.output()
    output.start(labels)
    out = torch.nn.Parameter(torch.zeros(len(frame), target.outputs))
    optimiser, losses = torch.optim.SGD([out], lr=2.0), []
    for _ in range(60):
        optimiser.zero_grad()
        loss = output.loss(out, every, LossOptions())
        assert loss.ndim == 0
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    with torch.no_grad():
        answers = output.decode(out)
    assert torch.isfinite(answers).all() and output.comparable(out).shape == answers.shape
    if target.classes:
        assert answers.shape == (len(frame), len(target.classes)) and ((answers >= 0) & (answers <= 1)).all()
    if target.form == "classes":
        assert torch.allclose(answers.sum(dim=1), torch.ones(len(frame)))


@pytest.mark.parametrize("name", LABELLED)
def test_rows_without_labels_are_all_listed(name: str) -> None:
    target, frame = made(name)
    for row in ("row 2", "row 5"):
        frame.at[row, "y"] = None
    with pytest.raises(DataError) as caught:
        target.check_present({"train": frame})
    assert [problem.where for problem in caught.value.problems] == ["row 2", "row 5"]
    assert "has no label (column 'y')" in str(caught.value)


@pytest.mark.parametrize("name", OPEN)
def test_a_kind_that_is_asked_of_new_classes_takes_them_and_no_class_in_two_splits(name: str) -> None:
    target, frame = made(name)
    labels = target.encode(frame)
    frame.at["row 1", "y"], frame.at["row 4", "y"] = "?", "!"
    again = target.encode(frame)
    assert {again[1], again[4]}.isdisjoint(labels.tolist()) and again[1] != again[4]
    assert np.array_equal(np.delete(again, [1, 4]), np.delete(labels, [1, 4]))
    with pytest.raises(DataError, match=r"class 'a'.*rows in several splits: 9 in train, 1 in test"):
        target.check_splits({"train": labels, "test": labels[:1]})
    target.check_splits({"train": labels[labels == 0], "test": labels[labels == 1]})


@pytest.mark.parametrize("name", sorted({*LABELLED} - {*OPEN}))
def test_labels_that_training_did_not_have_are_all_listed(name: str) -> None:
    target, frame = made(name)
    frame.at["row 1", "y"], frame.at["row 4", "y"] = "?", "!"
    with pytest.raises(DataError) as caught:
        target.encode(frame)
    assert {problem.where.partition(",")[0] for problem in caught.value.problems} == {"row 1", "row 4"}


@pytest.mark.parametrize("name", LABELLED)
def test_strata_name_a_place_in_the_class_list_or_nothing(name: str) -> None:
    target, frame = made(name)
    strata = target.strata(target.encode(frame))
    if strata is not None:
        assert strata.shape == (len(frame),) and set(strata.tolist()) <= {-1, *range(len(target.classes))}


@pytest.mark.parametrize("name", KINDS)
def test_a_model_file_keeps_all_of_it(name: str) -> None:
    target: Any = made(name)[0] if name in LABELLED else plugins.build("targets", name, {})
    task = Task("vector", ("x",), {"mood": target})
    assert Task.parse(task.plain(), "here") == task
    assert kind_of(target) == kind_of(type(target)) == name
    assert target.describe().endswith(f"read as {name}")


@pytest.mark.parametrize("name", LABELLED)
def test_it_says_which_losses_and_balances_fit(name: str) -> None:
    target, frame = made(name)
    target.check_loss(LossOptions())
    target.check_imbalance("none", LossOptions())
    for kind in target.balances:
        target.check_imbalance(kind, LossOptions())
        output = target.output()
        output.rebalance(kind, target.encode(frame))
        assert torch.isfinite(
            output.loss(torch.zeros(len(frame), target.outputs), target.collate(target.encode(frame)), LossOptions())
        )
    for kind in {"weights", "sampler", "focal", "logit_adjust"} - set(target.balances):
        with pytest.raises(UsageError):
            target.check_imbalance(kind, LossOptions())
    chosen, why = target.choose_imbalance(target.encode(frame), LossOptions())
    assert chosen in {"none", *target.balances} and why


def test_ragged_labels_stay_with_their_rows() -> None:
    rows = Rows(["a", "b", "c"], np.zeros((3, 1)), {"boxes": [np.zeros((2, 4)), np.ones((0, 4)), np.ones((1, 4))]})
    assert [len(each) for each in rows.take([2, 0]).y] == [1, 2]
