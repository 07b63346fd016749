"""Charts as plain data, small enough for a phone: 420 units wide, text of 12 units, legends below.

Colours are names of classes in the style sheet ("c0" to "c7", "s0" to "s4" from low to high, "grey"), so that they
differ in light and in dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

WIDTH, HEIGHT = 420, 260
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 12, 44
COLOURS = tuple(f"c{place}" for place in range(8))
SHADES = tuple(f"s{place}" for place in range(5))
ROW = 40  # height of a row of a forest plot


@dataclass(frozen=True)
class Axes:
    """Ranges and names of both axes; from data to places in the drawing. by_ratio: the x axis is logarithmic."""

    x: tuple[float, float]
    y: tuple[float, float]
    x_name: str
    y_name: str
    by_ratio: bool = False

    def across(self, value: float) -> float:
        """Place on the x axis."""
        value, low, high = map(math.log, (value, *self.x)) if self.by_ratio else (value, *self.x)
        return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def up(self, value: float) -> float:
        """Place on the y axis."""
        return HEIGHT - BOTTOM - (value - self.y[0]) / (self.y[1] - self.y[0]) * (HEIGHT - TOP - BOTTOM)


class Point(NamedTuple):
    """A point in the drawing with what is shown when the mouse rests on it."""

    x: float
    y: float
    colour: str
    title: str = ""


class Box(NamedTuple):
    """A rectangle in the drawing."""

    x: float
    y: float
    width: float
    height: float
    title: str


class Line(NamedTuple):
    """A straight line in the drawing."""

    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True)
class Marks:
    """Some marks of one colour: lines through points, dots, boxes, straight lines."""

    colour: str
    path: str = ""
    points: Sequence[Point] = ()
    boxes: Sequence[Box] = ()
    lines: Sequence[Line] = ()
    radius: float = 3
    opacity: float = 1
    dashed: bool = False


@dataclass(frozen=True)
class Chart:
    """Axes with marks; `name` is what a screen reader says."""

    template: ClassVar[str] = "chart"
    width: ClassVar[int] = WIDTH
    height: ClassVar[int] = HEIGHT
    axes: Axes
    marks: Sequence[Marks]
    name: str

    @property
    def frame(self) -> dict[str, float]:
        """The edges of what is inside the axes, and its middles."""
        right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
        centre = {"across": LEFT + (right - LEFT) / 2, "middle": TOP + (bottom - TOP) / 2}
        return {"left": LEFT, "right": right, "top": TOP, "bottom": bottom, **centre}

    @property
    def x_ticks(self) -> list[tuple[float, str]]:
        """Places on the x axis with their text."""
        found = ratio_ticks(*self.axes.x) if self.axes.by_ratio else ticks(*self.axes.x, most=5)
        return [(self.axes.across(value), tick_text(value)) for value in found]

    @property
    def y_ticks(self) -> list[tuple[float, str]]:
        """Places on the y axis with their text."""
        return [(self.axes.up(value), tick_text(value)) for value in ticks(*self.axes.y)]


class Measured(NamedTuple):
    """A row of a forest plot: a name, a value with its interval, both also as text."""

    name: str
    value: float
    low: float | None
    high: float | None
    text: str


@dataclass(frozen=True)
class Forest:
    """Values with their intervals below each other, each with its name above it."""

    template: ClassVar[str] = "forest"
    width: ClassVar[int] = WIDTH
    rows: Sequence[Measured]
    x_name: str
    name: str

    @property
    def height(self) -> int:
        """Height of the drawing."""
        return ROW * len(self.rows) + BOTTOM

    @property
    def bottom(self) -> int:
        """Where the axis is."""
        return ROW * len(self.rows) + 4

    @property
    def axes(self) -> Axes:
        """The axis, over all values and intervals."""
        ends = [end for row in self.rows for end in (row.value, row.low, row.high) if end is not None]
        return Axes(span(ends), (0, 1), self.x_name, "")

    @property
    def x_ticks(self) -> list[tuple[float, str]]:
        """Places on the axis with their text."""
        return [(self._across(value), tick_text(value)) for value in ticks(*self.axes.x, most=5)]

    @property
    def placed(self) -> list[tuple[Measured, float, float, float, float]]:
        """Each row with its height and the places of its value, low and high end."""
        placed = []
        for number, row in enumerate(self.rows):
            ends = [row.value if end is None else end for end in (row.value, row.low, row.high)]
            placed.append((row, ROW * number + 30, *map(self._across, ends)))
        return placed

    def _across(self, value: float) -> float:
        low, high = self.axes.x
        return RIGHT + (value - low) / (high - low) * (WIDTH - 2 * RIGHT)


def curve(axes: Axes, points: Sequence[tuple[float, float]], colour: str, *, dots: bool = False) -> Marks:
    """Draw a line through the points; a dot at each is to be seen where there are few, and tells its values always."""
    placed = [Point(axes.across(x), axes.up(y), colour, _at(axes, x, y)) for x, y in points]
    path = "M" + "L".join(f"{point.x:.1f} {point.y:.1f}" for point in placed)
    return Marks(colour, path=path, points=placed, opacity=1 if dots else 0)


def cloud(axes: Axes, points: Iterable[tuple[float, float, str, str]], radius: float = 3) -> Marks:
    """Draw a dot at each (x, y, colour, title)."""
    placed = [Point(axes.across(x), axes.up(y), colour, title) for x, y, colour, title in points]
    return Marks("", points=placed, radius=radius, opacity=0.7)


def columns(axes: Axes, bars: Iterable[tuple[float, float, float, str]], colour: str, opacity: float = 0.85) -> Marks:
    """Draw a bar from 0 for each (left, right, value, title)."""
    boxes = []
    for left, right, value, title in bars:
        x, y = axes.across(left), axes.up(value)
        boxes.append(Box(x, y, max(axes.across(right) - x - 1, 1), max(axes.up(0) - y, 0), title))
    return Marks(colour, boxes=boxes, opacity=opacity)


def whiskers(axes: Axes, intervals: Iterable[tuple[float, float, float]], colour: str) -> Marks:
    """Draw an interval at each (x, low, high)."""
    lines = []
    for x, low, high in intervals:
        place, bottom, top = axes.across(x), axes.up(low), axes.up(high)
        lines += [Line(place, bottom, place, top)]
        lines += [Line(place - 4, end, place + 4, end) for end in (bottom, top)]
    return Marks(colour, lines=lines)


def guide(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> Marks:
    """Draw a dashed line for comparison."""
    line = Line(axes.across(start[0]), axes.up(start[1]), axes.across(end[0]), axes.up(end[1]))
    return Marks("soft", lines=[line], dashed=True)


def span(values: Iterable[float], *, zero: bool = False) -> tuple[float, float]:
    """Return the range of the finite values with a little room; `zero` makes it start at 0."""
    known = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(known), max(known)
    room = 0.05 * (high - low) or abs(high) * 0.1 or 1.0
    return (0.0 if zero and low >= 0 else low - room), high + room


def ratio_span(values: Iterable[float]) -> tuple[float, float]:
    """Return the range of values above 0, with a little room for a logarithmic axis."""
    low, high = span(map(math.log, values))
    return math.exp(low), math.exp(high)


def ratio_ticks(low: float, high: float, most: int = 7) -> list[float]:
    """Choose round numbers between two bounds above 0: 1, 2 and 5 times the powers of ten, or the powers alone."""
    powers = [10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    for factors in ((1, 2, 5), (1,)):
        found = [power * factor for power in powers for factor in factors if low <= power * factor <= high]
        if len(found) <= most:
            break
    return found if len(found) > 1 else ticks(low, high, most=5)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Choose round numbers between two bounds, at steps of 1, 2 or 5 times a power of ten."""
    raw = (high - low) / most
    power = 10 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [round(step * place, 12) for place in range(first, math.floor(high / step + 1e-9) + 1)]


def tick_text(value: float) -> str:
    """Write a tick briefly: 1500 is "1.5k"."""
    for unit, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:.4g}{sign}"
    return f"{value:.4g}"


def _at(axes: Axes, x: float, y: float) -> str:
    return f"{axes.x_name} {x:.4g}: {axes.y_name} {y:.4g}"
