"""Claims of the head of class means: the nearest one wins, and no row counts for itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import toys
from headstart.core import plugins
from headstart.core.types import LossOptions, Solving
from headstart.inputs.vector import Vector


def made(x: np.ndarray, y: Any, kind: str = "multiclass", **how: Any) -> tuple[Any, Any]:
    head = plugins.build("heads", "means", {}).build(x.shape[1], toys.task_for(Vector(x.shape[1]), kind).target)
    return head, head.solve(x.astype(np.float32), np.asarray(y), Solving(LossOptions(), **how))


def outputs(head: Any, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return head({"pooled": torch.from_numpy(x.astype(np.float32))}).numpy()


def test_the_likeliest_class_is_that_of_the_nearest_mean() -> None:
    random = np.random.default_rng(0)
    y = np.arange(90) % 3
    x = random.normal(5, 1, (90, 4)) + 2 * np.eye(4)[y]
    head, found = made(x, y)
    means = np.stack([x[y == c].mean(axis=0) for c in range(3)])
    new = random.normal(5, 3, (200, 4))
    distance = ((new[:, None] - means) ** 2).sum(axis=2)
    out = outputs(head, new)
    assert (out.argmax(axis=1) == distance.argmin(axis=1)).all()
    ratio = (out[:, 0] - out[:, 1]) / (distance[:, 1] - distance[:, 0])
    assert ratio == pytest.approx(np.full(200, ratio[0]), rel=1e-2), "logits are distances, at one scale"
    assert found.note == "nearest of 3 class means"


def test_each_row_is_left_out_of_its_own_mean() -> None:
    random = np.random.default_rng(0)
    y, x = np.arange(12) % 3, random.normal(size=(12, 2))
    head, found = made(x, y)
    scale = np.linalg.norm(head.trunk.weight.detach().numpy()) / np.linalg.norm(
        np.stack([x[y == c].mean(axis=0) for c in range(3)]) - x.mean(axis=0)
    )
    for row in range(12):
        rest = np.arange(12) != row
        means = np.stack([x[rest & (y == c)].mean(axis=0) for c in range(3)])
        distance = ((x[row] - means) ** 2).sum(axis=1)
        by_hand = scale * (distance.mean() - distance) / 2
        assert found.out_of_fold[row] - found.out_of_fold[row].mean() == pytest.approx(by_hand, abs=1e-5)
    noise, labels = random.normal(size=(60, 500)), np.arange(60) % 3
    head, _ = made(noise, labels)
    shares = torch.from_numpy(outputs(head, noise)).softmax(1).numpy()
    assert np.abs(shares - 1 / 3).max() < 0.3, "of classes that are noise it is not sure, though it knows the rows"


def test_weights_count_rows_as_repeating_them_does() -> None:
    x, y = np.random.default_rng(0).normal(size=(30, 2)), np.arange(30) % 3
    often = np.where(np.arange(30) < 10, 3, 1)
    one, other = made(x, y, weights=often / 1.0)[0], made(np.repeat(x, often, axis=0), np.repeat(y, often))[0]
    assert (outputs(one, x).argmax(1) == outputs(other, x).argmax(1)).all()


def test_lone_and_missing_classes_do_no_harm() -> None:
    x = np.random.default_rng(0).normal(size=(11, 2)) + 3.0 * (np.arange(11) == 0)[:, None]
    head, found = made(x, [1, *[0] * 10])
    assert np.isfinite(found.out_of_fold).all()
    assert 2 not in outputs(head, 100 * x).argmax(axis=1), "a class without rows is no answer"
    head, _ = made(x, [0] * 11)
    assert (outputs(head, x).argmax(axis=1) == 0).all()


def test_what_it_does_not_solve() -> None:
    assert plugins.build("heads", "means", {}).build(3, toys.task_for(Vector(3)).target).solves(Solving(LossOptions()))
    for kind, options, imbalance in (
        ("regression", LossOptions(), "none"),
        ("multilabel", LossOptions(), "none"),
        ("multiclass", LossOptions(label_smoothing=0.1), "none"),
        ("multiclass", LossOptions(class_weights=(1.0, 1.0, 2.0)), "none"),
        ("multiclass", LossOptions(), "weights"),
    ):
        head = plugins.build("heads", "means", {}).build(3, toys.task_for(Vector(3), kind).target)
        assert not head.solves(Solving(options, imbalance)) and not head.learns_by_steps
