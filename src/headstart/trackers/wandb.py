"""Weights & Biases: figures and the recipe, online or in a folder (mode offline)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from headstart.core.types import Event
from headstart.trackers._figures import Figures, need


@dataclass(frozen=True)
class WandB:
    """Runs in a project. `mode` "offline" writes into the run's folder only; None takes WANDB_MODE."""

    project: str = "headstart"
    mode: Literal["online", "offline"] | None = None

    def open(self) -> _Tracking:
        """Check that the package is there."""
        return _Tracking(self, need("wandb", "wandb"))


class _Tracking:
    def __init__(self, options: WandB, package: Any) -> None:
        self.options, self.package = options, package
        self.run: Any = None
        self.figures = Figures()

    def __call__(self, event: Event, /) -> None:
        if event.kind == "run":
            self.close(failed=False)
            folder = Path(event.values["folder"])
            self.run, self.figures = (
                self.package.init(
                    project=self.options.project,
                    name=folder.name,
                    dir=str(folder),
                    mode=self.options.mode,
                    config=event.values["recipe"],
                ),
                Figures(),
            )
        elif self.run is not None:
            found = self.figures(event)
            if event.kind == "result":
                self.run.summary.update(found)
            elif found:
                self.run.log(found, step=self.figures.step)

    def close(self, *, failed: bool) -> None:
        if self.run is not None:
            self.run.finish(exit_code=int(failed))
            self.run = None
