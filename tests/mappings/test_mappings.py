"""Claims of the mappings: each does to planted rows what its paper says, by values known beforehand."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

import toys
from headstart.artifact.load import load
from headstart.artifact.save import save
from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.core.recipe import Recipe, Stage
from headstart.core.seeding import mix
from headstart.core.types import Mapped, Solving
from headstart.data.rows import Dataset, Rows
from headstart.inputs.vector import Vector
from headstart.mappings._kernel import gaussian, width
from headstart.mappings._transport import costs, transport
from headstart.mappings.coral import Coral
from headstart.mappings.discriminator import Discriminator
from headstart.mappings.jdot import Jdot
from headstart.mappings.kliep import Kliep
from headstart.mappings.kmm import Kmm
from headstart.mappings.ot import Ot
from headstart.mappings.subspace import Subspace
from headstart.mappings.tca import Tca
from headstart.objectives.mapped import MappedFeatures
from headstart.runs.plan import make_plan

MAPPINGS = plugins.names("mappings")


def turned(angle: float = 0.6) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Make three classes on a line of 5 columns, and the same turned and moved: source, classes, target, its own."""
    random = np.random.default_rng(0)
    labels = np.arange(240) % 3
    other = random.permutation(labels)
    turn = np.eye(5)
    turn[:2, :2] = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]

    def rows(classes: np.ndarray) -> np.ndarray:
        line = np.array([-4.0, 0.0, 5.0])[classes]
        return np.stack([line, *([np.zeros(len(line))] * 4)], axis=1) + random.normal(
            0, [0.4, 0.3, 0.2, 0.1, 0.05], (len(line), 5)
        )

    return rows(labels), labels, rows(other) @ turn + np.array([1.0, 2.0, 0.0, 0.0, 0.0]), other


