"""Claims: each alignment loss has its paper's value on hand-made rows, and adversaries push features and heads apart.

Values are derived by hand; what the base adds (task losses, weight, strength, no target labels) is shown once for all.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import toys
from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.core.recipe import Stage
from headstart.core.types import Stream
from headstart.inputs.vector import Vector
from headstart.models.model import Model
from headstart.objectives._domains import Alignment, Side, strength_at
from headstart.objectives._kernels import WIDTHS, gaussian_kernel, mmd
from headstart.objectives.coral import covariance_distance

ALIGNMENTS = [name for name in plugins.names("objectives") if issubclass(plugins.load("objectives", name), Alignment)]
OF_CLASSES = [name for name in ALIGNMENTS if plugins.load("objectives", name).forms]


def side(pooled: Any, outputs: Any = ((0.0, 0.0),)) -> Side:
    return Side(torch.as_tensor(pooled, dtype=torch.float32), torch.as_tensor(outputs, dtype=torch.float32), {})


def made(name: str, **options: Any) -> tuple[Any, Model, nn.Module]:
    """Build an objective, a small model and the objective's modules."""
    model = toys.make_model(toys.tiny(), toys.dataset(Vector(6)))
    objective = plugins.build("objectives", name, options)
    torch.manual_seed(0)
    return objective, model, objective.modules(model)


def align(name: str, source: Side, target: Side, strength: float = 1.0, **options: Any) -> torch.Tensor:
    objective, model, extra = made(name, **options)
    return objective.align(model, extra, source, target, strength)


def batches() -> dict[str, Any]:
    data = toys.dataset(Vector(6))
    source, target = (torch.from_numpy(data.pools[name].inputs[:8]) for name in ("source", "target"))
    return {
        "source": toys.batch(source, torch.from_numpy(data.pools["source"].y[:8])),
        "target": toys.batch(target + 1),
    }


@pytest.mark.parametrize("name", ALIGNMENTS)
def test_the_loss_is_the_tasks_own_on_the_source_and_a_weight_times_the_alignment(name: str) -> None:
    objective, model, extra = made(name)
    source, target = batches()["source"], batches()["target"]
    losses = objective.losses(model, extra, {"source": source, "target": target}, 0.5)
    assert torch.equal(losses["task"].value, functional.cross_entropy(model(source.x), source.y))
    assert (losses["task"].target, losses["domain"].target) == ("target", None)
    heavier = plugins.build("objectives", name, {"weight": 3 * objective.weight})
    again = heavier.losses(model, extra, {"source": source, "target": target}, 0.5)
    assert torch.allclose(again["domain"].value, 3 * losses["domain"].value)
    assert [(stream.name, stream.labelled) for stream in objective.streams] == [("source", True), ("target", False)]


def test_the_strength_rises_from_nothing_to_one() -> None:
    assert strength_at(0.0) == 0 and strength_at(1.0) == pytest.approx(math.tanh(5))
    assert strength_at(0.1) == pytest.approx(math.tanh(0.5))  # 2 / (1 + exp(-x)) - 1 = tanh(x / 2)


@pytest.mark.parametrize("name", ["dan", "coral", "mcc", "bsp", "cdan"])
def test_a_loss_is_of_32_bits_where_the_network_is_not(name: str) -> None:
    objective, model, extra = made(name)
    with torch.autocast("cpu", torch.bfloat16):
        found = objective.losses(model, extra, batches(), 0.5)
    assert found["domain"].value.dtype == torch.float32


def test_options_out_of_range_are_refused() -> None:
    for name, wrong in (("coral", "weight=-1"), ("dann", "label_smoothing=1"), ("bsp", "k=0"), ("coral", "weight=nan")):
        key, _, value = wrong.partition("=")
        with pytest.raises(UsageError, match=key):
            plugins.build("objectives", name, {key: value})


@pytest.mark.parametrize("kind", ["regression", "multilabel"])
@pytest.mark.parametrize("name", ALIGNMENTS)
def test_a_task_without_classes_trains_or_is_refused(tmp_path: Path, name: str, kind: str) -> None:
    data = toys.dataset(Vector(6), kind)
    model = toys.make_model(toys.tiny(), data)
    if name in OF_CLASSES:
        with pytest.raises(UsageError, match=rf"^{name} needs a task of one class a row \(binary or multi-class\)"):
            plugins.build("objectives", name, {}).modules(model)
    else:
        toys.train(tmp_path, model, data, "full", name, stage=Stage(steps=1, batch_size=8, lr=1e-3))


