"""Accuracy in episodes of the validation classes, by the nearest class mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.episodes import Draws, Episode, fitted, sizes_of
from headstart.core.types import LEAST_TO_CHOOSE, Measured, Score, Task
from headstart.evaluation.quick import jackknifed
from headstart.few_shot._episodes import batches
from headstart.few_shot.nearest_mean import NearestMean


@dataclass(frozen=True)
class Episodes:
    """Choose the step that answers most in episodes of the validation classes, by the nearest class mean.

    ways, queries: None takes five and fifteen, or what there is. episodes: how many. least: with fewer validation rows
    the last step counts.
    """

    ways: int | None = None
    shots: int = 1
    queries: int | None = None
    episodes: int = 300
    least: int = LEAST_TO_CHOOSE

    features: ClassVar[bool] = False
    forms: ClassVar[tuple[str, ...]] = ("embeddings",)

    @property
    def pools(self) -> tuple[str, ...]:
        """The validation split."""
        return ("validation",)

    def score(self, task: Task, measured: Mapping[str, Measured]) -> Score | None:
        """Score the share of right answers; None where classes have too few rows."""
        own = measured["validation"]
        ((name, labels),) = own.rows.labels.items()
        sizes = sizes_of(labels)
        if len(sizes) < max(2, self.ways or 0) or min(sizes.values()) < self.shots + (self.queries or 1):
            return None
        episode = fitted(sizes, self.ways, self.shots, self.queries)
        right, asked = tally(labels, np.nan_to_num(own.outputs[name]), episode, self.episodes)

        def figure(kept: np.ndarray) -> float:
            return float(right[kept].sum() / max(asked[kept].sum(), 1.0))

        return jackknifed(f"{episode.ways}_way_{episode.shots}_shot", True, len(labels), self.least, figure)


def tally(labels: np.ndarray, outputs: np.ndarray, episode: Episode, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Answer episodes by the nearest class mean of embeddings of length 1; they are the same for all models.

    Args:
        labels: Classes [N].
        outputs: Embeddings [N, D], of any length.
        episode: How large each is.
        count: How many.

    Returns:
        How often each row was answered rightly, and how often it was asked, both [N].
    """
    draws, method = Draws(labels, episode, ("criterion",)), NearestMean(centre=False)
    places = np.stack([draws.draw(number) for number in range(count)])
    queries = places[:, :, episode.shots :].reshape(count, -1)
    right, asked = np.zeros(len(labels)), np.bincount(queries.ravel(), minlength=len(labels)).astype(np.float64)
    for own, episodes, truth in batches(outputs, places, episode.shots):
        np.add.at(right, queries[own], method.scores(episodes).argmax(axis=2) == truth)
    return right, asked
