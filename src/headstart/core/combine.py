"""How the losses of a step become one update: what every rule of `combine/` gives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    import numpy as np
    import torch


class Rule(ABC):
    """A way to weigh the K named losses of an objective at each step; its frozen dataclass holds options and no state.

    Attributes:
        reads_gradients: Whether it needs the inner products of the losses' gradients.
        weighs_losses: True multiplies the losses themselves, so that heads learn at the weighted rate too. False
            combines their gradients in what they have in common alone, and each head learns by its own loss.
        on: "features" takes the gradients by the features, which are all that common weights hear of: one backward
            pass through the backbone. "weights" takes those by the common weights: one pass a loss. "auto" takes
            features unless no two losses have a feature in common, as with rows of their own for each task.
    """

    reads_gradients: ClassVar[bool] = True
    weighs_losses: ClassVar[bool] = False
    on: Literal["auto", "features", "weights"] = "auto"

    def start(self, count: int) -> dict[str, np.ndarray]:
        """Make what the rule remembers from step to step, by name: arrays whose first axis is the losses."""
        return {}

    @abstractmethod
    def weights(
        self, losses: np.ndarray, gram: np.ndarray, state: dict[str, np.ndarray], random: np.random.Generator
    ) -> np.ndarray:
        """Weigh the losses of a step.

        Args:
            losses: Their values over the whole batch, [K] float64.
            gram: Inner products of their gradients, [K, K] float64; zeros where the rule reads none.
            state: As `start` made it and the step before left it; new arrays are put into it.
            random: Drawn anew for each step from the seed and the step's number.

        Returns:
            [K] float64.
        """

    def combine(self, gradients: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Make one gradient [N] of those of the losses [K, N]: by default the weighted sum.

        Args:
            gradients: Elements of the gradients; of a step it gets them in several parts.
            weights: What `weights` gave.

        Returns:
            [N]. It may draw from torch's generators, which are seeded for each step.
        """
        import torch

        return (weights.to(gradients.device, torch.float32) @ gradients.float()).to(gradients.dtype)


@dataclass(frozen=True)
class OfGradients(Rule):
    """A rule with the option `on`: whose gradients are combined.

    Attributes:
        on: "features", "weights", or "auto" (`Rule.on`).
    """

    on: Literal["auto", "features", "weights"] = "auto"