@pytest.mark.parametrize("name", [*OF_CLASSES, "mcd"])
def test_several_targets_are_refused_where_one_is_needed(name: str) -> None:
    one = toys.make_model(toys.tiny(), toys.dataset(Vector(6))).head
    with pytest.raises(UsageError, match=f"^{name} works on one target; the task has first, second"):
        plugins.build("objectives", name, {}).modules(Model(toys.tiny(), {"first": one, "second": one}))


# The discrepancies


def test_a_kernel_of_several_widths() -> None:
    """Rows 0, 1, 3: squared distances 1, 4, 9, the median is 4."""
    kernel = gaussian_kernel(torch.tensor([[0.0], [1.0], [3.0]]))
    assert torch.allclose(kernel.diag(), torch.ones(3)) and torch.equal(kernel, kernel.T)
    for (i, j), distance in {(0, 1): 1, (1, 2): 4, (0, 2): 9}.items():
        assert kernel[i, j].item() == pytest.approx(np.mean([math.exp(-distance / (w * 4)) for w in WIDTHS]), rel=1e-5)


def test_the_discrepancy_of_equal_samples_is_0_and_grows_with_a_shift() -> None:
    rows = torch.randn(32, 5, generator=torch.Generator().manual_seed(0))
    found = [mmd(gaussian_kernel(torch.cat([rows, rows + shift])), 32).item() for shift in (0.0, 0.2, 0.5, 1.0, 2.0)]
    assert found[0] == pytest.approx(0, abs=1e-6) and found == sorted(found) and found[1] > 1e-3


def test_the_discrepancy_is_that_of_all_pairs() -> None:
    """One row a side: k(x, x) + k(y, y) - 2 k(x, y), and the only distance is the median."""
    expected = 2 - 2 * np.mean([math.exp(-1 / width) for width in WIDTHS])
    assert align("dan", side([[0.0, 0.0]]), side([[3.0, 4.0]])).item() == pytest.approx(expected, rel=1e-5)


def test_a_gradient_step_brings_equal_rows_no_harm_and_far_ones_nearer() -> None:
    source = torch.zeros(4, 2) + torch.eye(4)[:, :2]
    target = (source + 1).requires_grad_()
    align("dan", side(source), Side(target, torch.zeros(4, 2), {})).backward()
    assert target.grad is not None and (target.grad.mean(dim=0) > 0).all()
    equal = torch.ones(4, 2).requires_grad_()
    align("dan", side(torch.ones(4, 2)), Side(equal, torch.zeros(4, 2), {})).backward()
    assert equal.grad is not None and torch.isfinite(equal.grad).all()


def test_the_joint_discrepancy_sees_answers_that_are_exchanged() -> None:
    """Equal features and equal answers, but not together: only the product of the kernels tells. DAN is blind to it."""
    pooled, answers = [[0.0, 0.0], [1.0, 1.0]], torch.tensor([[9.0, 0.0], [0.0, 9.0]])
    source, target = side(pooled, answers), side(pooled, answers.flip(0))
    assert align("dan", source, target).item() == pytest.approx(0, abs=1e-6)
    assert align("jan", source, source).item() == pytest.approx(0, abs=1e-6)
    features, classes = (gaussian_kernel(torch.cat(pair)) for pair in _joined(source, target))
    expected = (features * classes)[:2, :2].mean() * 2 - 2 * (features * classes)[:2, 2:].mean()
    assert align("jan", source, target, 0.5).item() == pytest.approx(0.5 * expected.item(), rel=1e-5) and expected > 0.1


def _joined(source: Side, target: Side) -> Any:
    return [(source.pooled, target.pooled), (source.probabilities, target.probabilities)]


def test_covariances_that_are_equal_are_at_no_distance_wherever_the_means_are() -> None:
    rows = torch.randn(16, 3, generator=torch.Generator().manual_seed(0))
    assert covariance_distance(rows, rows + 5).item() == pytest.approx(0, abs=1e-6)


def test_covariances_are_compared_as_in_the_paper() -> None:
    """Rows of +-1 in one column: variance 2 (over n - 1). C_s - C_t = diag(2, -2): 8 / (4 d^2) = 1/2 for d = 2."""
    source, target = [[1.0, 0.0], [-1.0, 0.0]], [[0.0, 1.0], [0.0, -1.0]]
    assert covariance_distance(torch.tensor(source), torch.tensor(target)).item() == pytest.approx(0.5)
    assert align("coral", side(target, source), side(target, target)).item() == pytest.approx(0.5), "of the outputs"
    wider = functional.pad(torch.tensor(source), (0, 2)), functional.pad(torch.tensor(target), (0, 2))
    assert covariance_distance(*wider).item() == pytest.approx(8 / (4 * 4**2))
    assert covariance_distance(torch.ones(1, 2), torch.tensor(target)).item() == pytest.approx(4 / 16), "a lone row"


