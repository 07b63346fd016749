"""Claims: the penalty is the k smallest squared singular values of the pass that the objective made.

Training shrinks them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import toys
from headstart.core.recipe import Stage
from headstart.core.types import ForwardPass
from headstart.inputs.vector import Vector
from headstart.models.model import Model
from headstart.strategies.bss import Bss, spectral_tail
from headstart.strategies.full import Full


def test_it_is_the_tail_of_the_spectrum() -> None:
    values = torch.tensor([5.0, 3.0, 0.5, 0.25])
    left, right = torch.linalg.qr(torch.randn(9, 4))[0], torch.linalg.qr(torch.randn(4, 4))[0]
    features = left @ torch.diag(values) @ right.T
    assert spectral_tail(features, 1).item() == pytest.approx(0.25**2, rel=1e-4)
    assert spectral_tail(features, 2).item() == pytest.approx(0.25**2 + 0.5**2, rel=1e-4)


def test_it_is_the_mean_over_the_passes_and_0_without_any() -> None:
    model = toys.make_model(toys.tiny(), toys.dataset(Vector(6)))
    watch = Bss(eta=2.0).prepare(model).watch
    assert watch is not None and watch([]).item() == 0
    one, two = torch.eye(4), 3 * torch.eye(4)
    seen = [ForwardPass(None, {"pooled": features}) for features in (one, two)]
    assert watch(seen).item() == pytest.approx(2.0 * (1 + 9) / 2)


def smallest(folder: Path, strategy: Bss | Full) -> float:
    """Train, and measure the smallest singular value of the training features."""
    data = toys.dataset(Vector(6))
    model: Model = toys.make_model(toys.tiny(), data)
    toys.train(folder, model, data, strategy, stage=Stage(steps=80, batch_size=8, lr=1e-2))
    with torch.no_grad():
        pooled = model.features(torch.from_numpy(data.splits["train"].inputs))["pooled"]
    return float(np.linalg.svd(pooled.numpy(), compute_uv=False)[-1])


def test_training_shrinks_the_smallest_value(tmp_path: Path) -> None:
    assert smallest(tmp_path, Bss(eta=0.5)) < 0.5 * smallest(tmp_path, Full())


def test_k_is_at_least_one() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Bss(k=0)
