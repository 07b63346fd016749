"""Ask all sources what they have: ways to start for some data, and models on this machine. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from headstart.core import plugins
from headstart.core.offer import Offer, Stored
from headstart.core.types import Task


def gather(task: Task, inputs: Any) -> list[Offer]:
    """Gather the ways to start for some data.

    Args:
        task: What is to be predicted.
        inputs: The training rows'.

    Returns:
        What the sources offer of what is on this machine, installed packages first; where nothing of it is pretrained,
        what they would fetch; then what needs no pretraining.
    """
    found = _asked("offers", task, inputs)
    pretrained = [offer for offer in found if offer.pretrained] or _asked("remote_offers", task, inputs)
    return [*pretrained, *(offer for offer in found if not offer.pretrained)]


def _asked(method: str, task: Task, inputs: Any) -> list[Offer]:
    return [offer for source in _sources(method) for offer in getattr(source, method)(task, inputs)]


def stored() -> list[Stored]:
    """List the models on this machine."""
    return [model for source in _sources("stored") for model in source.stored()]


def sizes_of(sources: Iterable[str]) -> dict[str, int]:
    """Tell how large the weights of sources are that are on this machine, in bytes; 0 where it is not known."""
    known = {model.source: model.size for model in stored()}
    return {name: known.get(name) or _size(*name.partition(":")[::2]) for name in sources}


def _size(prefix: str, rest: str) -> int:
    asks = prefix in plugins.names("sources") and plugins.has("sources", prefix, "size")
    return plugins.load("sources", prefix).size(rest) if asks else 0


def _sources(method: str) -> list[Any]:
    """Load the sources that have a method, those that need no network for anything first."""
    found = [plugins.load("sources", name) for name in plugins.names("sources") if plugins.has("sources", name, method)]
    return sorted(found, key=lambda source: hasattr(source, "remote_offers"))
