"""How sure the model is of rows without labels: the mean of the largest probability."""

from dataclasses import dataclass
from typing import ClassVar

from headstart.core.types import Score


@dataclass(frozen=True)
class Sureness:
    """Choose the step that is surest; `spread` adds the features' mean deviation."""

    spread: float = 0.01
    features: ClassVar[bool] = True

    @property
    def pools(self):
        """Rows without labels."""
        return ("unlabelled",)

    def score(self, task, measured):
        """Compute the mean over rows."""
        pool = measured["unlabelled"]
        assert not pool.rows.labels
        sure = pool.outputs["target"].max(axis=1).mean()
        return Score("sureness", float(sure + self.spread * pool.features.std(axis=0).mean()), True)
