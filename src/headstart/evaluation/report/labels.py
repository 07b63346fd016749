"""Would more labels help? The curve over the number of training rows, and what twice as many would gain."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from headstart.drawing.blocks import Drawing, Drawings, Words
from headstart.drawing.charts import COLOURS, Axes, Chart, Marks, cloud, curve, span, whiskers
from headstart.drawing.text import words
from headstart.evaluation.report.facts import Facts

STEPS = 40  # of the line
LEFT_OUT = "rows that were left out of the fit"


def more_labels(facts: Facts) -> list[Any]:
    """Draw the curve of each target with the law behind it, or say why there is none."""
    found = facts.run.get("label_curve")
    if not found:
        return []
    if "why" in found:
        return [Words(f"Not measured: {found['why']}.", "soft")]
    several = len(facts.task.predicted) > 1
    said = [Words(f"{name}: {curve['said']}" if several else curve["said"]) for name, curve in found.items()]
    drawn = [_drawing(name if several else "", curve) for name, curve in found.items()]
    return [*said, Drawings(drawn)]


def _drawing(name: str, found: Mapping[str, Any]) -> Drawing:
    points, law = found["points"], found.get("law")
    line = _line(found) if law else []
    high = max([x for x, _ in points] + [x for x, _ in line])
    ends = [] if law is None else _ends(found, line[-1])
    values = [*(y for _, y in points), *(y for _, y in line), *(end for _, *both in ends for end in both)]
    axes = Axes((0.0, 1.05 * high), span(values), "training rows", words(found["metric"]))
    dots = cloud(axes, [(x, y, COLOURS[0], f"{x:,} rows: {y:.4g}") for x, y in points])
    marks: list[Marks] = [dots, *([curve(axes, line, COLOURS[1])] if line else []), whiskers(axes, ends, COLOURS[1])]
    legend = [
        ("probe, solved on so many rows", COLOURS[0]),
        *([("power law of the error", COLOURS[1])] if line else []),
    ]
    where = "validation rows" if found["measured_on"] == "validation" else LEFT_OUT
    notes = [f"Measured on {where}."]
    if law:
        notes.append(f"Error = {law['floor']:.3g} + {law['scale']:.3g} (rows / {law['rows']:,})^-{law['rate']:.1f}.")
    title = f"{words(found['metric'])} by the number of training rows".capitalize()
    chart = Chart(axes, marks, f"{words(found['metric'])} by training rows")
    return Drawing(f"{name}: {title}" if name else title, chart, notes, legend)


def _line(found: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Follow the law from the fewest rows to twice the most, more closely where it is steep."""
    law, sign = found["law"], -1 if found["higher_is_better"] else 1
    first, last = math.log(found["points"][0][0]), math.log(2 * law["rows"])
    sizes = [math.exp(first + (last - first) * step / STEPS) for step in range(STEPS + 1)]
    errors = [law["floor"] + law["scale"] * (size / law["rows"]) ** -law["rate"] for size in sizes]
    return [(size, law["best"] + sign * error) for size, error in zip(sizes, errors, strict=True)]


def _ends(found: Mapping[str, Any], last: tuple[float, float]) -> list[tuple[float, float, float]]:
    """Return the interval at twice the rows."""
    gain, sign = found["gain"], 1 if found["higher_is_better"] else -1
    now = last[1] - sign * gain["value"]
    low, high = sorted((now + sign * gain["low"], now + sign * gain["high"]))
    return [(last[0], low, high)]
