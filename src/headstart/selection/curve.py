"""Where a learning curve leads: a power law through the looks so far."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

EXPONENTS = (0.25, 0.5, 1.0, 2.0)
LEAST = 3  # looks, by which a law can be told from a line


def extrapolated(steps: Sequence[int], losses: Sequence[float], at: int) -> float:
    """Return the loss that a curve comes to: a + b * step^-c with the least squared error over some c.

    The law is that of Domhan et al. (2015, IJCAI) with the fewest parameters. A curve that rises, or has fewer than
    three looks, is taken to stay where it is; none is believed to fall by more than half.

    Args:
        steps: Of the looks.
        losses: What was seen, lower is better.
        at: The step that is asked for.

    Returns:
        The loss; infinite where there is none that is finite.
    """
    known = [(step, loss) for step, loss in zip(steps, losses, strict=True) if math.isfinite(loss) and step > 0]
    if not known:
        return math.inf
    last = known[-1][1]
    if len(known) < LEAST or known[-1][0] >= at:
        return last
    x, y = np.array(known, np.float64).T
    best, found = math.inf, last
    for exponent in EXPONENTS:
        columns = np.stack([np.ones_like(x), x**-exponent], axis=1)
        (level, slope), *_ = np.linalg.lstsq(columns, y, rcond=None)
        error = float(np.square(columns @ (level, slope) - y).sum())
        if slope > 0 and error < best:
            best, found = error, level + slope * at**-exponent
    return float(min(last, max(found, last / 2 if last > 0 else last)))


def looks(log: Path, stage: int) -> tuple[list[int], list[float]]:
    """Read steps and validation losses of a stage from a training's log; where there is no loss, nothing.

    Args:
        log: `metrics.jsonl`.
        stage: Its number.

    Returns:
        The steps and the losses.
    """
    steps, losses = [], []
    for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else ():
        with suppress(ValueError):
            entry = json.loads(line)
            if entry.get("stage") == stage and "validation_loss" in entry:
                steps.append(entry["step"])
                losses.append(entry["validation_loss"])
    return steps, losses
