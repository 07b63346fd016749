"""What a pass and a step of fine-tuning cost on this machine: measured on a few rows."""

from __future__ import annotations

import time
from typing import NamedTuple

import torch

from headstart.data.rows import Rows
from headstart.data.transforms import Transform
from headstart.engine.machine import autocast
from headstart.models.dryrun import to_device
from headstart.models.model import Model, device_of
from headstart.models.taps import evaluating

LOOKED_AT = 8  # rows
TIMES = 2  # that each is done; the quicker one counts, as the first one finds cold caches and asks for memory


class Cost(NamedTuple):
    """Seconds a row, by the clock: of a pass without gradients, and of a step in which every weight learns."""

    look: float
    learn: float


def measure_cost(
    model: Model, rows: Rows, transform: Transform, precision: str = "float32", count: int = LOOKED_AT
) -> Cost:
    """Measure what a network costs.

    Args:
        model: Any; its gradients are taken away again.
        rows: At least one; the first are used.
        transform: Makes the examples, which counts too.
        precision: Number format of the pass and the step.
        count: Rows that are used; those of a batch say most of what a batch costs.

    Returns:
        The seconds a row. A network without weights costs the same to learn: there is nothing to send back.
    """
    rows = rows.take(range(min(count, len(rows)))).unlabelled()
    device = device_of(model)
    began = time.perf_counter()
    items = transform.prepare(rows.inputs)
    x = to_device(transform.collate([transform.example(item, "x", None) for item in items]), device)
    opened = time.perf_counter() - began
    weights = [p for p in model.backbone.parameters() if p.is_floating_point()]
    asked = [p.requires_grad for p in weights]

    def passed(learns: bool) -> float:
        for p in weights:
            p.requires_grad_(learns)
        start = time.perf_counter()
        with torch.set_grad_enabled(learns), autocast(precision, device):
            pooled = model.backbone(x)["pooled"]
        if learns and pooled.requires_grad:
            pooled.float().square().mean().backward()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - start

    try:
        with evaluating(model):
            look = min(passed(False) for _ in range(TIMES))
            learn = min(passed(True) for _ in range(TIMES)) if weights else look
    finally:
        for p, learns in zip(weights, asked, strict=True):
            p.requires_grad_(learns)
            p.grad = None
    return Cost((look + opened) / len(rows), (learn + opened) / len(rows))