def answers(found: Mapped, labels: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Answer target rows by the nearest class mean of what a head would learn."""
    classes = labels if found.labels is None else found.labels
    weights = np.ones(len(found.rows)) if found.weights is None else found.weights
    means = np.stack([np.average(found.rows[classes == c], axis=0, weights=weights[classes == c]) for c in range(3)])
    at = target if found.matrix is None or found.offset is None else target @ found.matrix.T + found.offset
    return ((at[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)


def test_coral_makes_mean_and_covariance_those_of_the_target() -> None:
    source, labels, target, _ = turned()
    found = Coral(ridge=0).fit(source, target, labels)
    assert np.cov(found.rows, rowvar=False) == pytest.approx(np.cov(target, rowvar=False), abs=1e-8)
    assert found.rows.mean(axis=0) == pytest.approx(target.mean(axis=0)) and found.matrix is None
    same = Coral().fit(source, source, labels)
    assert same.rows == pytest.approx(source), "nothing is moved where nothing differs"
    held = np.cov(Coral(ridge=1e6).fit(source, target, labels).rows, rowvar=False)
    assert held / held[0, 0] == pytest.approx(
        np.cov(source, rowvar=False) / np.cov(source, rowvar=False)[0, 0], abs=1e-4
    )


def test_subspace_alignment_by_hand() -> None:
    """Axes e1 and e2 of the source, the target's first one turned by an angle to e3: S'T is diag(cos, 1)."""
    random, cosine = np.random.default_rng(0), np.cos(0.5)
    grid = np.stack([np.repeat([-3.0, 0, 3], 3), np.tile([-1.0, 0, 1], 3)], axis=1)
    source = np.column_stack([grid, 0.1 * grid.prod(axis=1)]) + 7.0  # what is on no axis is lost
    other = random.permutation(grid)
    target = np.stack([other[:, 0] * cosine, other[:, 1], other[:, 0] * np.sin(0.5)], axis=1) - 2.0
    found = Subspace(dim=2).fit(source, target, np.zeros(9))
    assert found.matrix is not None and found.offset is not None
    signs = np.sign(found.matrix[[0, 1], [0, 1]])  # of axes nobody knows
    assert found.rows[:, :2] == pytest.approx(grid * [cosine, 1] * signs, abs=1e-8)
    at = target @ found.matrix.T + found.offset
    assert at[:, :2] == pytest.approx(other * signs, abs=1e-8)
    assert np.abs(found.rows[:, 2]).max() == np.abs(at[:, 2]).max() == 0
    assert np.isfinite(Subspace(dim=400).fit(source, target, np.zeros(9)).rows).all()


def discrepancy(source: np.ndarray, target: np.ndarray) -> float:
    """Measure the squared distance of the means, as a share of the variance of all rows."""
    both = np.concatenate([source, target])
    return float(np.square(source.mean(axis=0) - target.mean(axis=0)).sum() / both.var(axis=0).sum())


def test_tca_lowers_the_discrepancy_and_keeps_what_varies_alike() -> None:
    random = np.random.default_rng(0)
    source, target = random.normal(0, [1, 2, 1, 1], (300, 4)), random.normal([5, 0, 0, 0], [1, 2, 1, 1], (300, 4))
    found = Tca(dim=2, mu=0.1).fit(source, target, None)
    assert found.matrix is not None and found.offset is not None
    at = target @ found.matrix.T + found.offset
    assert discrepancy(found.rows, at) < 0.05 * discrepancy(source, target)
    assert np.abs(found.matrix[0]).argmax() == 1, "the column of most variance that does not tell the domains"
    held = Tca(dim=4, mu=0.1).fit(source, target, None)
    assert held.matrix is not None
    penalty = np.outer(source.mean(0) - target.mean(0), source.mean(0) - target.mean(0))
    penalty += 0.1 * np.cov(np.concatenate([source, target]), rowvar=False, ddof=0).trace() / 4 * np.eye(4)
    assert held.matrix @ penalty @ held.matrix.T == pytest.approx(np.eye(4), abs=1e-8), "the constraint"


def test_transport_of_a_permuted_set_finds_the_permutation() -> None:
    rows = np.random.default_rng(0).normal(size=(60, 4))
    order = np.random.default_rng(1).permutation(60)
    found = Ot(entropy=0.002).fit(rows, rows[order], None)
    plan = transport(costs(rows, rows[order]), 0.002)
    assert (order[plan.argmax(axis=1)] == np.arange(60)).all()
    assert found.rows == pytest.approx(rows, abs=0.2) and found.matrix is None
    moved = Ot(entropy=0.002).fit(rows, rows[order] + 1.0, None)
    assert moved.rows == pytest.approx(rows + 1.0, abs=0.3), "the same shift for each"


def test_the_plan_has_the_marginals_and_the_cost_of_two_points_by_hand() -> None:
    cost, entropy = np.array([[0.0, 1.0], [1.0, 0.0]]), 0.5
    plan = transport(cost, entropy)
    other = np.exp(-1 / entropy) / (1 + np.exp(-1 / entropy)) / 2
    assert plan == pytest.approx(np.array([[0.5 - other, other], [other, 0.5 - other]]), abs=1e-6)
    plan = transport(np.random.default_rng(0).uniform(size=(7, 11)), 0.05)
    assert plan.sum(axis=1) == pytest.approx(np.full(7, 1 / 7), abs=1e-5)
    assert plan.sum(axis=0) == pytest.approx(np.full(11, 1 / 11), abs=1e-5)


@pytest.mark.parametrize("mapping", [Coral(ridge=0.1), Subspace(dim=2), Ot(), Jdot()])
def test_a_turned_target_is_answered_after_the_mapping(mapping: Any) -> None:
    source, labels, target, truth = turned()
    plain = (answers(Mapped(source), labels, target) == truth).mean()
    assert (answers(mapping.fit(source, target, labels), labels, target) == truth).mean() > max(plain, 0.95)


def test_joint_transport_labels_the_target_and_needs_classes() -> None:
    source, labels, target, truth = turned()
    found = Jdot().fit(source, target, labels)
    assert found.rows is target and found.labels is not None and (found.labels == truth).mean() > 0.98
    by_label = Jdot(alpha=0).fit(source, source[::-1], labels).labels
    assert by_label is not None and (by_label == labels[::-1]).mean() > 0.98, "what the classifier says counts, too"
    with pytest.raises(UsageError, match="jdot is for one target with one class a row"):
        Jdot().fit(source, target, None)


@pytest.mark.parametrize("mapping", [Kmm(), Kliep(), Discriminator()])
def test_weights_of_a_known_shift(mapping: Any) -> None:
    """From a normal at 0 to one at 1 of half the spread: weights rise to the ratio's peak, at 4/3, and fall again."""
    random = np.random.default_rng(0)
    source, target = random.normal(0, 1, (600, 1)), random.normal(1, 0.5, (500, 1))
    if isinstance(mapping, Discriminator):  # a linear one knows a shift alone
        target = random.normal(1, 1, (500, 1))
    weights: Any = mapping.fit(source, target, None).weights
    assert weights.min() >= 0 and weights.mean() == pytest.approx(1.0, abs=0.1)
    assert np.average(source[:, 0], weights=weights) == pytest.approx(target.mean(), abs=0.15)
    if not isinstance(mapping, Discriminator):
        spread = np.average((source[:, 0] - target.mean()) ** 2, weights=weights)
        assert spread == pytest.approx(target.var(), abs=0.15)
        assert 0.5 < source[weights.argmax(), 0] < 2
    even: Any = mapping.fit(source, random.normal(0, 1, (500, 1)), None).weights
    assert np.abs(even - 1).mean() < 0.35, "no shift, no weights"


def test_the_ratio_of_kliep_is_at_its_maximum() -> None:
    """A solver of constrained problems, which knows no mixture, finds the same weights."""
    random = np.random.default_rng(0)
    source, target = random.normal([0, 0], [2, 1], (200, 2)), random.normal(1, 1, (5, 2))
    weights = Kliep(centres=5).fit(source, target, None).weights
    assert weights is not None and weights.mean() == pytest.approx(1.0)
    near, own = (gaussian(rows, target, width(target)) for rows in (target, source))
    held = {"type": "eq", "fun": lambda a: (own @ a).mean() - 1}
    found: Any = minimize(
        lambda a: -np.log(near @ a).mean(), np.ones(5), bounds=[(1e-9, None)] * 5, constraints=held, tol=1e-10
    )
    assert weights == pytest.approx(own @ found.x, abs=0.02)
    assert np.log(near @ found.x).mean() > np.log(near @ (np.ones(5) / own.mean(axis=0) / 5)).mean() + 0.01


def test_rows_of_the_target_that_come_three_times_change_no_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headstart.mappings.kmm.width", lambda rows: 2.0)  # the median is that of other rows
    random = np.random.default_rng(0)
    source, target = random.normal(0, 1, (90, 2)), random.normal(1, 0.5, (60, 2))
    once, thrice = (Kmm().fit(source, rows, None).weights for rows in (target, np.tile(target, (3, 1))))
    assert once is not None and thrice is not None and once == pytest.approx(thrice, abs=0.1)


def domains(kind: str = "multiclass") -> Dataset:
    """Make two domains of 6 columns, the second turned and moved."""
    data = toys.dataset(Vector(6), kind, rows=90)
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(6, 6)))[0]
    target = data.pools["target"]
    moved = (target.inputs @ turn + 1.0).astype(np.float32)
    return dataclasses.replace(data, pools={**data.pools, "target": Rows(target.ids, moved)})


