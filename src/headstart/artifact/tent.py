"""TENT: a model that adapts to the rows that it predicts, by their entropy alone (Wang et al. 2021, arXiv:2006.10726).

Their section 3: one pass over the rows, in which the scales and shifts of norm layers go down the mean entropy of the
answers (eq. 1), and batch norms take the statistics of these rows in place of those of training. Nothing else moves.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from headstart.core.errors import UsageError
from headstart.core.seeding import torch_seeded
from headstart.core.types import Stream
from headstart.data.rows import Rows
from headstart.data.streams import BatchStream
from headstart.data.transforms import make_transform
from headstart.models.model import Model, device_of

BATCH, RATE = 64, 1e-3  # rows in a step, and Adam's rate, as in their section 4.1


def tented(model: Model, rows: Rows, *, seed: int = 0) -> Model:
    """Adapt a copy of a model to rows without labels.

    Args:
        model: Answers with the probabilities of one class a row; it stays as it is.
        rows: What will be predicted.
        seed: Of their order.

    Returns:
        The adapted copy, in evaluation mode.

    Raises:
        UsageError: The model has no norm layers with scales, or answers otherwise.
    """
    name = model.backbone.card.name
    if any(head.target.form != "classes" for head in model.by_target().values()):
        raise UsageError(f"tent lowers the entropy of one class a row, and {name} answers otherwise.")
    own = copy.deepcopy(model).eval()
    norms = [module for module in own.backbone.modules() if _is_norm(module)]
    learning = [p for norm in norms for p in norm.parameters(recurse=False)]
    if not learning:
        raise UsageError(f"tent moves the scales of norm layers, and {name} has none.")
    own.requires_grad_(False)
    for parameter in learning:
        parameter.requires_grad_(True)
    with torch_seeded(seed, "tent"):
        _pass(own, norms, learning, rows, seed)
    own.requires_grad_(False)
    return own.eval()


def _pass(model: Model, norms: list[nn.Module], learning: list[nn.Parameter], rows: Rows, seed: int) -> None:
    """Go over the rows once."""
    for norm in norms:
        if isinstance(getattr(norm, "running_mean", None), torch.Tensor):
            stored: Any = norm.train()
            stored.reset_running_stats()
            stored.momentum = None  # the mean over all batches
    batch = min(BATCH, len(rows))
    optimiser = torch.optim.Adam(learning, lr=RATE)
    examples = make_transform(model.backbone.card.input)
    stream = BatchStream(rows, examples, stream=Stream("tent", labelled=False), batch_size=batch, seed=seed)
    device = device_of(model.backbone)
    for _, made in zip(range(len(rows) // batch), stream.batches(), strict=False):
        features = model.features(made.map(lambda tensor: tensor.to(device)).x)
        logits = [head(features).float() for head in model.by_target().values()]
        entropy = torch.stack([-(each.softmax(1) * each.log_softmax(1)).sum(1).mean() for each in logits]).sum()
        optimiser.zero_grad()
        entropy.backward()
        optimiser.step()


def _is_norm(module: nn.Module) -> bool:
    """Return whether a module is a norm layer, by its class's name or one of those that it derives from."""
    return not list(module.children()) and any("norm" in base.__name__.lower() for base in type(module).__mro__)
