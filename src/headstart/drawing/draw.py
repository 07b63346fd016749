"""Draw blocks and pages: HTML that escapes by itself (jinja2), whatever signs are in a text."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

TEMPLATES = Path(__file__).parent / "templates"
_NEVER = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")  # what HTML, or UTF-8, has no place for

_BETWEEN = re.compile(r"([_/])(?=\w)")  # in escaped text these stand for themselves


def draw(block: Any) -> Markup:
    """Draw a block, or several below each other.

    Args:
        block: One of `headstart.drawing.blocks`, a sequence of them, or safe HTML (`Markup`).

    Returns:
        HTML.
    """
    if isinstance(block, Markup):
        return block
    if isinstance(block, list | tuple):
        return Markup("").join(draw(part) for part in block)
    return Markup(fill(f"{block.template}.html.j2", b=block))


def fill(template: str, **values: Any) -> str:
    """Fill in a template of `templates/`.

    Args:
        template: Its file.
        **values: Its variables; one that is used and not given is an error.

    Returns:
        The text; in a template of HTML all that is filled in is escaped.
    """
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=lambda name: name is not None and name.endswith(".html.j2"),
        undefined=jinja2.StrictUndefined,
        finalize=_writable,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["draw"] = draw
    environment.filters["breaking"] = breaking
    environment.filters["place"] = lambda value: f"{value:.1f}"
    return environment


def breaking(text: str) -> Markup:
    """Let a name such as "a_long/path.jpg" be broken into lines after its parts, and not within them."""
    return Markup(_BETWEEN.sub(r"\1<wbr/>", str(escape(_writable(text)))))


def _writable(value: Any) -> Any:
    """Take from a text the signs that no page may hold."""
    return _NEVER.sub("\N{REPLACEMENT CHARACTER}", value) if type(value) is str else value
