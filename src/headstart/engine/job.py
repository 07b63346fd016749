"""What the loop is given: jobs to do one after another, and the surroundings they run in."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from headstart.core.recipe import Stage
from headstart.core.stopping import Stop
from headstart.core.types import Listener, Objective, Strategy
from headstart.data.rows import Rows
from headstart.data.transforms import Transform
from headstart.engine.distributed import World
from headstart.engine.proof import Moved


class Examples(NamedTuple):
    """Rows with the transform that turns them into batches."""

    rows: Rows
    transform: Transform


@dataclass(frozen=True)
class Job:
    """One stage of a recipe, with everything chosen: `stage` has its steps, lr, augment and evaluate."""

    strategy: Strategy
    objective: Objective
    stage: Stage
    training: Mapping[str, Examples]  # by stream name


class Score(NamedTuple):
    """One figure by which the best step is chosen."""

    name: str
    value: float
    higher_is_better: bool

    def beats(self, other: Score | None) -> bool:
        """Return whether this is strictly better; a value that is not finite never is."""
        if not math.isfinite(self.value):
            return False
        return other is None or (self.value > other.value if self.higher_is_better else self.value < other.value)


@dataclass(frozen=True)
class RunContext:
    """Where and how a run trains.

    `score` judges predictions on the validation rows (probabilities or values, in their order).
    `budget` is in seconds, for all jobs together. `folder` takes metrics.jsonl and checkpoints/.
    `checkpoint` is in seconds between saved steps, 0 saves each; `resume` goes on from the newest.
    `world` is this process among all that train together.
    """

    folder: Path
    device: torch.device
    precision: str
    seed: int
    workers: int
    validation: Examples | None
    score: Callable[[np.ndarray], Score]
    listen: Listener
    stop: Stop
    budget: float | None = None
    checkpoint: float = 60.0
    resume: bool = False
    world: World = field(default_factory=World)


@dataclass(frozen=True)
class Outcome:
    """How training ended: `best` on validation, the steps taken, why each stage ended, and what moved, by part."""

    best: Score | None
    steps: int
    seconds: float
    endings: tuple[str, ...]
    moved: Mapping[str, Moved]