# The answers on the target


def test_class_confusion_of_two_rows() -> None:
    """Rows (p, 1 - p) and (1 - p, p) weigh alike: each row of the matrix is (p^2 + q^2, 2 p q), normalised."""
    p = 1 / (1 + math.exp(-2 / 2.5))
    q = 1 - p
    expected = 2 * p * q / (p * p + q * q + 2 * p * q)  # the mean over two classes of the same row
    target = side([[0.0]], [[2.0, 0.0], [0.0, 2.0]])
    assert align("mcc", side([[0.0]]), target).item() == pytest.approx(expected, rel=1e-5)
    assert align("mcc", side([[0.0]]), side([[0.0]], [[99.0, 0.0], [0.0, 99.0]])).item() == pytest.approx(0, abs=1e-6)


def test_sure_answers_weigh_more_in_the_confusion() -> None:
    """A sure row (1, 0) weighs 2 and an even one (1/2, 1/2) weighs 3/2, before they are scaled to 2 rows."""
    sure, even = 2 * 2 / 3.5, 2 * 1.5 / 3.5
    together = np.array([[sure + even / 4, even / 4], [even / 4, even / 4]])
    together /= together.sum(axis=1, keepdims=True)
    target = side([[0.0]], [[500.0, 0.0], [0.0, 0.0]])
    expected = (together.sum() - together.trace()) / 2
    assert align("mcc", side([[0.0]]), target).item() == pytest.approx(expected, rel=1e-5)


# Features' norms and singular values


def test_norms_are_drawn_one_step_on() -> None:
    pooled = torch.tensor([[3.0, 4.0]], requires_grad=True)
    loss = align("afn", side([[1.0, 0.0]]), Side(pooled, torch.zeros(1, 2), {}), step=0.5)
    assert loss.item() == pytest.approx(2 * 0.5**2)  # of both domains, whatever the norms are
    loss.backward()
    assert pooled.grad is not None  # d (|f| - (5 + step))^2 = -2 step f / |f|
    assert torch.allclose(pooled.grad, -2 * 0.5 * torch.tensor([[0.6, 0.8]]))


def test_the_largest_singular_values_are_penalised_beside_the_domain_loss() -> None:
    source, target = side([[3.0, 0, 0, 0, 0], [0, 2.0, 0, 0, 0]]), side([[0, 0, 5.0, 0, 0], [0, 0, 0, 1.0, 0]])
    domain = align("dann", source, target).item()
    assert align("bsp", source, target, spectral=1.0).item() == pytest.approx(domain + 9 + 25, rel=1e-5)
    assert align("bsp", source, target, spectral=1.0, k=2).item() == pytest.approx(domain + 9 + 4 + 25 + 1, rel=1e-5)


# Adversaries


@pytest.mark.parametrize("name", ["dann", "cdan", "bsp", "mdd"])
def test_the_adversary_learns_against_the_features(name: str) -> None:
    """A small step along the backbone's gradient raises the adversary's loss, one along its own lowers it."""
    objective, model, extra = made(name, **({"spectral": 0.0} if name == "bsp" else {}))

    def domain() -> torch.Tensor:
        return objective.losses(model, extra, batches(), 1.0)["domain"].value

    before = domain()
    before.backward()
    for module, grows in ((model.backbone, True), (extra, False)):
        saved = toys.snapshot(module)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.sub_(0.1 * cast(torch.Tensor, parameter.grad))
        assert (domain() > before) == grows
        module.load_state_dict(saved)
    assert torch.equal(domain(), before)


@pytest.mark.parametrize("name", ["dann", "cdan", "bsp", "mdd"])
def test_at_the_start_no_feature_moves_for_the_adversary(name: str) -> None:
    objective, model, extra = made(name, **({"spectral": 0.0} if name == "bsp" else {}))
    objective.losses(model, extra, batches(), 0.0)["domain"].value.backward()
    assert all(p.grad is None or not p.grad.any() for p in model.parameters())
    assert all(p.grad is not None and p.grad.any() for p in list(extra.parameters())[-2:])


def test_the_domain_classifier_sees_features_times_probabilities() -> None:
    """The map of f = (2, 3) and g = (1/4, 3/4) is the outer product, in order f by f."""
    _, _, extra = made("cdan")
    answers = torch.tensor([[0.25, 0.75]])
    assert torch.allclose(
        cast(Any, extra).map(torch.tensor([[2.0, 3.0]]), answers), torch.tensor([[0.5, 1.5, 0.75, 2.25]])
    )


