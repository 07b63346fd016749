"""Which sources are looked at: names, patterns, lists in files, or what the sources offer by themselves."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from headstart.core import plugins
from headstart.core.errors import UsageError, first_few
from headstart.core.interface import option
from headstart.core.offer import Offer
from headstart.core.types import Task
from headstart.models.load import parts_of
from headstart.models.offers import gather

ANY = "*?["  # what makes a name a pattern


def expand(patterns: Sequence[str], task: Task, inputs: Any) -> list[Offer]:
    """Find the sources that are meant.

    Args:
        patterns: Each a source ("timm:resnet18"), a pattern ("local:FOLDER/*", "package:*", "timm:resnet*") or a text
            file with one of these a line; none asks what the sources offer for the data.
        task: What is to be predicted.
        inputs: The training rows'.

    Returns:
        Ways to start, each source once, in the order given.

    Raises:
        UsageError: A pattern meets nothing, a file is empty, or nothing is offered.
    """
    if not patterns:
        found = gather(task, inputs)
        if not any(offer.pretrained for offer in found):
            raise UsageError(
                f"No pretrained source for {task.modality} data is on this machine. Name some: "
                f"{option('sources', 'timm:resnet*')}, local:FOLDER/*, package:* or a file with one a line "
                "(headstart list sources)."
            )
        return found
    names = [name for pattern in patterns for name in _meant(pattern)]
    return [Offer(name) for name in dict.fromkeys(names)]


def _meant(pattern: str) -> list[str]:
    file = Path(pattern)
    if ":" not in pattern or file.suffix == ".txt":
        return [name for line in _lines(file) for name in _named(line)]
    return _named(pattern)


def _lines(file: Path) -> list[str]:
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{option('sources', str(file))} is neither a source (SOURCE:NAME) nor a text file that can be read: "
            f"{error}. Write a pattern such as local:FOLDER/*, or a file with one source a line."
        ) from error
    found = [line for line in lines if line and not line.startswith("#")]
    if not found:
        raise UsageError(f"{file} names no source: write one a line, such as timm:resnet18.")
    return found


def _named(pattern: str) -> list[str]:
    prefix, rest = parts_of(pattern)
    if not any(sign in rest for sign in ANY):
        return [pattern]
    source = plugins.build("sources", prefix, {})
    fixed = rest[: min(rest.index(sign) for sign in ANY if sign in rest)]
    known: Iterable[str] = source.names(fixed)
    found = sorted(name for name in known if fnmatch.fnmatchcase(name, rest))
    if not found:
        there = first_few(sorted(known)) or f"no model that begins with '{fixed}'"
        raise UsageError(f"{option('sources', pattern)} meets no source; there is: {there}.")
    return [f"{prefix}:{name}" for name in found]
