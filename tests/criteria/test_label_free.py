"""Claims of the criteria without labels: values by hand, what the papers say of them, and the better of two models."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import toys
from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.core.recipe import Recipe
from headstart.core.types import Measured, Score, Task
from headstart.criteria.bnm import Bnm
from headstart.criteria.circular import Circular
from headstart.criteria.dev import Dev
from headstart.criteria.entropy import Entropy
from headstart.criteria.iwv import Iwv
from headstart.criteria.snd import Snd
from headstart.data.rows import Rows
from headstart.engine.job import make_job
from headstart.inputs.vector import Vector
from headstart.runs.plan import make_plan
from headstart.solvers.ratio import density_ratio

SURE, EVEN = [1.0, 0.0], [0.5, 0.5]
NAMES = ("iwv", "dev", "entropy", "snd", "bnm", "circular")
TASK = Task.of("vector", "binary", ("x",), ("y",), ("a", "b"))


def rows(count: int, labels: Any = None) -> Rows:
    found = {} if labels is None else {"target": np.asarray(labels, dtype=np.int64)}
    return Rows([str(i) for i in range(count)], np.zeros((count, 2), np.float32), found)


def of_target(outputs: Any, features: Any = None) -> dict[str, Measured]:
    outputs = np.asarray(outputs, dtype=np.float32)
    return {"target": Measured(rows(len(outputs)), {"target": outputs}, features)}


def value(criterion: Any, measured: dict[str, Measured]) -> float:
    found = criterion.score(TASK, measured)
    assert isinstance(found, Score)
    return found.value


def test_entropy_is_the_mean_over_rows_in_nats() -> None:
    assert value(Entropy(), of_target([SURE, EVEN])) == pytest.approx(math.log(2) / 2)
    found = Entropy(least=2).score(TASK, of_target([SURE, EVEN]))
    assert found is not None and not found.higher_is_better and not found.undecided
    assert found.parts == pytest.approx((math.log(2), 0.0)), "each row left out in turn"
    few = Entropy(least=3).score(TASK, of_target([SURE, EVEN]))
    assert few is not None and "2 rows of target are too few" in few.undecided


def test_the_nuclear_norm_is_one_for_sure_and_balanced_answers_alone() -> None:
    both = [SURE, SURE[::-1]]
    assert value(Bnm(), of_target(both * 3)) == pytest.approx(1.0)
    assert value(Bnm(), of_target([SURE] * 6)) == pytest.approx(math.sqrt(1 / 2)), "one singular value, root 6"
    assert value(Bnm(), of_target([EVEN] * 6)) == pytest.approx(1 / 2), "the singular value is root (6 / 2)"
    assert value(Entropy(), of_target([SURE] * 6)) == value(Entropy(), of_target(both * 3)) == 0


def test_the_density_of_neighbourhoods_by_hand() -> None:
    """Two rows of each class: one neighbour like it, two that are not, through a softmax of temperature 1/2."""
    near, far = math.exp(2), 1.0
    share = np.array([near, far, far]) / (near + 2 * far)
    expected = -(share * np.log(share)).sum()
    four = [SURE, SURE, SURE[::-1], SURE[::-1]]
    assert value(Snd(temperature=0.5), of_target(four)) == pytest.approx(expected)
    unit = 0.75 / math.hypot(0.75, 0.25)  # cosine of the third answer with the others
    share = np.exp(np.array([1, unit]) / 0.5) / np.exp(np.array([1, unit]) / 0.5).sum()
    three = (-2 * (share * np.log(share)).sum() + math.log(2)) / 3
    assert value(Snd(temperature=0.5), of_target([SURE, SURE, [0.75, 0.25]])) == pytest.approx(three)
    permuted = of_target(np.array(four)[[2, 0, 3, 1]])
    assert value(Snd(temperature=0.5), permuted) == pytest.approx(expected), "the order of rows does not matter"
    apart = of_target([SURE, [0.75, 0.25], [0.25, 0.75], SURE[::-1]])
    assert value(Snd(), of_target(four * 4)) > value(Snd(), apart), "denser"
    assert value(Snd(), of_target([SURE] * 16)) == pytest.approx(math.log(15)), "a collapse has all as neighbours"


@pytest.mark.parametrize("criterion", [Entropy(), Bnm(), Snd()])
def test_what_needs_no_features_does_not_tell_classes_apart(criterion: Any) -> None:
    outputs = np.random.default_rng(0).dirichlet([0.3, 0.3], 40)
    same = value(criterion, of_target(outputs))
    assert value(criterion, of_target(outputs[:, ::-1])) == pytest.approx(same)
    assert value(criterion, of_target(outputs[::-1])) == pytest.approx(same)
    worst = value(criterion, of_target([[np.nan, np.nan], EVEN]))
    assert worst == (-math.inf if criterion.higher_is_better else math.inf)


def test_the_ratio_of_densities_of_a_known_shift() -> None:
    """Normals of equal spread, one apart: the log-ratio is x - 1/2, and each row's own part in it is left out."""
    random = np.random.default_rng(0)
    own, other = random.normal(0, 1, (900, 1)), random.normal(1, 1, (900, 1))
    ratio = density_ratio(own, other)
    assert np.log(ratio) == pytest.approx(own[:, 0] - 0.5, abs=0.3)
    assert ratio.mean() == pytest.approx(1.0, abs=0.1)


