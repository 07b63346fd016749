"""Gradients small enough to check by hand, and what a rule makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from headstart.core import plugins
from headstart.core.types import Rule

NEEDED = {"fixed": {"factors": (1.0, 1.0)}}  # options without which a rule cannot be built


def rule(name: str, count: int = 2, **options: Any) -> Rule:
    """Build a rule for so many losses."""
    needed = {"factors": (1.0,) * count} if name in NEEDED else {}
    return plugins.build("combine", name, needed | options)


def gram(gradients: np.ndarray) -> np.ndarray:
    """Compute inner products as the engine does, in single precision."""
    single = gradients.astype(np.float32)
    return (single @ single.T).astype(np.float64)


def weigh(rule: Rule, gradients: np.ndarray, losses: Any = None, state: Any = None, seed: int = 0) -> np.ndarray:
    """Return a rule's weights; losses are 1, and the state a fresh one, unless they are given."""
    values = np.ones(len(gradients)) if losses is None else np.array(losses, float)
    state = rule.start(len(gradients)) if state is None else state
    return rule.weights(values, gram(gradients), state, np.random.default_rng(seed))


def update(rule: Rule, gradients: np.ndarray, losses: Any = None) -> np.ndarray:
    """Return the gradient that a rule makes of several."""
    weights = torch.from_numpy(weigh(rule, gradients, losses))
    return rule.combine(torch.from_numpy(gradients), weights).double().numpy()


def some(count: int, size: int, seed: int = 0) -> np.ndarray:
    """Draw gradients."""
    return np.random.default_rng(seed).normal(size=(count, size))


def along(one: np.ndarray, other: np.ndarray) -> float:
    """Return the cosine between two vectors."""
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))
