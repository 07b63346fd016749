"""How the cells of one column of a table become numbers: learnt on training rows, kept in a model's card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from headstart.core.cells import class_name, number
from headstart.core.columns import distinct
from headstart.core.errors import first_few
from headstart.inputs._kinds import MOST, blanks, date_form, read_dates, read_numbers, read_written, written_form

MOST_VALUES = 50  # of a category that have a number of their own
YEAR, WEEK = 365.25, 7.0  # days


@dataclass(frozen=True)
class Encoding:
    """How the cells of one column become numbers.

    name: of the column. kind: what it holds; "nothing" makes no number. blanks: whether blank cells are told by a
    number of their own. fill: what a blank cell counts as, the median of training; of dates in days since 1970.
    mean and deviation: by which numbers and days are standardised. values: of a category, one number each; another one
    is 0 in all. form: how dates are written, or numbers that are not written plainly (`inputs/_written.py`).
    clock: whether dates have a time of day. rare: values without a number.
    """

    name: str
    kind: Literal["number", "date", "category", "nothing"]
    blanks: bool = False
    fill: float = 0.0
    mean: float = 0.0
    deviation: float = 1.0
    values: tuple[str, ...] = ()
    form: str = ""
    clock: bool = False
    rare: int = 0

    @classmethod
    def learn(cls, name: str, cells: np.ndarray) -> Encoding:
        """Learn from the cells [N] of training rows: numbers with NaN for blank ones, or cells of any kind."""
        empty = _blank(cells)
        if empty.all():
            return cls(name, "nothing")
        there, has_blanks = ~empty, bool(empty.any())
        values, are_numbers = _numbers(cells)
        form = written = ""
        if (are_numbers & there).sum() < MOST * there.sum():
            form = date_form(list(cells[there]))
            written = "" if form else written_form(list(cells[there]))
            if not form and not written:
                return cls._learn_category(name, cells[there], has_blanks=has_blanks)
            values = read_dates(list(cells), form) if form else _numbers(cells, written)[0]
            are_numbers = np.isfinite(values)
        known = values[are_numbers & there & np.isfinite(values)]
        fill = float(np.median(known)) if len(known) else 0.0
        filled = np.where(are_numbers & there & np.isfinite(values), values, fill)
        deviation = float(filled.std())
        if not has_blanks and deviation <= 1e-12 * max(1.0, abs(fill)):
            return cls(name, "nothing")
        clock = bool(form) and bool((np.abs(known - np.floor(known)) > 1e-9).any())
        what = "date" if form else "number"
        scale = deviation if deviation > 0 else 1.0
        return cls(
            name, what, has_blanks, fill, mean=float(filled.mean()), deviation=scale, form=form or written, clock=clock
        )

    @classmethod
    def _learn_category(cls, name: str, cells: np.ndarray, *, has_blanks: bool) -> Encoding:
        different, places = distinct(cells)
        counts: Counter[str] = Counter()
        for cell, count in zip(different, np.bincount(places).tolist(), strict=True):
            counts[_key(cell)] += count
        ordered = sorted(counts, key=lambda value: (-counts[value], value))
        kept = [value for value in ordered if counts[value] > 1 or len(ordered) <= 2][:MOST_VALUES]
        if not has_blanks and (len(counts) == 1 or not kept):
            return cls(name, "nothing", rare=len(ordered) if len(counts) > 1 else 0)
        return cls(name, "category", has_blanks, values=tuple(sorted(kept)), rare=len(ordered) - len(kept))

    @property
    def width(self) -> int:
        """Numbers that a cell becomes."""
        own = {"number": 1, "date": 7 if self.clock else 5, "category": len(self.values), "nothing": 0}[self.kind]
        return own + self.blanks

    @property
    def names(self) -> list[str]:
        """What each of the numbers is called."""
        if self.kind == "category":
            found = [f"{self.name} = {value}" for value in self.values]
        elif self.kind == "date":
            parts = ["", " (year, sine)", " (year, cosine)", " (week, sine)", " (week, cosine)"]
            found = [f"{self.name}{part}" for part in parts + [" (day, sine)", " (day, cosine)"] * self.clock]
        else:
            found = [self.name] if self.kind == "number" else []
        return found + [f"{self.name} is blank"] * self.blanks

    def wrong(self, cells: np.ndarray) -> list[tuple[int, str]]:
        """Find the cells that are of another kind: their places and what is wrong with each."""
        if self.kind in ("category", "nothing"):
            return []
        there = ~_blank(cells)
        if self.kind == "date":
            bad = there & ~np.isfinite(read_dates(list(cells), self.form))
            return [(int(place), "is not a date as in training") for place in np.flatnonzero(bad)]
        values, found = _numbers(cells, self.form)
        with np.errstate(over="ignore"):
            finite = np.isfinite(values.astype(np.float32))
        what = "is not a number as in training" if self.form else "is not a number"
        return [
            (int(place), "is not a finite number of 32 bits" if found[place] else what)
            for place in np.flatnonzero(there & ~(found & finite))
        ]

    def strange(self, cells: np.ndarray) -> np.ndarray:  # [N] bool
        """Find the cells of a category that hold none of its values."""
        return ~_blank(cells) & ~np.isin([_key(cell) for cell in cells], self.values)

    def encode(self, cells: np.ndarray) -> np.ndarray:  # [N] to [N, width]
        """Turn cells into numbers, of which none is `wrong`."""
        empty = _blank(cells)
        made: list[np.ndarray] = []
        if self.kind == "category":
            different, places = distinct(cells)
            known = {value: place for place, value in enumerate(self.values)}
            found = np.array([known.get(_key(cell), -1) for cell in different])[places]
            made = [(found == place) & ~empty for place in range(len(self.values))]
        elif self.kind == "number":
            made = [self._standardise(np.where(empty, self.fill, _numbers(cells, self.form)[0]))]
        elif self.kind == "date":
            days = np.where(empty, self.fill, read_dates(list(cells), self.form))
            turns = [days / YEAR, days / WEEK, *([days] if self.clock else [])]
            made = [self._standardise(days)]
            made += [turn(2 * np.pi * share) for share in turns for turn in (np.sin, np.cos)]
        made += [empty] if self.blanks else []
        return np.stack(made, axis=1).astype(np.float32) if made else np.zeros((len(cells), 0), dtype=np.float32)

    def _standardise(self, values: np.ndarray) -> np.ndarray:
        return (values - self.mean) / self.deviation


def describe(table: Sequence[Encoding]) -> list[str]:
    """Describe in words what a table's columns become: a sentence for each thing that was done, none for numbers."""
    categories = [each for each in table if each.kind == "category" and each.values]
    rare = [f"{each.name} ({each.rare})" for each in table if each.rare]
    numbers = [each.name for each in table if each.blanks and each.kind != "category"]
    notes = {
        "categories, one number a value": [f"{each.name} ({len(each.values)})" for each in categories],
        f"values without a number, as they are rare (seen once, or beyond the {MOST_VALUES} most frequent)": rare,
        "dates, to days and the times of year and week": [each.name for each in table if each.kind == "date"],
        "blank cells, filled with the median of training and told by a number of their own": numbers,
        "blank cells, a value of their own": [e.name for e in table if e.blanks and e.kind == "category"],
        "nothing is made of": [e.name for e in table if e.kind == "nothing"],
    }
    if all(each.kind == "number" and not each.blanks for each in table):
        return []
    return [f"{what}: {first_few(names)}" for what, names in notes.items() if names]


def _blank(cells: np.ndarray) -> np.ndarray:
    return np.isnan(cells) if cells.dtype.kind == "f" else blanks(list(cells))


def _numbers(cells: np.ndarray, form: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Read cells as numbers; where they are written in a form, those written plainly are none ("1.234")."""
    if cells.dtype.kind == "f":
        return cells.astype(np.float64), np.ones(len(cells), dtype=bool)
    return read_written(list(cells), form) if form else read_numbers(list(cells))


def _key(cell: Any) -> str:
    """Name a value of a category, whatever file it comes from: 1, 1.0 and "1" are one, and so are True and "true"."""
    if isinstance(cell, bool | np.bool_) or (isinstance(cell, str) and cell.strip().lower() in ("true", "false")):
        return str(cell).strip().lower()
    found = number(cell)
    return str(cell).strip() if found is None or not np.isfinite(found) else class_name(found)
