"""The legend of masks: which grey value, palette index or colour stands for which class."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.core.errors import DataError, Problem, first_few

FILES = ("classes.csv", "classes.txt", "legend.csv", "legend.txt", "classes.json", "meta.json")
HIGHER = 3  # folders above that of a mask in which its legend may lie
IGNORE = {"ignore", "ignored", "void"}  # names of what no pixel is learnt of
COLUMNS = {"name", "class", "label", "value", "id", "index", "r", "g", "b", "red", "green", "blue"}
Value = tuple[int, ...]  # one number, or red, green and blue


@dataclass(frozen=True)
class Legend:
    """Names of classes by value, in order, and the values that are ignored."""

    names: dict[Value, str]
    ignored: tuple[Value, ...] = ()

    @property
    def colours(self) -> bool:
        """Whether the values are colours."""
        return any(len(value) == 3 for value in (*self.names, *self.ignored))


def find_legend(mask: Any) -> Legend | None:
    """Find the legend beside a mask, or up to three folders above it.

    Args:
        mask: A cell; only a path has a folder.

    Returns:
        The legend; None where there is none.

    Raises:
        DataError: It cannot be read, or names a class or a value twice.
    """
    if not isinstance(mask, Path):
        return None
    folders = [mask.parent, *mask.parent.parents][: HIGHER + 1]
    files = (folder / name for folder in folders for name in FILES)
    return next((found for file in files if file.is_file() and (found := read_legend(file)) is not None), None)


def read_legend(file: Path) -> Legend | None:
    """Read a legend.

    Args:
        file: Lines "name,value" or "name,r,g,b", or names alone, which are numbered from 0; or JSON with "classes" and
            perhaps "ignore_index".

    Returns:
        The legend; None where JSON has no "classes".

    Raises:
        DataError: It cannot be read, or names a class or a value twice; all lines are listed.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
        lines = _from_json(json.loads(text)) if file.suffix == ".json" else _from_lines(text)
    except (OSError, ValueError) as error:
        raise DataError(f"The legend {file} cannot be read: {error}") from error
    if lines is None:
        return None
    values = [value for _, _, value in lines]
    twice = {value for value, times in Counter(values).items() if times > 1}
    names = Counter(name for _, name, _ in lines)
    problems = [
        Problem(f"{file.name}:{number}", f"'{name}' has the value {written(value)}, which stands there twice")
        for number, name, value in lines
        if value in twice
    ]
    problems += [
        Problem(f"{file.name}:{number}", f"the class '{name}' stands there twice", "name it otherwise")
        for number, name, _ in lines
        if names[name] > 1 and name.lower() not in IGNORE
    ]
    if len({len(value) for value in values}) > 1:
        problems.append(Problem(file.name, "has numbers and colours", "write the same for all"))
    if problems:
        raise DataError(f"The legend {file} cannot be used:", problems)
    known = {value: name for _, name, value in lines if name.lower() not in IGNORE}
    return Legend(known, tuple(value for value in values if value not in known))


def written(value: Value) -> str:
    """Write a value as a legend does: "7", "128,0,0"."""
    return ",".join(map(str, value))


def parsed(text: str) -> Value:
    """Read what `written` gave."""
    return tuple(map(int, text.split(",")))


def _from_json(plain: Any) -> list[tuple[int, str, Value]] | None:
    if not isinstance(plain, dict) or not isinstance(plain.get("classes"), list):
        return None
    ignored = plain.get("ignore_index")
    named = enumerate(map(str, plain["classes"]))
    lines = [(place + 1, "ignore" if place == ignored else name, (place,)) for place, name in named]
    if isinstance(ignored, int) and ignored >= len(lines):
        lines.append((len(lines) + 1, "ignore", (ignored,)))
    return lines


def _from_lines(text: str) -> list[tuple[int, str, Value]]:
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in next(csv.reader([re.sub(r"[;\t]", ",", line)]), [])]
        if not any(cells) or (number == 1 and len(cells) > 1 and {cell.lower() for cell in cells} <= COLUMNS):
            continue
        if len(cells) == 2 and cells[0].isdigit() and not cells[1].isdigit():
            cells = cells[::-1]
        name, *numbers = cells
        if len(numbers) not in (0, 1, 3) or not all(cell.isdigit() and int(cell) < 2**16 for cell in numbers):
            raise ValueError(f"line {number} holds {first_few(cells)}, and not name,value or name,r,g,b")
        found.append((number, name, tuple(map(int, numbers)) or (len(found),)))
    return found
