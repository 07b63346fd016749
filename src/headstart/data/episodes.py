"""Episodes as a counted order: sample n is a row of episode n div R, where R is the number of rows of one."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from headstart.core.episodes import Draws, Episode, check_episodes, sizes_of
from headstart.core.errors import UsageError


class EpisodeOrder:
    """Sample n as a function of the key and n alone; class by class, rows to learn from first.

    Args:
        labels: Class of each row, [N] int64, below 0 without any.
        episode: How large each is.
        key: Seeds the order.

    Raises:
        UsageError: The rows have no classes, or fewer than an episode takes.
        DataError: Classes have too few rows.
    """

    def __init__(self, labels: np.ndarray | None, episode: Episode, key: tuple[int | str, ...]) -> None:
        if labels is None:
            raise UsageError("Episodes are made of rows of one class each, and these have none.")
        check_episodes(sizes_of(labels), episode)
        self._size = episode.rows
        self._drawn = lru_cache(maxsize=8)(Draws(labels, episode, key).draw)

    def sample(self, n: int) -> tuple[int, int]:
        """Return the (epoch, row) of sample n: each episode is an epoch, so that its rows are augmented anew."""
        number, place = divmod(n, self._size)
        return number, int(self._drawn(number).flat[place])
