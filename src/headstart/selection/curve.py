"""Where a learning curve leads: a power law through the looks so far."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from headstart.evaluation.power_law import LEAST, fit_laws


def extrapolated(steps: Sequence[int], losses: Sequence[float], at: int) -> float:
    """Return the loss that a curve comes to, by a power law with a floor (`evaluation/power_law.py`).

    A curve of fewer than three looks stays where it is; none is believed to fall by more than half, or
    to rise from where it is.

    Args:
        steps: Of the looks.
        losses: What was seen, at least 0, lower is better.
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
    sizes, errors = np.array(known, np.float64).T
    return float(min(last, max(fit_laws(sizes, errors[None]).at(at)[0], last / 2)))


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
