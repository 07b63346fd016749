"""Episodes: small tasks of a few classes, a few rows of each to learn from, and others to ask (Vinyals et al. 2016).

Episode n is a function of the key and n alone (arXiv:1606.04080, section 2.2, says what an episode is).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headstart.core.counting import counted
from headstart.core.errors import DataError, Problem, UsageError
from headstart.core.seeding import numpy_generator

if TYPE_CHECKING:
    import numpy as np

WAYS, QUERIES = 5, 15  # as in most papers, where classes and rows allow it


@dataclass(frozen=True)
class Episode:
    """How large an episode is: `ways` classes, `shots` rows of each to learn from and `queries` to ask."""

    ways: int
    shots: int
    queries: int

    def __post_init__(self) -> None:
        for name, least in (("ways", 2), ("shots", 1), ("queries", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}; got {getattr(self, name)}.")

    @property
    def of_class(self) -> int:
        """Rows of each class."""
        return self.shots + self.queries

    @property
    def rows(self) -> int:
        """Rows in all."""
        return self.ways * self.of_class

    def __str__(self) -> str:
        return f"{self.ways}-way {self.shots}-shot, {self.queries} queries a class"


def check_episodes(sizes: Mapping[str, int], episode: Episode) -> None:
    """Check that classes have the rows that episodes ask for.

    Args:
        sizes: Rows of each class by its name.
        episode: What is asked for.

    Raises:
        UsageError: There are fewer classes than ways.
        DataError: Classes have too few rows; all are listed.
    """
    if episode.ways > len(sizes):
        raise UsageError(f"Episodes of {episode.ways} ways need as many classes; there are {len(sizes)}. Ask for less.")
    short = {name: size for name, size in sizes.items() if size < episode.of_class}
    if short:
        raise DataError(
            f"{counted(len(short), 'classes', len(sizes))} cannot give {episode.shots} rows to learn from and "
            f"{episode.queries} to ask:",
            [Problem(f"class '{name}'", f"has {counted(size, 'rows')}") for name, size in short.items()],
            "Ask for fewer shots or queries, or leave these classes out.",
        )


def fitted(sizes: Mapping[str, int], ways: int | None, shots: int, queries: int | None) -> Episode:
    """Choose what is left open: as many ways and queries as in most papers, or fewer where rows do not suffice.

    Args:
        sizes: Rows of each class by its name.
        ways: Classes in an episode; None leaves it open.
        shots: Rows of each to learn from.
        queries: Rows of each to ask; None leaves it open.

    Returns:
        The episode, for which the classes have the rows.

    Raises:
        UsageError: A number is too small, or there are fewer classes than ways.
        DataError: Classes have too few rows; all are listed.
    """
    least = min(sizes.values(), default=0)
    try:
        episode = Episode(
            max(2, min(WAYS, len(sizes))) if ways is None else ways,
            shots,
            max(1, min(QUERIES, least - shots)) if queries is None else queries,
        )
    except ValueError as error:
        raise UsageError(f"Episodes cannot be made so: {error}") from error
    check_episodes(sizes, episode)
    return episode


def sizes_of(labels: np.ndarray, name_of: Callable[[int], str] = str) -> dict[str, int]:
    """Count the rows of each class by its name; labels [N] below 0 are of none."""
    import numpy as np

    found, counts = np.unique(labels[labels >= 0], return_counts=True)
    return {name_of(label): size for label, size in zip(found.tolist(), counts.tolist(), strict=True)}


class Draws:
    """The episodes of some rows.

    Args:
        labels: Class of each row, [N] int64; below 0 it is in no episode.
        episode: How large each is.
        key: Seeds them.
    """

    def __init__(self, labels: np.ndarray, episode: Episode, key: tuple[int | str, ...]) -> None:
        import numpy as np

        self.episode, self._key = episode, key
        self._rows = [np.flatnonzero(labels == label) for label in np.unique(labels[labels >= 0])]

    def draw(self, number: int) -> np.ndarray:
        """Return the places of the rows of an episode, [ways, shots + queries]: of each class those to learn first."""
        import numpy as np

        random = numpy_generator(*self._key, "episode", number)
        classes = random.permutation(len(self._rows))[: self.episode.ways]
        size = self.episode.of_class
        return np.stack([random.choice(self._rows[chosen], size, replace=False) for chosen in classes.tolist()])