def test_what_is_learnt_by_heart_does_not_pass_for_a_ratio() -> None:
    """One column of 60 differs, on 80 rows a side. Answered by a fit of themselves they have a mean ratio of 0.4."""
    random = np.random.default_rng(0)
    own, other = random.normal(size=(80, 60)), random.normal(size=(80, 60)) + 2 * (np.arange(60) == 0)
    assert density_ratio(own, other).mean() > 0.6


def test_the_ratio_counts_the_rows_of_both_samples() -> None:
    random = np.random.default_rng(0)
    ratio = density_ratio(random.normal(size=(300, 1)), random.normal(size=(900, 1)))
    assert ratio.mean() == pytest.approx(1.0, abs=0.05)


def test_the_weighted_risks_by_hand() -> None:
    weights, losses = np.array([0.5, 1.5, 0.5, 1.5]), np.array([1.0, 0.0, 0.0, 0.0])
    assert Iwv().risk(weights, losses) == pytest.approx(0.5 / 4)
    assert Iwv().risk(10 * weights, losses) == pytest.approx(0.5 / 4), "their mean is 1 in truth"
    weighted = weights * losses
    spread, both = 0.25, (weighted * weights).mean() - weighted.mean() * 1.0
    assert Dev().risk(weights, losses) == pytest.approx(0.5 / 4 - both / spread * (1.0 - 1.0))
    more = weights + 0.2  # their mean is 1.2: what it is too much by is taken off
    weighted = more * losses
    eta = -((weighted * more).mean() - weighted.mean() * 1.2) / spread
    assert Dev().risk(more, losses) == pytest.approx(weighted.mean() + eta * 0.2)
    assert Dev().risk(np.ones(4), losses) == pytest.approx(0.25), "no spread: the plain mean"
    assert Dev().risk(more, np.ones(4)) == pytest.approx(1.0), "a loss that is the same everywhere is known exactly"


def two_domains(right: bool) -> dict[str, Measured]:
    """Give what a model that is right on the target, or one that is right on the source alone, says and sees.

    The domains overlap in the first column; the label is the sign of the second, which the wrong model turns round
    where the target lies.
    """
    random = np.random.default_rng(0)
    measured = {}
    for pool, centre in (("validation", 0.0), ("target", 1.5)):
        x = np.stack([random.normal(centre, 1, 400), random.choice([-1, 1], 400) + random.normal(0, 0.2, 400)], axis=1)
        truth = (x[:, 1] > 0).astype(int)
        says = truth if right else np.where(x[:, 0] > 1, 1 - truth, truth)
        share = 0.98 if right else np.where(x[:, 0] > 1, 0.6, 0.98)
        likely = np.stack([np.where(says == 0, share, 1 - share), np.where(says == 1, share, 1 - share)], axis=1)
        known = rows(400, truth if pool == "validation" else None)
        measured[pool] = Measured(known, {"target": likely.astype(np.float32)}, x.astype(np.float32))
    return measured


