"""A plug-in and its options, as a user writes them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from headstart.core import options
from headstart.core.errors import UsageError

_OPTION = re.compile(r"[A-Za-z_]\w*=")
_BEFORE_OPTION = re.compile(r"\s+(?=['\"]?[A-Za-z_]\w*=)")
_BLANK_OR_EQUALS = re.compile(r"[\s=]")


@dataclass(frozen=True)
class Choice:
    """A plug-in by name, with its options. In TOML: a table with `name` and the options beside it."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, value: Any, where: str) -> Self:
        """Read a plug-in as a user writes it.

        Args:
            value: "NAME", "NAME OPTION=VALUE …" with the words quoted as in a shell, or a table with `name` and the
                options beside it. A source's name has a colon and may hold blanks and equals signs: the options begin
                at the first word from which on every word is OPTION=VALUE. Where a name itself ends like that, only
                the table says which is meant.
            where: What it is, for messages.

        Returns:
            The choice; options of a text are still text.

        Raises:
            UsageError: It is not written so.
        """
        if isinstance(value, str):
            return cls(*_split(value, where))
        if isinstance(value, Mapping) and isinstance(value.get("name"), str):
            return cls(value["name"], {k: v for k, v in value.items() if k != "name"})
        raise UsageError(f"{where} needs a name, or a table with `name` and options; got {value!r}.")

    def plain(self) -> dict[str, Any]:
        """Return the TOML table."""
        return {"name": self.name, **options.to_plain(self.options)}


def _split(text: str, where: str) -> tuple[str, dict[str, str]]:
    """Split "NAME OPTION=VALUE …"."""
    name, options = text.strip(), {}
    for gap in _BEFORE_OPTION.finditer(name):
        try:
            words = shlex.split(name[gap.end() :])
        except ValueError:  # a quote that is not closed
            continue
        if all(_OPTION.match(word) for word in words):
            name, options = name[: gap.start()], dict(word.split("=", 1) for word in words)
            if len(options) < len(words):
                raise UsageError(f"{where}: '{text}' gives an option more than once. Give each once.")
            break
    if not name or (":" not in name and _BLANK_OR_EQUALS.search(name)):
        raise UsageError(f"{where}: a plug-in is NAME OPTION=VALUE …, for example 'partial k=2'; got {text!r}.")
    return name, options
