"""What few-shot methods came to, side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from headstart.core import storage
from headstart.core.episodes import Episode
from headstart.drawing.blocks import Drawing, Page, Section, Table, Words, left
from headstart.drawing.charts import Forest, Measured
from headstart.drawing.draw import draw
from headstart.evaluation.results import Interval
from headstart.evaluation.tables import interval_text

HEADS = ("method", "accuracy", "95 % interval", "seconds", "queries")
WIDE = 1.959964  # standard errors on either side that hold 95 %
KINDS = {False: "each alone", True: "all together (transductive)"}


@dataclass(frozen=True)
class Answers:
    """What a method came to.

    right: the share of the queries that it answers rightly, of each episode, [E]. seconds: that it took for all.
    """

    method: str
    transductive: bool
    right: np.ndarray
    seconds: float

    @property
    def accuracy(self) -> Interval:
        """The mean over episodes with its interval, by the normal distribution, as papers give it; none of one."""
        mean, count = float(self.right.mean()), len(self.right)
        if count < 2:
            return Interval(mean)
        half = WIDE * float(self.right.std(ddof=1)) / math.sqrt(count)
        return Interval(mean, mean - half, mean + half).within(0, 1)


@dataclass(frozen=True, repr=False)
class Answered:
    """Methods on the same episodes.

    start: the source or the run. classes: that episodes are made of. rows: that features were computed of. centred:
    whether the mean of other classes is known. passed: seconds until the features were there.
    """

    start: str
    episode: Episode
    episodes: int
    classes: int
    rows: int
    answers: Sequence[Answers]
    centred: bool
    passed: float

    def __repr__(self) -> str:
        """Say what did best."""
        return "\n".join(self.said())

    def _repr_html_(self) -> str:
        """Show the table in a notebook."""
        return draw([Table(HEADS, self.cells()), *(Words(line, "soft") for line in self.said())])

    def __getitem__(self, method: str) -> Interval:
        """Return the accuracy of a method with its interval."""
        return next(each.accuracy for each in self.answers if each.method == method)

    def said(self) -> list[str]:
        """Write the result in sentences."""
        lines = []
        for transductive in (False, True):
            some = [each for each in self.answers if each.transductive is transductive]
            if some:
                best = max(some, key=lambda each: each.right.mean())
                value, interval = interval_text(best.accuracy)
                seen = "seeing all queries of an episode together" if transductive else "answering each query alone"
                lines.append(f"Best of those {seen}: {best.method}, accuracy {value} ({interval}).")
        return lines

    def cells(self) -> list[tuple[str, ...]]:
        """Make the rows of the table under `HEADS`, those that answer each query alone first."""
        ordered = sorted(self.answers, key=lambda each: (each.transductive, -each.right.mean()))
        return [
            (each.method, *interval_text(each.accuracy), f"{each.seconds:.2f}", KINDS[each.transductive])
            for each in ordered
        ]

    def to_plain(self) -> dict[str, Any]:
        """Return plain data, safe for JSON."""
        return {
            "start": self.start,
            "ways": self.episode.ways,
            "shots": self.episode.shots,
            "queries": self.episode.queries,
            "episodes": self.episodes,
            "classes": self.classes,
            "rows": self.rows,
            "methods": [
                {
                    "method": each.method,
                    "transductive": each.transductive,
                    "accuracy": each.accuracy.to_plain(),
                    "seconds": round(each.seconds, 3),
                }
                for each in self.answers
            ],
            "seconds": round(self.passed, 2),
        }

    def save(self, path: str | Path) -> Path:
        """Write the page.

        Args:
            path: The file, such as "fewshot.html".

        Returns:
            The same path.
        """
        rows = [
            Measured(each.method, value, found.low, found.high, interval_text(found)[0])
            for each in self.answers
            for found in [each.accuracy]
            if (value := found.value) is not None
        ]
        told = (
            f"{self.episode}; {self.episodes:,} episodes of {self.classes} classes, {self.rows:,} rows. The interval "
            "is over episodes of these classes and rows."
        )
        if not self.centred:
            told += " No other classes are known: rows are centred by the mean of the rows that are learnt."
        table = Table((*HEADS[:-1], left(HEADS[-1])), self.cells())
        drawn = Drawing("accuracy", Forest(rows, "accuracy", "Accuracy by method"))
        section = Section("Methods without training", [drawn, table, Words(told, "soft")])
        top = [Words(line, "soft" if place else "headline") for place, line in enumerate(self.said())]
        page = Page("Few examples", f"{self.start}: {self.episode}", top, [section])
        storage.write_text(Path(path), str(draw(page)))
        return Path(path)
