"""Claims of what adapts after the source was learnt, or beside it, without aligning features.

SHOT and ADDA move the features alone; AdaBN learns as source_only does and stores the target's averages; self-training
learns sure answers.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch.nn import functional

import toys
from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.core.recipe import Stage
from headstart.inputs.vector import Vector
from headstart.models.model import Model
from headstart.objectives._domains import Side
from headstart.objectives.adabn import Adabn
from headstart.objectives.adda import Adda
from headstart.objectives.self_training import SelfTraining
from headstart.objectives.shot import Shot
from headstart.objectives.source_only import SourceOnly

STAGE = Stage(steps=6, batch_size=8, lr=1e-2, warmup=0.0)


def batches() -> dict[str, Any]:
    data = toys.dataset(Vector(6))
    source, target = (torch.from_numpy(data.pools[name].inputs[:8]) for name in ("source", "target"))
    return {
        "source": toys.batch(source, torch.from_numpy(data.pools["source"].y[:8])),
        "target": toys.batch(target + 1),
    }


def trained(folder: Path, objective: Any, backbone: Any = None, strategy: str = "full") -> tuple[Model, dict[str, Any]]:
    data = toys.dataset(Vector(6))
    model = toys.make_model(backbone or toys.tiny(), data)
    before = toys.snapshot(model)
    toys.train(folder, model, data, strategy, objective, stage=STAGE)
    return model, before


@pytest.mark.parametrize("objective", ["shot", "adda"])
def test_the_features_move_and_the_head_stays(tmp_path: Path, objective: str) -> None:
    model, before = trained(tmp_path, plugins.build("objectives", objective, {}))
    assert {name.partition(".")[0] for name in toys.moved(before, model)} == {"backbone"}
    with pytest.raises(UsageError, match=f"^{objective} needs features that learn"):
        trained(tmp_path / "probe", plugins.build("objectives", objective, {}), strategy="linear_probe")


# SHOT


def shot_losses(out: list[list[float]], **options: float) -> dict[str, float]:
    """Give the losses of rows whose features, of two columns, are their logits, behind the identity as a head."""
    model: Any = toys.make_model(toys.tiny(), toys.dataset(Vector(6), "binary"))
    model.backbone.dim, model.head.trunk = 2, torch.nn.Identity()
    objective = Shot(**options)
    features = {"pooled": torch.tensor(out)}
    losses = objective.losses(model, objective.modules(model), {"target": toys.batch(features)}, 0.5)
    return {name: loss.value.item() for name, loss in losses.items()}


def test_answers_are_to_be_sure_each_and_varied_together() -> None:
    sure = shot_losses([[50.0, 0.0], [0.0, 50.0]])
    assert sure == pytest.approx({"unsure": 0.0, "uniform": -math.log(2), "pseudo": 0.0}, abs=1e-6)
    even = shot_losses([[1.0, 1.0], [1.0, 1.0]])
    assert (even["unsure"], even["uniform"]) == pytest.approx((math.log(2), -math.log(2)), abs=1e-6)
    alike = shot_losses([[50.0, 0.0], [50.0, 0.0]])
    assert (alike["unsure"], alike["uniform"]) == pytest.approx((0.0, 0.0), abs=1e-6)


def test_a_pseudo_label_is_the_class_of_the_nearest_centroid() -> None:
    """The third row is answered as class a by a little, and lies with the rows of class b."""
    model = toys.make_model(toys.tiny(), toys.dataset(Vector(6)))
    centroids: Any = Shot().modules(model)
    east, north = [1.0, 0, 0, 0, 0], [0, 1.0, 0, 0, 0]
    pooled = torch.tensor([east, north, [0.1, 1.0, 0, 0, 0]])
    answers = torch.tensor([[0.98, 0.01, 0.01], [0.01, 0.98, 0.01], [0.49, 0.48, 0.03]])
    assert centroids(pooled, answers, 0.5).tolist()[:2] == [0, 1]
    assert centroids(pooled, answers, 0.5)[2].item() != 0
    expected = 1.5 * (answers.T @ pooled)  # the batch, and half of the same one before
    assert torch.allclose(centroids.sums, expected) and torch.allclose(centroids.mass[:, 0], 1.5 * answers.sum(dim=0))


def test_the_weight_of_pseudo_labels() -> None:
    rows = [[2.0, 0.0], [0.0, 2.0]]
    expected = math.log(1 + math.exp(-2))
    assert shot_losses(rows, pseudo=1.0)["pseudo"] == pytest.approx(expected, rel=1e-5)
    assert shot_losses(rows)["pseudo"] == pytest.approx(0.3 * expected, rel=1e-5)


# ADDA


def test_the_classifier_learns_the_domains_and_the_features_the_inverted_label() -> None:
    model = toys.make_model(toys.tiny(), toys.dataset(Vector(6)))
    objective = Adda(hidden=16)
    extra: Any = objective.modules(model)
    apart, features = objective.updates
    assert (apart.learn, features.learn) == (("extra",), ("backbone",))
    given = batches()
    source, target = (extra.classifier(model.features(given[name].x)["pooled"]) for name in ("source", "target"))
    told = apart.losses(model, extra, given, 0.5)["told_apart"].value
    expected = functional.softplus(torch.cat([-source, target])).mean()
    assert torch.allclose(told, expected)
    assert torch.allclose(
        features.losses(model, extra, given, 0.5)["domain"].value, functional.softplus(-target).mean()
    )
    told.backward()
    assert all(p.grad is None for p in model.parameters())


def test_the_source_is_seen_by_the_network_as_it_was() -> None:
    model = toys.make_model(toys.normed(), toys.dataset(Vector(6)))
    extra: Any = Adda().modules(model)
    assert not any(name.startswith("before") for name in extra.state_dict())
    before = extra.before[0]
    assert not before.training and not any(p.requires_grad for p in before.parameters())
    expected = toys.snapshot(before)
    given = batches()
    with torch.no_grad():
        source = before(given["source"].x)["pooled"]
        model.backbone.get_parameter("first.weight").add_(1.0)
        target = model.backbone(given["target"].x)["pooled"]
    extra.train()
    told = Adda().updates[0].losses(model, extra, given, 0.5)["told_apart"].value
    logits = [extra.classifier(source), extra.classifier(target)]
    assert torch.allclose(told, functional.softplus(torch.cat([-logits[0], logits[1]])).mean())
    assert not toys.moved(expected, before)


# AdaBN


def test_the_weights_are_those_of_the_source_alone_and_the_averages_those_of_the_target(tmp_path: Path) -> None:
    adapted, before = trained(tmp_path / "adapted", Adabn(), toys.normed())
    alone, _ = trained(tmp_path / "alone", SourceOnly(), toys.normed())
    differ = toys.moved(toys.snapshot(alone), adapted)
    assert differ == {"backbone.drop.running_mean", "backbone.drop.running_var", "backbone.drop.num_batches_tracked"}
    assert toys.moved(before, adapted) > {"backbone.first.weight", *differ}


def test_one_step_moves_the_averages_by_the_targets_rows() -> None:
    model = toys.make_model(toys.normed(), toys.dataset(Vector(6))).train()
    norm, given = cast(torch.nn.BatchNorm1d, model.backbone.get_submodule("drop")), batches()
    first: Any = model.backbone.get_submodule("first")
    hidden = torch.relu(first(given["target"].x))
    Adabn().losses(model, Adabn().modules(model), given, 0.5)
    assert norm.running_mean is not None and norm.running_var is not None and norm.momentum == 0.1
    assert torch.allclose(norm.running_mean, 0.1 * hidden.mean(dim=0), atol=1e-6)
    assert torch.allclose(norm.running_var, 0.9 + 0.1 * hidden.var(dim=0), atol=1e-6)


def test_without_batch_norm_that_learns_there_is_nothing_to_adapt(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^adabn needs batch norm that learns, .* toy:tiny has none"):
        trained(tmp_path, Adabn())
    with pytest.raises(UsageError, match=r"^adabn needs batch norm that learns"):
        trained(tmp_path, Adabn(), toys.normed(), "linear_probe")


# Source only, and self-training


def test_source_only_is_supervised_on_the_source(tmp_path: Path) -> None:
    objective, given = SourceOnly(label_smoothing=0.1), batches()
    model = toys.make_model(toys.tiny(), toys.dataset(Vector(6)))
    loss = objective.losses(model, objective.modules(model), {"source": given["source"]}, 0.0)["task"].value
    assert torch.equal(loss, functional.cross_entropy(model(given["source"].x), given["source"].y, label_smoothing=0.1))
    assert [(stream.name, stream.labelled) for stream in objective.streams] == [("source", True)]


def test_only_sure_answers_are_learnt() -> None:
    """Of (0.95, 0.05) and (0.8, 0.2) the first alone is sure: -log 0.95 over two rows; no gradient for the second."""
    out = torch.tensor([[0.95, 0.05], [0.8, 0.2]]).log().requires_grad_()
    target = Side(torch.zeros(2, 1), out, {})
    model: Any = None
    loss = SelfTraining().align(model, None, target, target, 0.5)
    assert loss.item() == pytest.approx(0.5 * -math.log(0.95) / 2, rel=1e-5)
    loss.backward()
    assert out.grad is not None and out.grad[0].any() and not out.grad[1].any()
