"""Rows of which some lack labels of some targets: a loss is of those that have one, over all rows of the batch."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import toys
from headstart.core.learning import where_known
from headstart.core.recipe import Stage
from headstart.core.types import Batch, Stream
from headstart.data.streams import BatchStream
from headstart.data.transforms import make_transform
from headstart.inputs.vector import Vector
from headstart.models.model import Model
from headstart.objectives.supervised import Supervised

DATA = toys.mixed()


def batch(places: list[int]) -> Batch:
    rows = DATA.splits["train"].take(places)
    labels, known = (
        {n: torch.from_numpy(np.asarray(v)) for n, v in part.items()} for part in (rows.labels, rows.known)
    )
    return Batch(list(rows.ids), {"x": torch.from_numpy(rows.inputs)}, labels, known=known)


def losses(model: Model, some: Batch) -> dict[str, torch.Tensor]:
    found = Supervised().losses(model, nn.Module(), {"train": some}, 0.0)
    return {name: loss.value for name, loss in found.items()}


def test_a_loss_is_the_sum_over_the_rows_that_have_a_label_by_the_number_of_all() -> None:
    model, some = toys.make_model(toys.tiny(), DATA), batch(list(range(6)))
    assert some.known["mood"].tolist() == [False, True, True, True, True, False]
    out = model(some.x)["mood"][1:5]
    by_hand = functional.cross_entropy(out, some.labels["mood"][1:5], reduction="sum") / 6
    assert torch.allclose(losses(model, some)["task:mood"], by_hand)


def test_where_no_row_has_a_label_the_loss_is_0_and_moves_nothing() -> None:
    model, some = toys.make_model(toys.tiny(), DATA), batch([0, 5])
    found = losses(model, some)["task:mood"]
    found.backward()
    assert found == 0 and all(p.grad is not None and not p.grad.any() for p in model.by_target()["mood"].parameters())


def test_labels_that_are_not_there_do_not_count() -> None:
    model, some = toys.make_model(toys.tiny(), DATA), batch(list(range(6)))
    before = losses(model, some)
    some.labels["mood"][~some.known["mood"]] = 2
    some.labels["size"][~some.known["size"]] = 1e9
    assert all(torch.equal(before[name], loss) for name, loss in losses(model, some).items())


def test_a_batch_is_cut_and_mapped_with_what_is_known() -> None:
    some = batch(list(range(6)))
    pieces = some.split(4)
    assert torch.equal(torch.cat([piece.known["size"] for piece in pieces]), some.known["size"])
    assert [list(piece.ids) for piece in pieces] == [["row 0"], ["row 1", "row 2"], ["row 3"], ["row 4", "row 5"]]
    assert some.map(lambda tensor: tensor[:2]).known["mood"].tolist() == [False, True]
    assert where_known(["a", "b"], torch.tensor([False, True])) == ["b"]


@pytest.mark.parametrize("strategy", ["full", "co_tuning", "bi_tuning", "surgical", "delta", "head2toe"])
def test_strategies_that_look_at_labels_see_those_that_are_there(tmp_path: Path, strategy: str) -> None:
    """As with labels that are not there made other ones: nothing differs."""
    ends = []
    for wrong in (0, 1):
        rows = {name: part.take(range(len(part))) for name, part in DATA.splits.items()}
        rows["train"].labels["mood"][~rows["train"].known["mood"]] = wrong  # pyright: ignore[reportIndexIssue]
        data = dataclasses.replace(DATA, splits=rows, pools={"train": rows["train"]})
        backbone = toys.source("vector:mlp")
        backbone.source_classifier = (torch.eye(4, backbone.dim), torch.zeros(4))
        model = toys.make_model(backbone, data)
        toys.train(tmp_path / str(wrong), model, data, strategy, stage=Stage(steps=3, batch_size=4, lr=1e-2))
        ends.append(toys.snapshot(model))
    assert all(torch.equal(ends[0][name], tensor) for name, tensor in ends[1].items())


@pytest.mark.parametrize("accumulate", [3, 8])
def test_micro_batches_give_the_same_steps(tmp_path: Path, accumulate: int) -> None:
    ends = []
    for pieces in (1, accumulate):
        model = toys.make_model(toys.tiny(), DATA)
        stage = Stage(steps=4, batch_size=8, lr=1e-2, accumulate=pieces)
        toys.train(tmp_path / str(pieces), model, DATA, stage=stage)
        ends.append(toys.snapshot(model))
    assert all(torch.allclose(ends[0][name], tensor, atol=1e-6) for name, tensor in ends[1].items())


def test_a_stream_says_which_rows_have_a_label_and_balances_by_those() -> None:
    rows = DATA.splits["train"]
    stream = BatchStream(
        rows, make_transform(Vector(6)), stream=Stream("train", sampler="balanced"), batch_size=40, seed=0
    )
    found = next(stream.batches())
    places = [list(rows.ids).index(name) for name in found.ids]
    assert found.known["mood"].tolist() == rows.known["mood"][places].tolist()
    moods = np.where(found.known["mood"].numpy(), found.labels["mood"].numpy(), -1)
    assert [int((moods == mood).sum()) for mood in (-1, 0, 1, 2)] == [10] * 4
