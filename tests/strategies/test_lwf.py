"""Claims: the distillation is least at the start, the source head's answers are kept.

A source without a classifier is refused.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import toys
from headstart.core.errors import UsageError
from headstart.core.recipe import Stage
from headstart.inputs.vector import Vector
from headstart.strategies.lwf import Lwf, distil


def test_the_loss_is_least_where_the_softened_answers_are_equal() -> None:
    recorded = torch.randn(5, 4, requires_grad=True)
    out = recorded.detach().clone().requires_grad_(True)
    distil(out, recorded.detach(), 2.0).backward()
    assert out.grad is not None and out.grad.abs().max() < 1e-6
    entropy = -(lambda p: (p * p.log()).sum(1).mean())((recorded / 2).softmax(1))
    assert distil(out, recorded, 2.0).item() == pytest.approx(entropy.item(), rel=1e-5)


def old_answers_moved(folder: Path, weight: float) -> float:
    """Train, and measure how far the source head's probabilities on the training rows moved."""
    data = toys.dataset(Vector(6))
    backbone = toys.tiny()
    torch.manual_seed(3)
    backbone.source_classifier = (torch.randn(4, 5), torch.zeros(4))
    model = toys.make_model(backbone, data)
    x = torch.from_numpy(data.splits["train"].inputs)

    def answers() -> torch.Tensor:
        assert backbone.source_classifier is not None
        classifier, bias = backbone.source_classifier
        assert bias is not None
        return (model.features(x)["pooled"].detach() @ classifier.T + bias).softmax(1)

    before = answers()
    toys.train(folder, model, data, Lwf(weight=weight), stage=Stage(steps=60, batch_size=8, lr=1e-2))
    assert not hasattr(model, "source_head")
    return (answers() - before).abs().mean().item()


def test_the_source_task_is_not_forgotten(tmp_path: Path) -> None:
    assert old_answers_moved(tmp_path, 20.0) < 0.3 * old_answers_moved(tmp_path, 0.0)


def test_a_source_without_classifier_is_refused() -> None:
    with pytest.raises(UsageError, match="lwf needs the source task's classifier, and toy:tiny has none"):
        Lwf().prepare(toys.make_model(toys.tiny(), toys.dataset(Vector(6))))
