"""HTML that escapes by itself (markupsafe): what is not `Markup` is text, whatever signs are in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import markupsafe
from markupsafe import Markup

_NEVER = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")  # what HTML, or UTF-8, has no place for
VOID = {"img", "meta", "line", "rect", "circle", "path"}


def escape(value: object) -> Markup:
    """Make any value safe as text or in quotes."""
    if isinstance(value, Markup):
        return value
    return markupsafe.escape(_NEVER.sub("\N{REPLACEMENT CHARACTER}", str(value)))


def tag(name: str, *children: object, attributes: Mapping[str, object] | None = None) -> Markup:
    """Make an element; children that are not `Markup` are escaped, and so are attributes."""
    listed = "".join(f' {key}="{escape(value)}"' for key, value in (attributes or {}).items())
    if name in VOID:
        return Markup(f"<{name}{listed}/>")
    return Markup(f"<{name}{listed}>{join(children)}</{name}>")


def classed(name: str, css: str, *children: object) -> Markup:
    """Make an element of a CSS class."""
    return tag(name, *children, attributes={"class": css})


def join(parts: Iterable[object]) -> Markup:
    """Put parts after one another."""
    return Markup("").join(escape(part) for part in parts)


def table(headings: Sequence[object], rows: Iterable[Sequence[object]], css: str = "") -> Markup:
    """Make a table that scrolls by itself on a narrow screen; its first column stands left, the others right."""
    body = [
        tag("tr", tag("th", row[0], attributes={"scope": "row"}), *(_cell(cell) for cell in row[1:])) for row in rows
    ]
    head = tag("tr", *(tag("th", cell, attributes=_at(cell) | {"scope": "col"}) for cell in headings))
    return classed("div", "scroll", classed("table", css, tag("thead", head), tag("tbody", *body)))


def pairs(rows: Iterable[tuple[object, object]]) -> Markup:
    """Make a list of names and values."""
    return classed("dl", "pairs", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in rows))


class Left(str):
    """A cell that stands left."""

    __slots__ = ()


def _cell(cell: object) -> Markup:
    return cell if isinstance(cell, Markup) and cell.startswith("<td") else tag("td", cell, attributes=_at(cell))


def _at(cell: object) -> dict[str, object]:
    return {"class": "left"} if isinstance(cell, Left) else {}