def test_a_wide_map_is_random_and_keeps_products_on_average(monkeypatch: pytest.MonkeyPatch) -> None:
    """The inner product of two random maps estimates <f, f'> <g, g'>, that of the whole maps."""
    monkeypatch.setattr("headstart.objectives.cdan.WIDEST", 10)
    monkeypatch.setattr("headstart.objectives.cdan.RANDOM", 20_000)
    _, _, extra = made("cdan", hidden=2)
    f, other = torch.tensor([[1.0, 2.0, 0.0, 1.0, 0.0]]), torch.tensor([[1.0, 1.0, 1.0, 0.0, 0.0]])
    g, another = torch.tensor([[0.5, 0.5, 0.0]]), torch.tensor([[0.9, 0.1, 0.0]])
    first, second = cast(Any, extra).map(f, g), cast(Any, extra).map(other, another)
    assert first.shape == (1, 20_000) and set(extra.state_dict()) > {"of_features", "of_answers"}
    assert (first * second).sum().item() == pytest.approx(3 * 0.5, abs=0.2)


def test_sure_rows_weigh_more_for_cdan_e() -> None:
    """A source row that is sure weighs 2, a target row of two even classes 1 + 1/2, in the mean cross-entropy."""
    pooled = torch.tensor([[1.0, 0.0, 0.0, 0.0, 0.0]])
    source, target = side(pooled, [[500.0, 0.0, 0.0]]), side(-pooled, [[0.0, 0.0, -500.0]])
    _, _, extra = made("cdan")
    logits = [cast(Any, extra).classifier(cast(Any, extra).map(s.pooled, s.probabilities)) for s in (source, target)]
    apart = [functional.softplus(-logits[0]).item(), functional.softplus(logits[1]).item()]
    assert align("cdan", source, target).item() == pytest.approx(sum(apart) / 2, rel=1e-5)
    assert align("cdan", source, target, entropy=True).item() == pytest.approx(
        (2 * apart[0] + 1.5 * apart[1]) / 2, rel=1e-5
    )


def test_the_margin_disparity_of_two_rows() -> None:
    """The first head answers 0 and 2. margin x -log p_0 on the source, -log(1 - p_2) on the target."""
    source = side([[1.0, 0, 0, 0, 0]], [[5.0, 0.0, 0.0]])
    target = side([[0, 1.0, 0, 0, 0]], [[0.0, 0.0, 5.0]])
    _, _, extra = made("mdd")
    p, q = (extra(s.pooled).softmax(dim=1)[0].tolist() for s in (source, target))
    expected = -4 * math.log(p[0]) - math.log(1 - q[2])
    assert align("mdd", source, target).item() == pytest.approx(expected, rel=1e-5)
    assert align("mdd", source, target, margin=1.0).item() == pytest.approx(expected + 3 * math.log(p[0]), rel=1e-5)


def test_the_second_head_does_not_move_the_first() -> None:
    objective, model, extra = made("mdd")
    objective.losses(model, extra, batches(), 1.0)["domain"].value.backward()
    assert all(p.grad is None for p in model.heads.parameters())


# A new one is one file


DISTANCE = '''"""The distance of the domains' means."""

from dataclasses import dataclass

from headstart.objectives._domains import Alignment


@dataclass(frozen=True)
class Means(Alignment):
    """Minimise the task's loss on `source`, and the distance of the mean features to those of `target`."""

    def align(self, model, extra, source, target, strength):
        """Compute the squared distance."""
        return strength * (source.pooled.mean(dim=0) - target.pooled.mean(dim=0)).square().sum()
'''


@pytest.mark.parametrize("strategy", ["full", "partial", "lora", "linear_probe"])
def test_an_alignment_of_one_file_works_under_every_strategy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    assert len(DISTANCE.splitlines()) < 40
    (tmp_path / "plugins" / "objectives").mkdir(parents=True)
    (tmp_path / "plugins" / "objectives" / "means.py").write_text(DISTANCE)
    monkeypatch.setenv("HEADSTART_PLUGINS", str(tmp_path / "plugins"))
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(), data)
    before = toys.snapshot(model)
    objective = plugins.build("objectives", "means", {"weight": "2"})
    outcome = toys.train(
        tmp_path / "run", model, data, strategy, objective, stage=Stage(steps=3, batch_size=8, lr=1e-2)
    )
    assert outcome.steps == 3 and toys.moved(before, model)
    assert objective.streams[1] == Stream("target", labelled=False)
