"""What a helper gains a task, measured: trained in pairs and alone, as far as a budget goes.

A task sees the very same batches alone and beside a helper, and starts from the same head, so that the difference is
the helper's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from headstart.core.types import Score

Pair = tuple[str, str]


@dataclass(frozen=True)
class Rated:
    """What validation rows say of a task after training: by their mean loss, and by the metric that is told."""

    loss: Score
    metric: Score


@dataclass(frozen=True)
class Gain:
    """What a helper did for a task on the task's validation rows.

    gain: the relative fall of the validation loss, below 0 where it rose. error: its standard error, as the rows vary.
    metric: the name of the task's metric, and its value alone and together.
    """

    gain: float
    error: float
    metric: str
    alone: float
    together: float

    @property
    def is_sure(self) -> bool:
        """Whether the task is better or worse by more than noise: two standard errors, as many pairs are compared."""
        return abs(self.gain) > 2 * self.error

    @property
    def harms(self) -> bool:
        """Whether the task is worse by more than noise."""
        return self.is_sure and self.gain < 0

    @classmethod
    def of(cls, alone: Rated, together: Rated) -> Gain:
        """Compare a task beside a helper with itself alone."""
        scale = alone.loss.value or 1.0
        gain, error = together.loss.ahead_of(alone.loss) / scale, together.loss.noise_beside(alone.loss) / scale
        return cls(gain, error, alone.metric.name, alone.metric.value, together.metric.value)


def measured(
    pairs: Iterable[Pair],
    train: Callable[[tuple[str, ...]], Mapping[str, Rated]],
    left: Callable[[], float],
    clock: Callable[[], float],
    seconds: float,
) -> dict[Pair, Gain]:
    """Train pairs, and each of their tasks alone, one after another while there is time.

    Args:
        pairs: In the order in which they are worth it.
        train: Trains tasks together, and rates each on its validation rows.
        left: Seconds that are left.
        clock: The time, in seconds.
        seconds: That a training is thought to take for each of its tasks; what the last one took counts from then on.

    Returns:
        The gains that were measured, by helper and helped.
    """
    alone: dict[str, Rated] = {}
    gains: dict[Pair, Gain] = {}
    for pair in pairs:
        new = [name for name in pair if name not in alone]
        if left() < seconds * (len(pair) + len(new)):
            break
        began = clock()
        alone |= {name: train((name,))[name] for name in new}
        together = train(pair)
        seconds = (clock() - began) / (len(pair) + len(new))
        for helper, helped in (pair, pair[::-1]):
            gains[helper, helped] = Gain.of(alone[helped], together[helped])
    return gains
