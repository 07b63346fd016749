"""Claims: the backbone's gradient of the domain loss is reversed, the classifier's is not; no target label is seen."""

from __future__ import annotations

import math
from pathlib import Path

import torch

import toys
from headstart.core.recipe import Stage
from headstart.inputs.vector import Vector
from headstart.models.model import Model
from headstart.objectives._adversary import reverse_gradient
from headstart.objectives.dann import Dann


def test_the_gradient_is_reversed_and_scaled() -> None:
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    y = reverse_gradient(x, 0.3)
    assert torch.equal(y, x)
    (y * torch.tensor([5.0, 7.0])).sum().backward()
    assert x.grad is not None and torch.allclose(x.grad, torch.tensor([-1.5, -2.1]))


def gradients(progress: float) -> tuple[torch.Tensor, torch.Tensor, Model]:
    """Return the domain loss's gradient on the backbone's and the classifier's first weights."""
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(), data)
    objective = Dann(hidden=32)
    torch.manual_seed(0)
    extra = objective.modules(model)
    source, target = (
        torch.from_numpy(data.pools[name].inputs[:8]) + shift for name, shift in (("source", 0.0), ("target", 1.0))
    )
    y = torch.from_numpy(data.pools["source"].y[:8])  # pyright: ignore[reportOptionalSubscript]
    batches = {"source": toys.batch(source, y), "target": toys.batch(target)}
    losses = objective.losses(model, extra, batches, progress)
    losses["domain"].value.backward()
    first = model.backbone.get_parameter("first.weight").grad
    classifier = next(extra.parameters()).grad
    assert first is not None and classifier is not None
    return first, classifier, model


def test_the_strength_grows_from_nothing_with_the_progress() -> None:
    start, _, _ = gradients(0.0)
    middle, _, _ = gradients(0.5)
    end, _, _ = gradients(1.0)
    assert torch.count_nonzero(start) == 0
    ratio = (2 / (1 + math.exp(-5)) - 1) / (2 / (1 + math.exp(-10)) - 1)
    assert torch.allclose(middle, ratio * end, rtol=1e-4)


def test_only_the_backbone_is_reversed() -> None:
    """A small step along the backbone's gradient raises the domain loss, along the classifier's lowers it."""
    reversed_gradient, classifier, _ = gradients(1.0)
    data = toys.dataset(Vector(6))

    def domain_loss(change_backbone: float, change_classifier: float) -> float:
        model = toys.make_model(toys.tiny(), data)
        objective = Dann(hidden=32)
        torch.manual_seed(0)
        extra = objective.modules(model)
        with torch.no_grad():
            model.backbone.get_parameter("first.weight").sub_(change_backbone * reversed_gradient)
            next(extra.parameters()).sub_(change_classifier * classifier)
        source, target = (torch.from_numpy(data.pools[n].inputs[:8]) + s for n, s in (("source", 0.0), ("target", 1.0)))
        y = torch.from_numpy(data.pools["source"].y[:8])  # pyright: ignore[reportOptionalSubscript]
        batches = {"source": toys.batch(source, y), "target": toys.batch(target)}
        return objective.losses(model, extra, batches, 1.0)["domain"].value.item()

    assert domain_loss(0.1, 0) > domain_loss(0, 0) > domain_loss(0, 0.1)


def test_the_target_stream_has_no_labels(tmp_path: Path) -> None:
    assert [(s.name, s.labelled) for s in Dann().streams] == [("source", True), ("target", False)]
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(), data)
    toys.train(tmp_path, model, data, "full", "dann", stage=Stage(steps=3, batch_size=8, lr=1e-3))
