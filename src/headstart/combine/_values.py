"""What rules that compare losses by their values have in common."""

from __future__ import annotations

import numpy as np

from headstart.core.errors import UsageError
from headstart.core.plugins import name_of
from headstart.core.types import Rule

LEAST = 1e-12  # a loss that has come to zero still has a logarithm


def positive(losses: np.ndarray, rule: Rule) -> np.ndarray:
    """Return losses that have ratios and logarithms. UsageError: one is below zero."""
    if losses.min() < 0:
        raise UsageError(
            f"The rule '{name_of(rule)}' compares losses by their ratios, and one of them is {losses.min():.3g}. "
            "Choose a rule that compares gradients, such as 'upgrad'."
        )
    return losses.clip(min=LEAST)


def softmax(values: np.ndarray) -> np.ndarray:
    """Return what is proportional to the exponentials and sums to 1."""
    raised = np.exp(values - values.max())
    return raised / raised.sum()
