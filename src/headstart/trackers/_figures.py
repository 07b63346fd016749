"""From events to named figures, with one count of steps over all stages."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from headstart.core.errors import UsageError
from headstart.core.types import Event


class Figures:
    """Turns the events of one run into figures by name, at a step that counts on over stages."""

    def __init__(self) -> None:
        self.step = 0
        self._stage, self._before = 0, 0

    def __call__(self, event: Event) -> dict[str, float]:
        """Return the figures of an event; `step` is where they belong.

        Args:
            event: The next event of the run.

        Returns:
            Finite figures by name: "train/loss", "train/lr", "validation/accuracy", "result/test/accuracy".
        """
        values = event.values
        if event.kind == "result":
            found = {
                f"result/{split}/{name}": interval["value"]
                for split, metrics in values["metrics"].items()
                for name, interval in metrics.items()
            }
            return _finite(found)
        if event.kind not in ("step", "evaluation"):
            return {}
        if values["stage"] != self._stage:
            self._stage, self._before = values["stage"], self.step
        self.step = self._before + values["step"]
        if event.kind == "step":
            return _finite({f"train/{name}": values[name] for name in ("loss", "lr")})
        return _finite({f"validation/{k}": v for k, v in values.items() if k not in ("stage", "step", "best")})


def flat(plain: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Flatten a recipe: {"stages.0.lr": "0.001"}."""
    out: dict[str, str] = {}
    for key, value in plain.items():
        items = dict(enumerate(value)) if isinstance(value, list) else value
        if isinstance(items, Mapping):
            out |= flat({str(k): v for k, v in items.items()}, f"{prefix}{key}.")
        else:
            out[f"{prefix}{key}"] = str(value)
    return out


def need(module: str, tracker: str) -> ModuleType:
    """Import a tracker's package.

    Args:
        module: To import.
        tracker: Name of the tracker, and of its extra.

    Returns:
        The module.

    Raises:
        UsageError: It is not installed; the message names the extra.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UsageError(
            f"The tracker '{tracker}' lacks its package ({error}). Install it: pip install 'headstart[{tracker}]'."
        ) from error


def _finite(values: Mapping[str, Any]) -> dict[str, float]:
    return {k: float(v) for k, v in values.items() if isinstance(v, int | float) and math.isfinite(v)}
