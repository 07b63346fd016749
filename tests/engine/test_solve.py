"""Claim: all that solves the heads of a model does it by one function, whatever the targets and their losses are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from headstart.core.types import LossOptions, Solving
from headstart.data.rows import Rows
from headstart.engine.solve import answers, solve_all
from headstart.models.heads.linear import Linear
from headstart.models.heads.mlp import Mlp
from headstart.models.load import load_source
from headstart.models.model import Model
from headstart.targets.multiclass import Multiclass
from headstart.targets.regression import Regression

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(60, 4)).astype(np.float32)
SIDE = (FEATURES[:, 0] + RNG.normal(size=60) > 0.8).astype(np.int64)
SIZE = (3 * FEATURES[:, 1:2] + 5).astype(np.float32)
ROWS = Rows([str(row) for row in range(60)], FEATURES, {"side": SIDE, "size": SIZE})


def model(kind: type[Linear | Mlp] = Linear) -> Model:
    """Build a model of two targets on columns of numbers."""
    side, size = Multiclass(("y",), ("no", "yes")), Regression(("z",))
    heads = {"side": Linear().build(4, side), "size": kind().build(4, size)}
    return Model(load_source("vector:columns", {"dim": 4}), heads)


def layer(made: Model, name: str = "side") -> Any:
    """Return the head of a target."""
    return made.by_target()[name]


def test_every_head_is_solved_and_what_was_chosen_before_is_taken() -> None:
    made = model()
    solved = solve_all(made, FEATURES, ROWS, Solving(LossOptions(), seed=1))
    assert solved is not None and list(solved) == ["side", "size"]
    given = answers(made, ROWS, FEATURES)
    assert np.abs(given["size"] - SIZE).max() < 0.05 and ((given["side"][:, 1] > 0.5) == SIDE).mean() > 0.7
    again = model()
    stronger = {"side": ("one", 100.0)}
    kept = solve_all(again, FEATURES, ROWS, Solving(LossOptions(), seed=1), stronger)
    assert kept is not None and kept["side"].chosen == ("one", 100.0) and "as chosen before" in kept["side"].note
    assert layer(again).trunk.weight.abs().max() < layer(made).trunk.weight.abs().max()


@pytest.mark.parametrize(("kind", "same"), [("focal", True), ("weights", False), ("logit_adjust", False)])
def test_rare_classes_are_made_up_for_unless_that_has_no_solution(kind: str, same: bool) -> None:
    plain, other = model(), model()
    assert solve_all(plain, FEATURES, ROWS, Solving(LossOptions()))
    assert solve_all(other, FEATURES, ROWS, Solving(LossOptions(), kind))
    one, two = layer(plain), layer(other)
    assert torch.allclose(one.trunk.bias, two.trunk.bias) == same and (one.output.balance == two.output.balance) == same


def test_each_head_is_solved_on_the_rows_that_have_its_label_and_answers_no_others() -> None:
    known = np.arange(60) % 3 > 0
    labels = {"side": np.where(known, SIDE, 0), "size": SIZE}
    mixed, alone = model(), model()
    wanted = Solving(LossOptions(), seed=1, groups=[str(row // 2) for row in range(60)], weights=np.linspace(1, 2, 60))
    solved = solve_all(mixed, FEATURES, Rows(ROWS.ids, FEATURES, labels, known={"side": known}), wanted)
    some = ROWS.take(np.flatnonzero(known))
    groups = [group for group, has in zip(wanted.groups or (), known, strict=True) if has]
    assert wanted.weights is not None
    own = solve_all(alone, some.inputs, some, wanted._replace(groups=groups, weights=wanted.weights[known]))
    assert solved is not None and own is not None
    assert torch.equal(layer(mixed).trunk.weight, layer(alone).trunk.weight)
    out = solved["side"].out_of_fold
    assert np.isnan(out[~known]).all() and np.array_equal(out[known], own["side"].out_of_fold)
    assert np.isfinite(solved["size"].out_of_fold).all()


def test_a_head_that_needs_steps_leaves_all_as_they_are() -> None:
    made = model(Mlp)
    before = layer(made).trunk.weight.detach().clone()
    assert solve_all(made, FEATURES, ROWS, Solving(LossOptions())) is None
    assert torch.equal(before, layer(made).trunk.weight)
