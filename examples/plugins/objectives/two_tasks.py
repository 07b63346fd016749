"""Two targets at once, each with a weight of its own."""

from dataclasses import dataclass
from typing import ClassVar

from headstart.core.types import Loss, Objective


@dataclass(frozen=True)
class TwoTasks(Objective):
    """Minimise the weighted sum of the losses of the targets "first" and "second"."""

    first: float = 1.0
    second: float = 0.5
    reads: ClassVar[str] = "features"

    def losses(self, model, extra, batches, progress):
        """Compute both losses on one pass."""
        batch = batches["train"]
        features = model.features(batch.x)
        weights = {"first": self.first, "second": self.second}
        return {
            name: Loss(weight * model.heads[name].loss(model.heads[name](features), batch.labels[name]), name)
            for name, weight in weights.items()
        }