def solve(folder: Path, mapping: str, data: Dataset) -> Any:
    model = toys.make_model(toys.source("vector:mlp"), data)
    stage = Stage(steps=1, batch_size=8, optimiser="solve", augment="plain")
    toys.train(folder, model, data, "linear_probe", MappedFeatures(mapping=mapping), stage=stage)
    return model


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_the_saved_model_answers_as_the_head_does_after_the_map(tmp_path: Path, mapping: str) -> None:
    """The map of target rows, kept apart from a head solved by hand, gives what the loaded model gives."""
    data = domains()
    model = solve(tmp_path / "run", mapping, data)
    save(tmp_path / "model", model, data.task, Recipe(), fingerprint="toy", precision="float32")
    x = torch.from_numpy(data.pools["target"].inputs)
    with torch.no_grad():
        features = {
            name: model.backbone(torch.from_numpy(data.pools[name].inputs))["pooled"] for name in ("source", "target")
        }
        found = model(x)
        assert torch.equal(found, load(tmp_path / "model", device="cpu").model(x))
    source, target = (features[name].double().numpy() for name in ("source", "target"))
    y = data.pools["source"].y
    mapped = plugins.build("mappings", mapping, {}).fit(source, target, y)
    head = toys.make_model(toys.source("vector:mlp"), data).head
    labels = y if mapped.labels is None else mapped.labels
    head.solve(
        mapped.rows, labels, Solving(MappedFeatures().loss_options, seed=mix(0, "solve", 0), weights=mapped.weights)
    )
    at = target if mapped.matrix is None else target @ mapped.matrix.T + mapped.offset
    with torch.no_grad():
        by_hand = head({"pooled": torch.from_numpy(at.astype(np.float32))}).softmax(1)
    assert found.softmax(1).numpy() == pytest.approx(by_hand.numpy(), abs=1e-4)