@pytest.mark.parametrize("name", NAMES)
def test_the_model_that_is_right_on_the_target_has_the_better_score(name: str) -> None:
    criterion = plugins.build("criteria", name, {})
    right, wrong = (criterion.score(TASK, two_domains(which)) for which in (True, False))
    assert right.beats(wrong) and not wrong.beats(right) and not right.undecided
    assert right.ahead_of(wrong) > 2 * right.noise_beside(wrong)


def test_the_weights_make_up_for_the_shift() -> None:
    """The wrong model errs where the target lies: on 16 % of the source's rows, on 69 % of the target's."""
    found = two_domains(right=False)
    x = found["target"].features
    assert x is not None
    truth = (x[:, 0] > 1).mean()
    labels, outputs = found["validation"].rows.labels["target"], found["validation"].outputs["target"]
    assert (outputs.argmax(1) != labels).mean() == pytest.approx(0.16, abs=0.04)
    assert value(Iwv(), found) == pytest.approx(truth, abs=0.1)
    assert value(Dev(), found) == pytest.approx(truth, abs=0.1)


def test_the_way_back_learns_the_answers_alone() -> None:
    found = two_domains(right=True)
    score = Circular().score(TASK, found)
    assert score is not None and score[:3] == ("circular_accuracy", 1.0, True)
    wrong = {**found, "target": two_domains(right=False)["target"]}
    turned = Measured(
        wrong["target"].rows, {"target": found["target"].outputs["target"][:, ::-1]}, found["target"].features
    )
    assert value(Circular(), {**found, "target": turned}) == 0.0, "what it says of its own rows has no part in it"


def test_circular_validation_takes_any_kind_of_target() -> None:
    features = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    slope = features @ np.array([[1.0], [2.0]], np.float32)
    task = Task.of("vector", "regression", ("x",), ("y",))
    known = Rows([str(i) for i in range(60)], features, {"target": slope})
    found = Circular().score(
        task,
        {
            "validation": Measured(known, {"target": slope}, features),
            "target": Measured(rows(60), {"target": slope}, features),
        },
    )
    assert found is not None and found.loss == pytest.approx(0.0, abs=1e-3)


def test_classes_are_needed_where_they_are_looked_at() -> None:
    data = toys.dataset(Vector(6), "regression")
    for name in ("entropy", "snd", "bnm"):
        with pytest.raises(UsageError, match=f"'{name}' is for targets of the form classes; .* read as regression"):
            make_plan(Recipe().with_settings({"stages.0.criterion.name": name}), data)
    with pytest.raises(UsageError, match="'dev' needs rows for elsewhere"):
        make_plan(Recipe().with_settings({"stages.0.criterion": "dev pool=elsewhere"}), data)


def test_some_of_the_rows_without_labels_are_drawn_by_the_seed() -> None:
    data = toys.dataset(Vector(6))
    plan = make_plan(Recipe().with_settings({"stages.0.objective": "dann", "stages.0.strategy": "full"}), data)
    drawn = []
    for criterion, seed in ((Dev(most=10), 0), (Dev(most=10), 0), (Dev(most=10), 1), (Dev(), 0)):
        stage, parts = plan.recipe.stages[0], (plan.strategies[0], plan.objectives[0])
        job = make_job(*parts, criterion, stage, data, Vector(6), seed)
        assert len(job.measured["validation"].rows) == 12, "all that have labels"
        assert not job.measured["target"].rows.labels
        drawn.append(list(job.measured["target"].rows.ids))
    assert drawn[0] == drawn[1] != drawn[2] and len(drawn[2]) == 10
    assert set(drawn[0]) < set(drawn[3]) == set(data.pools["target"].ids)
