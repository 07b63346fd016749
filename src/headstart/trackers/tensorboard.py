"""TensorBoard event files in the run's folder: tensorboard --logdir runs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.core.types import Event
from headstart.trackers._figures import Figures, need


@dataclass(frozen=True)
class TensorBoard:
    """Event files in `tensorboard/` of the run's folder, or in `folder`/RUN."""

    folder: str = ""

    def open(self) -> _Tracking:
        """Check that the package is there."""
        return _Tracking(self, need("torch.utils.tensorboard", "tensorboard"))


class _Tracking:
    def __init__(self, options: TensorBoard, package: Any) -> None:
        self.options, self.package = options, package
        self.writer: Any = None
        self.figures = Figures()

    def __call__(self, event: Event, /) -> None:
        if event.kind == "run":
            self.close(failed=False)
            run = Path(event.values["folder"])
            folder = Path(self.options.folder) / run.name if self.options.folder else run / "tensorboard"
            self.writer, self.figures = self.package.SummaryWriter(str(folder)), Figures()
            self.writer.add_text("recipe", f"```\n{json.dumps(event.values['recipe'], indent=1)}\n```")
        elif self.writer is not None:
            for name, value in self.figures(event).items():
                self.writer.add_scalar(name, value, self.figures.step)

    def close(self, *, failed: bool) -> None:
        if self.writer is not None:
            self.writer.close()
            self.writer = None
