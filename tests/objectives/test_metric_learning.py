"""The losses of metric learning at values by hand, their batches, and an embedding that finds classes it never saw."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import toys
from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.core.recipe import Stage
from headstart.data.balanced import BalancedOrder
from headstart.data.rows import Dataset, Rows
from headstart.data.streams import BatchStream
from headstart.data.transforms import make_transform
from headstart.engine.predict import predict
from headstart.inputs.vector import Vector
from headstart.metrics._neighbours import neighbours
from headstart.targets._embedding_output import EmbeddingOutput

LOSSES = [
    name
    for name in plugins.names("objectives")
    if plugins.load("objectives", name).forms == ("embeddings",)  # pyright: ignore[reportAttributeAccessIssue]
]


def at(*degrees: float) -> torch.Tensor:
    """Make vectors of different lengths at these angles."""
    angles = torch.tensor(degrees).deg2rad()
    return torch.stack([angles.cos(), angles.sin()], dim=1) * torch.arange(1, len(degrees) + 1)[:, None]


def loss(name: str, out: torch.Tensor, y: list[int], proxies: torch.Tensor | None = None, **options: Any) -> float:
    output = EmbeddingOutput(len(proxies) if proxies is not None else 2, 2)
    if proxies is not None:
        output.proxies.data = proxies
    return plugins.build("objectives", name, options).loss(out, torch.tensor(y), output).item()


def chord(degrees: float) -> float:
    return 2 * math.sin(math.radians(degrees) / 2)


def test_pairs_are_drawn_together_and_pushed_to_the_margin() -> None:
    # rows 0 and 1 are of one class, 90 degrees apart; row 2 of another, 30 degrees from row 1 and 120 from row 0
    near, far = chord(30), chord(120)
    expected = (chord(90) ** 2 + (max(0, 1 - near) ** 2 + max(0, 1 - far) ** 2) / 2) / 2
    assert loss("pairs", at(0, 90, 120), [0, 0, 1], margin=1.0) == pytest.approx(expected, rel=1e-5)
    assert loss("pairs", at(0, 90, 120), [0, 1, 2], margin=0.1) == 0


def test_the_hardest_rows_of_the_batch_make_the_triplet() -> None:
    # of class 0: 0, 20, 60 degrees; of class 1: 70 and 100
    hard = [
        chord(60) - chord(70),  # of the row at 0: 60 is furthest of its class, 70 nearest of the other
        chord(40) - chord(50),
        chord(60) - chord(10),
        chord(30) - chord(10),
        chord(30) - chord(40),
    ]
    expected = np.mean([max(0, each + 0.2) for each in hard])
    assert loss("triplet", at(0, 20, 60, 70, 100), [0, 0, 0, 1, 1], margin=0.2) == pytest.approx(expected, rel=1e-5)


def test_rows_without_a_partner_make_no_triplet() -> None:
    expected = (max(0, chord(20) - chord(30) + 0.5) + max(0, chord(20) - chord(10) + 0.5)) / 2
    assert loss("triplet", at(0, 20, 30), [0, 0, 1], margin=0.5) == pytest.approx(expected, rel=1e-5)
    assert loss("triplet", at(0, 20), [0, 0]) == 0
    out = at(0, 20).requires_grad_()
    plugins.build("objectives", "triplet", {}).loss(out, torch.tensor([0, 1]), EmbeddingOutput(2, 2)).backward()
    assert out.grad is not None and not out.grad.any()


def test_a_row_finds_its_proxy_by_squared_distances() -> None:
    proxies, out = at(0, 90), at(60)
    distances = [chord(60) ** 2, chord(30) ** 2]
    expected = math.log(1 + math.exp((distances[0] - distances[1]) / 0.5))
    assert loss("proxy_nca", out, [0], proxies, temperature=0.5) == pytest.approx(expected, rel=1e-5)
    head = EmbeddingOutput(2, 2)
    head.proxies.data = proxies
    usual = head.loss(out, torch.tensor([0]), plugins.build("objectives", "supervised", {}).loss_options)
    assert usual.item() == pytest.approx(loss("proxy_nca", out, [0], proxies), rel=1e-5)


def test_proxies_of_classes_without_training_rows_take_no_part() -> None:
    output = EmbeddingOutput(3, 2)
    output.proxies.data = at(0, 60, 90)
    output.start(np.array([0, 2, 2]))
    cosines, places = output.cosines(at(30), torch.tensor([2]))
    assert cosines.tolist() == [pytest.approx([math.cos(math.pi / 6), math.cos(math.pi / 3)])] and places == 1


@pytest.mark.parametrize(("degrees", "margin"), [(40.0, 0.5), (0.0, 0.3), (75.0, 0.0)])
def test_the_angle_to_the_own_centre_is_made_larger(degrees: float, margin: float) -> None:
    other = math.cos(math.radians(90 - degrees))
    own = math.cos(math.radians(degrees) + margin)
    expected = math.log(1 + math.exp(8 * (other - own)))
    got = loss("arcface", at(degrees), [0], at(0, 90), margin=margin, scale=8.0)
    assert got == pytest.approx(expected, rel=1e-4)


def test_an_angle_that_the_margin_would_carry_round_still_costs_more_than_a_smaller_one() -> None:
    costs = [loss("arcface", at(degrees), [0], at(0, 180), scale=8.0) for degrees in (140.0, 160.0, 179.0)]
    assert costs[0] < costs[1] < costs[2]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("triplet", {"margin": -1}),
        ("pairs", {"margin": 0}),
        ("proxy_nca", {"temperature": 0}),
        ("arcface", {"scale": 0}),
    ],
)
def test_options_that_make_no_loss_are_refused(name: str, options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        plugins.build("objectives", name, options)


def test_four_rows_of_a_class_come_together_and_each_row_once_before_any_again() -> None:
    targets = np.repeat(np.arange(5), [8, 8, 8, 8, 2])
    order = BalancedOrder(targets, ("seed",), 4)
    rows = [order.sample(n) for n in range(80)]
    for start in range(0, 80, 4):
        together = [targets[row] for _, row in rows[start : start + 4]]
        assert len({*together}) == 1
        if together[0] < 4:
            assert len({row for _, row in rows[start : start + 4]}) == 4
    assert {*Counter(targets[row] for _, row in rows).values()} == {16}
    assert {*Counter(row for _, row in rows if targets[row] < 4).values()} == {2}
    alone = BalancedOrder(targets, ("seed",))
    assert [alone.sample(n) for n in range(5)] == [BalancedOrder(targets, ("seed",), 1).sample(n) for n in range(5)]


@pytest.mark.parametrize("name", ["triplet", "pairs"])
def test_each_batch_of_a_loss_of_pairs_has_four_rows_of_each_of_its_classes(name: str) -> None:
    made = plugins.build("objectives", name, {})
    rows = apart(range(6), 9, 0)
    stream = BatchStream(rows, make_transform(Vector(6)), stream=made.streams[0], batch_size=12, seed=0)
    for batch in itertools.islice(stream.batches(), 9):
        assert sorted(Counter(batch.y.tolist()).values()) == [4, 4, 4]
    assert made.couples_rows


def apart(classes: range, rows: int, seed: int) -> Rows:
    """Make rows whose class shows in two of six numbers; the others are louder."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.array(classes), rows)
    places = np.random.default_rng(9).normal(size=(40, 2))[labels]
    x = random.normal(size=(len(labels), 6)) * 2
    x[:, :2] = places + 0.1 * random.normal(size=places.shape)
    return Rows([f"{seed}-{place}" for place in range(len(labels))], x.astype(np.float32), {"target": labels})


@pytest.mark.parametrize("name", ["supervised", *LOSSES])
def test_what_is_learnt_of_some_classes_finds_others(tmp_path: Path, name: str) -> None:
    train, test = apart(range(20), 8, 0), apart(range(20, 40), 8, 1)
    data = toys.dataset(Vector(6), "retrieval")
    target = plugins.build("targets", "retrieval", {"columns": ("y",), "identities": tuple(map(str, range(40)))})
    task = type(data.task)(data.task.modality, data.task.inputs, {"target": target})
    data = Dataset(task, {"train": train, "validation": test, "test": test}, {"train": train}, fingerprint="apart")
    model = toys.make_model(toys.source("vector:mlp"), data, "embedding")
    plainly = make_transform(model.backbone.card.input)
    before = neighbours(test.y, predict(model, test, plainly)["target"])
    toys.train(tmp_path, model, data, "full", name, stage=Stage(steps=80, batch_size=32, lr=1e-2))
    after = neighbours(test.y, predict(model, test, plainly)["target"])
    assert (after.before == 0).mean() > (before.before == 0).mean() + 0.15
