"""Claims: classes come equally often, rows of a class in turn, and any sample follows from its number alone."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
import torch

from headstart.core.errors import UsageError
from headstart.core.types import Stream
from headstart.data.balanced import BalancedOrder
from headstart.data.rows import Rows
from headstart.data.streams import BatchStream
from headstart.data.transforms import make_transform
from headstart.inputs.vector import Vector

TARGETS = np.array([0] * 30 + [2] * 6 + [4] * 3)


def test_every_class_comes_once_in_a_block() -> None:
    order = BalancedOrder(TARGETS, (0, "train"))
    samples = [order.sample(n) for n in range(90)]
    for block in zip(*[iter(samples)] * 3, strict=True):
        assert sorted(int(TARGETS[row]) for _, row in block) == [0, 2, 4]
    assert Counter(row for _, row in samples if TARGETS[row] == 0) == Counter(range(30))
    assert set(Counter(row for _, row in samples if TARGETS[row] == 4).values()) == {10}
    assert len(set(samples)) == len(samples), "a row that comes back has another epoch, so another augmentation"


def test_the_order_is_a_function_of_the_number_and_the_key() -> None:
    one, other = BalancedOrder(TARGETS, (0, "train")), BalancedOrder(TARGETS, (0, "train"))
    forwards = [one.sample(n) for n in range(50)]
    assert forwards == [other.sample(n) for n in reversed(range(50))][::-1]
    assert forwards != [BalancedOrder(TARGETS, (1, "train")).sample(n) for n in range(50)]


def test_a_stream_takes_it() -> None:
    rows = Rows([f"r{i}" for i in range(39)], np.zeros((39, 2), np.float32), {"target": TARGETS})
    stream = BatchStream(
        rows, make_transform(Vector(2)), stream=Stream("train", sampler="balanced"), batch_size=12, seed=0
    )
    batches = list(itertools.islice(stream.batches(), 4))
    assert all(torch.bincount(batch.y)[[0, 2, 4]].tolist() == [4, 4, 4] for batch in batches)
    again = next(stream.batches(3))
    assert again.ids == batches[3].ids


def test_streams_of_one_pool_have_orders_of_their_own() -> None:
    rows = Rows([f"r{i}" for i in range(39)], np.zeros((39, 2), np.float32), {"target": TARGETS})

    def first(name: str) -> list[str]:
        stream = Stream(name, pool="train", sampler="balanced")
        return list(
            next(BatchStream(rows, make_transform(Vector(2)), stream=stream, batch_size=12, seed=0).batches()).ids
        )

    assert first("one") == first("one") != first("other")


def test_rows_of_several_classes_are_refused() -> None:
    with pytest.raises(UsageError, match="needs rows of one class each"):
        BalancedOrder(np.zeros((4, 2), np.float32), (0,))
