"""Charts as inline SVG, small enough for a phone: 420 units wide, text of 12 units, legends as HTML below."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from headstart.drawing.html import Markup, classed, join, tag

WIDTH, HEIGHT = 420, 260
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 12, 44
PALETTE = (
    "#0b6bb5",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#8a6d00",
    "#56b4e9",
    "#7d3ac1",
    "#4b5563",
)  # Okabe & Ito's, darkened
GREY = "#b8c1cc"


@dataclass(frozen=True)
class Axes:
    """Ranges and names of both axes; from data to places in the drawing."""

    x: tuple[float, float]
    y: tuple[float, float]
    x_name: str
    y_name: str

    def across(self, value: float) -> float:
        """Place on the x axis."""
        return LEFT + (value - self.x[0]) / (self.x[1] - self.x[0]) * (WIDTH - LEFT - RIGHT)

    def up(self, value: float) -> float:
        """Place on the y axis."""
        return HEIGHT - BOTTOM - (value - self.y[0]) / (self.y[1] - self.y[0]) * (HEIGHT - TOP - BOTTOM)


def span(values: Iterable[float], *, zero: bool = False) -> tuple[float, float]:
    """Return the range of the finite values with a little room; `zero` makes it start at 0."""
    known = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(known), max(known)
    room = 0.05 * (high - low) or abs(high) * 0.1 or 1.0
    return (0.0 if zero and low >= 0 else low - room), high + room


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


def chart(axes: Axes, marks: Iterable[Markup], name: str) -> Markup:
    """Draw the axes and the marks; `name` is what a screen reader says."""
    grid = []
    for value in ticks(*axes.y):
        y = axes.up(value)
        grid.append(_line(LEFT, y, WIDTH - RIGHT, y, "#e6eaef"))
        grid.append(_text(LEFT - 6, y + 4, tick_text(value), "end"))
    for value in ticks(*axes.x, most=5):
        x = axes.across(value)
        grid.append(_line(x, HEIGHT - BOTTOM, x, HEIGHT - BOTTOM + 4, "#8a94a3"))
        grid.append(_text(x, HEIGHT - BOTTOM + 17, tick_text(value), "middle"))
    middle = TOP + (HEIGHT - TOP - BOTTOM) / 2
    frame = [
        _line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, "#8a94a3"),
        _text(LEFT + (WIDTH - LEFT - RIGHT) / 2, HEIGHT - 6, axes.x_name, "middle"),
        tag(
            "text",
            axes.y_name,
            attributes={"x": 13, "y": middle, "text-anchor": "middle", "transform": f"rotate(-90 13 {middle:g})"},
        ),
    ]
    attributes = {"viewBox": f"0 0 {WIDTH} {HEIGHT}", "role": "img", "aria-label": name}
    return tag("svg", *grid, *frame, *marks, attributes=attributes)


def curve(axes: Axes, points: Sequence[tuple[float, float]], colour: str, *, dots: bool = False) -> Markup:
    """Draw a line through the points, and a dot at each where there are few."""
    places = [(axes.across(x), axes.up(y)) for x, y in points]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    line = tag("path", attributes={"d": path, "fill": "none", "stroke": colour, "stroke-width": 2})
    return join([line, *(circle(x, y, 3, colour) for x, y in places if dots)])


def cloud(axes: Axes, points: Iterable[tuple[float, float, str]], radius: float = 3) -> Markup:
    """Draw a dot at each (x, y, colour)."""
    return join(circle(axes.across(x), axes.up(y), radius, colour, 0.7) for x, y, colour in points)


def columns(axes: Axes, bars: Iterable[tuple[float, float, float]], colour: str, opacity: float = 0.85) -> Markup:
    """Draw a bar from 0 for each (left, right, value)."""
    made = []
    for left, right, value in bars:
        x, y = axes.across(left), axes.up(value)
        size = {"x": f"{x:.1f}", "y": f"{y:.1f}", "width": f"{max(axes.across(right) - x - 1, 1):.1f}"}
        height = {"height": f"{max(axes.up(0) - y, 0):.1f}", "fill": colour, "fill-opacity": opacity}
        made.append(tag("rect", attributes={**size, **height}))
    return join(made)


def guide(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> Markup:
    """Draw a dashed line for comparison."""
    places = axes.across(start[0]), axes.up(start[1]), axes.across(end[0]), axes.up(end[1])
    return _line(*places, "#5b6675", dashed=True)


def circle(x: float, y: float, radius: float, colour: str, opacity: float = 1) -> Markup:
    """Draw a dot."""
    shape = {"cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": radius, "fill": colour}
    return tag("circle", attributes=shape | ({"fill-opacity": opacity} if opacity < 1 else {}))


def legend(entries: Iterable[tuple[str, str]]) -> Markup:
    """Name colours: (name, colour)."""
    made = [tag("span", tag("i", attributes={"style": f"background:{colour}"}), name) for name, colour in entries]
    return classed("div", "legend", *made)


def figure(title: str, drawing: Markup, *notes: object) -> Markup:
    """Put a title above a drawing, and legend and notes below."""
    return tag("figure", tag("h3", title), drawing, *notes)


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, dashed: bool = False) -> Markup:
    ends = {"x1": f"{x1:.1f}", "y1": f"{y1:.1f}", "x2": f"{x2:.1f}", "y2": f"{y2:.1f}", "stroke": colour}
    return tag("line", attributes=ends | ({"stroke-dasharray": "5 4"} if dashed else {}))


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return tag("text", text, attributes={"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor})
