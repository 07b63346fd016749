"""What every rule does, found by itself: badly scaled and cancelling gradients, order, scale, state."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from combine.matrices import along, gram, rule, some, update, weigh
from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.core.types import OfGradients
from headstart.engine.combiner import Combiner

NAMES = plugins.names("combine")
BY_CHANCE = ("graddrop", "pcgrad", "rlw")
BY_RATIOS = ("dwa", "famo", "gradnorm", "stch", "uncertainty")
KEEP_DIRECTION = ("imtl_g", "nash")  # where a loss is rescaled
OF_EQUAL = {"cagrad": 1.5} | dict.fromkeys(("aligned_mtl", "imtl_g", "mgda", "nash", "upgrad"), 1.0)  # others: the sum
BASE = some(3, 7)
MATRICES: dict[str, np.ndarray] = {
    "random": BASE,
    "equal": np.stack([BASE[0]] * 3),
    "nearly equal": BASE[0] + 1e-7 * BASE,
    "opposite": np.stack([BASE[0], -BASE[0]]),
    "opposite, of other lengths": np.stack([BASE[0], -2 * BASE[0], BASE[1]]),
    "nearly opposite": np.stack([BASE[0], -BASE[0] + 1e-5 * BASE[1]]),
    "more than dimensions": some(5, 2),
    "around zero": np.array([[1.0, 0], [-0.5, 0.75**0.5], [-0.5, -(0.75**0.5)]]),
    "tiny and huge": BASE * np.array([[1e-8], [1.0], [1e8]]),
    "tiny against huge": np.stack([1e-8 * BASE[0], 1e8 * (BASE[1] - 3 * BASE[0])]),
    "all tiny": 1e-8 * BASE,
    "all huge": 1e8 * BASE,
}


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("name", NAMES)
def test_weights_are_finite(name: str, matrix: str) -> None:
    gradients = MATRICES[matrix]
    made, state = rule(name, len(gradients)), None
    for losses in (1.0, 1e-8, 1e8, 0.0):
        state = made.start(len(gradients)) if state is None else state
        weights = weigh(made, gradients, [losses, *[1.0] * (len(gradients) - 1)], state)
        assert weights.shape == (len(gradients),) and np.isfinite(weights).all()
        assert all(np.isfinite(rows).all() and len(rows) == len(gradients) for rows in state.values())
        made.combine(torch.from_numpy(gradients), torch.from_numpy(weights))
    assert np.isfinite(update(made, gradients)).all()


@pytest.mark.parametrize("name", NAMES)
def test_of_equal_losses_it_makes_the_direction_of_one(name: str) -> None:
    gradients = np.stack([BASE[0]] * 3)
    made = update(rule(name, 3), gradients, [0.7] * 3)
    assert along(made, BASE[0]) == pytest.approx(1, abs=1e-6)
    length = np.linalg.norm(made) / np.linalg.norm(BASE[0])
    assert length == pytest.approx(OF_EQUAL.get(name, 3.0), rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_losses_does_not_matter(name: str) -> None:
    if name in BY_CHANCE:
        pytest.skip("it draws by chance")
    order = [2, 0, 1]
    combiners = Combiner(rule(name, 3)), Combiner(rule(name, 3))
    losses = np.random.default_rng(1).uniform(0.5, 2, size=(4, 3))
    for step in losses:
        one, other = (
            move(combiner, {"abc"[k]: step[k] for k in ks}, BASE[ks])
            for combiner, ks in zip(combiners, ([0, 1, 2], order), strict=True)
        )
        assert one[order] == pytest.approx(other, rel=1e-5)


def move(combiner: Combiner, losses: dict[str, float], gradients: np.ndarray, seed: int = 0) -> np.ndarray:
    """Take a step with a combiner."""
    weights, after = combiner.weigh(losses, gram(gradients), np.random.default_rng(seed))
    combiner.become(after)
    return weights


@pytest.mark.parametrize("name", NAMES)
def test_what_it_remembers_is_saved_to_the_bit(name: str) -> None:
    options: Any = {"window": 2} if name in ("dwa", "stch") else {}
    made = rule(name, 3, **options)
    whole, again = Combiner(made), Combiner(made)
    steps = np.random.default_rng(1).uniform(0.5, 2, size=(8, 3))
    for number, step in enumerate(steps):
        if number == 5:
            again.restore({key: tensor.clone() for key, tensor in whole.pack().items()}, list(whole.names))
        weights = move(whole, dict(zip("abc", step, strict=True)), BASE, number)
        if number >= 5:
            assert weights.tolist() == move(again, dict(zip("abc", step, strict=True)), BASE, number).tolist()
    assert {k: t.tolist() for k, t in whole.pack().items()} == {k: t.tolist() for k, t in again.pack().items()}


@pytest.mark.parametrize("name", KEEP_DIRECTION)
def test_a_rescaled_loss_changes_no_direction_and_all_lengths_by_one_factor(name: str) -> None:
    factors = []
    for seed in range(5):
        gradients = some(3, 7, seed)
        plain, scaled = update(rule(name), gradients), update(rule(name), gradients * [[1000.0], [1.0], [1.0]])
        assert along(plain, scaled) == pytest.approx(1, abs=1e-6)
        factors.append(np.linalg.norm(scaled) / np.linalg.norm(plain))
    assert factors == pytest.approx([10.0] * 5, rel=1e-4)


@pytest.mark.parametrize("name", BY_RATIOS)
def test_a_loss_below_zero_has_no_ratio(name: str) -> None:
    with pytest.raises(UsageError, match=f"'{name}' compares losses by their ratios, and one of them is -0.5"):
        weigh(rule(name), BASE[:2], [1.0, -0.5])


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(BY_RATIOS)))
def test_other_rules_take_losses_below_zero(name: str) -> None:
    assert np.isfinite(weigh(rule(name), BASE[:2], [1.0, -0.5])).all()


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_reads(name: str) -> None:
    made = rule(name)
    assert made.reads_gradients == isinstance(made, OfGradients)
    assert ("on" in {field.name for field in dataclasses.fields(type(made))}) == made.reads_gradients  # pyright: ignore
    assert made.weighs_losses == (name in (*BY_RATIOS, "fixed", "rlw"))


THEIRS = {"aligned_mtl": "AlignedMTL", "imtl_g": "IMTLG", "mgda": "MGDA", "pcgrad": "PCGrad"}


@pytest.mark.parametrize("name", THEIRS)
def test_it_agrees_with_torchjd_on_two_gradients(name: str) -> None:
    library = pytest.importorskip("torchjd.aggregation", reason="torchjd is not installed: no comparison with it")
    for seed in range(10):
        gradients = some(2, 5, seed)
        expected = getattr(library, THEIRS[name])()(torch.from_numpy(gradients)).numpy()
        assert along(update(rule(name), gradients), expected) == pytest.approx(1, abs=1e-3)
