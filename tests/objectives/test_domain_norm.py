"""The claim of `norm=target`: each domain has its own batch's statistics, and those of the target alone are stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch

import toys
from headstart.core.errors import UsageError
from headstart.core.recipe import Recipe
from headstart.core.types import Batch
from headstart.criteria.last import Last
from headstart.criteria.validation import Validation
from headstart.inputs.vector import Vector
from headstart.models.model import Backbone, Model
from headstart.objectives.dann import Dann
from headstart.objectives.mcc import Mcc
from headstart.objectives.mcd import Mcd
from headstart.runs.plan import make_plan


def stepped(backbone: Backbone, objective: Any) -> tuple[Model, Mapping[str, Batch], dict[str, Any]]:
    """Compute the losses of a source batch and a shifted target batch."""
    model = toys.make_model(backbone, toys.dataset(Vector(6)))
    rows = toys.examples(Vector(6), 24)
    x, y = torch.from_numpy(rows.inputs), torch.from_numpy(rows.y)
    batches = {"source": toys.batch(x[:12], y[:12]), "target": toys.batch(3 * x[12:] - 1)}
    model.train_learning()
    return model, batches, objective.losses(model, objective.modules(model), batches, 0.5)


@pytest.mark.parametrize("norm", ["both", "target"])
def test_the_stored_averages_follow_the_domain_that_is_named(norm: Any) -> None:
    model, batches, found = stepped(toys.normed(), Mcc(norm=norm))
    backbone: Any = model.backbone
    expected, domains = torch.zeros(8), ["source", "target"] if norm == "both" else ["target"]
    for domain in domains:
        expected = 0.9 * expected + 0.1 * backbone.first(batches[domain].x).relu().mean(dim=0).detach()
    assert torch.allclose(backbone.drop.running_mean, expected, atol=1e-6)
    torch.stack([loss.value for loss in found.values()]).sum().backward()
    assert all(parameter.grad is not None for parameter in backbone.parameters())
    alike = stepped(toys.normed(), Mcc(norm="both"))[2]
    assert all(torch.equal(loss.value, alike[name].value) for name, loss in found.items()), "training is the same"


@pytest.mark.parametrize("norm", ["both", "target"])
def test_of_two_classifiers_too(norm: Any) -> None:
    """A step of `mcd agree=2` shows the source twice and the target three times."""
    objective = Mcd(norm=norm, agree=2)
    model, batches, _ = stepped(toys.normed(), objective)
    backbone: Any = model.backbone
    torch.nn.init.zeros_(backbone.drop.running_mean)
    extra = objective.modules(model)
    for update in objective.updates:
        losses = update.losses(model, extra, batches, 0.5)
        torch.stack([loss.value for loss in losses.values()]).sum().backward()
    means = {name: backbone.first(batch.x).relu().mean(dim=0) for name, batch in batches.items()}
    expected = torch.zeros(8)
    for domain in ("source", "target", "source", "target", "target"):
        if domain == "target" or norm == "both":
            expected = 0.9 * expected + 0.1 * means[domain]
    assert torch.allclose(backbone.drop.running_mean, expected, atol=1e-6)


@pytest.mark.parametrize("name", ["dann", "mcc", "mcd"])
def test_source_rows_measured_by_averages_of_the_target_choose_no_step(name: str) -> None:
    data = toys.dataset(Vector(6))
    for norm, criterion in {"both": Validation(), "target": Last()}.items():
        recipe = Recipe().with_settings({"stages.0.objective": f"{name} norm={norm}"})
        assert make_plan(recipe, data).criteria == (criterion,)
    named = recipe.with_settings({"stages.0.criterion": "validation"})
    assert make_plan(named, data).criteria == (Validation(),), "what the user names"


def test_a_network_without_batch_norm_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^dann needs batch norm that learns, and with this strategy .* has none"):
        stepped(toys.tiny(), Dann(norm="target"))
