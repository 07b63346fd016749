"""What earlier searches on this machine showed: the methods that gained most are tried first."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

from headstart.selection.record import RECORD

PLACE = "runs"


class Prior(NamedTuple):
    """methods: those that earlier searches tried, the best first. said: in a sentence; "" where there are none."""

    methods: list[str]
    said: str


def read_prior(modality: str, own: Path) -> Prior:
    """Read what the searches below `runs/` found for data of a modality.

    Args:
        modality: Of the task.
        own: The folder of the search that asks, which is left out.

    Returns:
        Methods by their mean gain over the probe of the same search.
    """
    gains: dict[str, list[float]] = {}
    for record in _records(own):
        if record.get("modality") != modality:
            continue
        for one in record.get("gains", ()):
            gains.setdefault(one["method"], []).append(one["gain"])
    order = sorted(gains, key=lambda method: -mean(gains[method]))
    if not order:
        return Prior([], "")
    told = ", ".join(f"{method} {mean(gains[method]):+.3f} ({len(gains[method])})" for method in order)
    return Prior(
        order, f"Earlier searches in {PLACE}/, mean gain over the probe (trials): {told}; tried in this order."
    )


def _records(own: Path) -> Iterable[dict[str, Any]]:
    for path in sorted(Path(PLACE).glob(f"*/{RECORD}")):
        if path.parent.resolve() == own.resolve():
            continue
        with suppress(OSError, ValueError):  # of a run that is being removed, or torn
            plain = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(plain, dict):
                yield plain
