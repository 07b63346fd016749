"""The losses of metric learning beside those of pytorch-metric-learning, on random batches: values and gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional

from headstart.core import plugins
from headstart.targets._embedding_output import EmbeddingOutput

CLASSES, DIM = 7, 16
Peer = Callable[[Any, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def of_proxies(package: Any, out: torch.Tensor, y: torch.Tensor, proxies: torch.Tensor) -> torch.Tensor:
    """Their softmax is multiplied by what ours is divided by."""
    peer = package.losses.ProxyNCALoss(CLASSES, DIM, softmax_scale=1 / 0.2)
    peer.proxies.data = proxies
    return peer(out, y)


def of_angles(package: Any, out: torch.Tensor, y: torch.Tensor, proxies: torch.Tensor) -> torch.Tensor:
    """Their margin is in degrees, their centres are columns."""
    peer = package.losses.ArcFaceLoss(CLASSES, DIM, margin=math.degrees(0.4), scale=30)
    peer.W.data = proxies.T.contiguous()
    return peer(out, y)


def of_triplets(package: Any, out: torch.Tensor, y: torch.Tensor, proxies: torch.Tensor) -> torch.Tensor:
    """The mean over all triplets; their usual reducer leaves those without a loss out."""
    peer = package.losses.TripletMarginLoss(0.3, reducer=package.reducers.MeanReducer())
    return peer(out, y, package.miners.BatchHardMiner()(out, y))


def of_pairs(package: Any, out: torch.Tensor, y: torch.Tensor, proxies: torch.Tensor) -> torch.Tensor:
    """Theirs is linear in distances, and a sum over both kinds of pairs: here squared and halved, as in the paper."""
    peer = package.losses.ContrastiveLoss(neg_margin=1.2, reducer=package.reducers.DoNothingReducer())
    found = peer(out, y)
    alike, unlike = (found[side]["losses"].square().mean() for side in ("pos_loss", "neg_loss"))
    return (alike + unlike) / 2


def start(seed: int, same: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Draw embeddings of any length, classes and proxies; `same` is how near rows of a class are to each other."""
    random = torch.Generator().manual_seed(seed)
    y = torch.randint(0, CLASSES, (32,), generator=random)
    centres = torch.randn(CLASSES, DIM, generator=random)
    out = (same * centres[y] + torch.randn(32, DIM, generator=random)) * (1 + torch.rand(32, 1, generator=random))
    proxies = torch.randn(CLASSES, DIM, generator=random)
    out[0] = 0.1 * out[0] - 3 * proxies[y[0]]  # so far from its centre that a margin would carry it round
    return out.requires_grad_(), y, proxies


@pytest.mark.slow
@pytest.mark.parametrize("same", [0.0, 0.3, 0.8])
@pytest.mark.parametrize(
    ("name", "options", "peer"),
    [
        ("proxy_nca", {"temperature": 0.2}, of_proxies),
        ("arcface", {"margin": 0.4, "scale": 30.0}, of_angles),
        ("triplet", {"margin": 0.3}, of_triplets),
        ("pairs", {"margin": 1.2}, of_pairs),
    ],
)
def test_losses_and_gradients_are_those_of_pytorch_metric_learning(
    name: str, options: dict[str, float], peer: Peer, same: float
) -> None:
    package = pytest.importorskip("pytorch_metric_learning")
    for part in ("losses", "miners", "reducers"):
        pytest.importorskip(f"pytorch_metric_learning.{part}")
    for seed in range(5):
        out, y, proxies = start(seed, same)
        output = EmbeddingOutput(CLASSES, DIM)
        output.proxies.data = proxies
        ours = plugins.build("objectives", name, options).loss(out, y, output)
        theirs = peer(package, out, y, proxies.clone())
        assert ours.item() > 0
        assert ours.item() == pytest.approx(theirs.item(), rel=1e-5, abs=1e-6)
        one, other = (torch.autograd.grad(loss, out)[0] for loss in (ours, theirs))
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-6 * float(other.abs().max()) + 1e-6)
        assert functional.cosine_similarity(one.flatten(), other.flatten(), dim=0) > 1 - 1e-6
