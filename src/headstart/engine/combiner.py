"""A stage's rule for several losses, with what it remembers of each by the loss's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from headstart.core.types import Rule


class Combiner:
    """A rule and its state, whose arrays have a row for each loss that was seen.

    Args:
        rule: Weighs the losses.

    Attributes:
        names: The losses that were seen, in order.
        last: The weights of the last step, by loss.
    """

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.names: list[str] = []
        self.last: dict[str, float] = {}
        self._state = rule.start(0)

    def weigh(
        self, losses: Mapping[str, float], gram: np.ndarray, random: np.random.Generator
    ) -> tuple[np.ndarray, Combiner]:
        """Weigh the losses of a step; one without a gradient counts as it is, and so does one alone.

        Args:
            losses: Values over the whole batch.
            gram: Inner products of their gradients, [K, K].
            random: Of this step.

        Returns:
            The weights [K], and the combiner as it is after the step; this one stays as it was.
        """
        after = Combiner(self.rule)
        more = [name for name in losses if name not in self.names]
        after.names = self.names + more
        fresh = self.rule.start(len(more))
        after._state = {key: np.concatenate([rows, fresh[key]]) for key, rows in self._state.items()}
        pull = gram.diagonal() > 0 if self.rule.reads_gradients else np.ones(len(losses), bool)
        weights = np.ones(len(losses))
        if pull.sum() > 1:
            places = np.array([after.names.index(name) for name in losses])[pull]
            own = {key: rows[places] for key, rows in after._state.items()}
            values = np.array(list(losses.values()))[pull]
            weights[pull] = self.rule.weights(values, gram[np.ix_(pull, pull)], own, random)
            for key, rows in own.items():
                after._state[key][places] = rows
        after.last = dict(zip(losses, weights.tolist(), strict=True))
        return weights, after

    def become(self, other: Combiner) -> None:
        """Take over the state of another one of the same rule."""
        self.names, self.last, self._state = other.names, other.last, other._state

    def pack(self) -> dict[str, torch.Tensor]:
        """Return what is to be saved beside `names`."""
        return {key: torch.from_numpy(rows) for key, rows in self._state.items() if rows.size}

    def restore(self, tensors: Mapping[str, torch.Tensor], names: Sequence[str]) -> None:
        """Put back what was saved."""
        self.names = list(names)
        self._state = self.rule.start(0) | {key: tensor.numpy() for key, tensor in tensors.items()}