def test_no_label_of_the_target_is_asked_for_and_steps_are_refused(tmp_path: Path) -> None:
    data = domains()
    assert not data.pools["target"].labels
    settings = {"stages.0.objective": "mapped mapping='subspace dim=3'"}
    plan = make_plan(Recipe().with_settings(settings), data)
    stage = plan.recipe.stages[0]
    assert stage.strategy is not None and stage.strategy.name == "linear_probe" and stage.optimiser == "solve"
    with pytest.raises(UsageError, match="The objective 'mapped' is solved and cannot be trained by steps"):
        make_plan(Recipe().with_settings({**settings, "stages.0.strategy": "full"}), data)
    with pytest.raises(UsageError, match="no mapping 'corral'"):
        MappedFeatures(mapping="corral")


@pytest.mark.slow
def test_a_head_of_trees_takes_what_changes_the_source_alone(tmp_path: Path) -> None:
    data = domains()
    model, stage = (
        toys.make_model(toys.tiny(), data, "boosting"),
        Stage(steps=1, batch_size=8, optimiser="solve", augment="plain"),
    )
    for mapping in ("coral", "kliep"):
        toys.train(tmp_path / mapping, model, data, "linear_probe", MappedFeatures(mapping=mapping), stage=stage)
    with pytest.raises(UsageError, match="which only the head 'linear' takes up"):
        toys.train(tmp_path / "tca", model, data, "linear_probe", MappedFeatures(mapping="tca"), stage=stage)


def test_weights_count_rows_as_repeating_them_does() -> None:
    """A row of weight 2 is two rows: the optimum is the same under the same penalty."""
    x = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    y = np.arange(60) % 3
    often = np.where(np.arange(60) < 20, 2, 1)
    heads = []
    for rows, labels, weights in ((x, y, often / 1.0), (np.repeat(x, often, axis=0), np.repeat(y, often), None)):
        head = plugins.build("heads", "linear", {}).build(3, toys.task_for(Vector(3)).target)
        wanted = Solving(MappedFeatures().loss_options, weights=weights, chosen=("one", 1e-7))
        head.solve(rows, labels, wanted)
        with torch.no_grad():
            heads.append(head({"pooled": torch.from_numpy(x)}).softmax(1).numpy())
    assert heads[0] == pytest.approx(heads[1], abs=2e-3)


def test_ridge_regression_takes_weights_and_moved_rows(tmp_path: Path) -> None:
    data = domains("regression")
    solve(tmp_path / "coral", "coral", data)
    solve(tmp_path / "kmm", "kmm", data)
    with pytest.raises(UsageError, match="jdot is for one target"):
        solve(tmp_path / "jdot", "jdot", data)
