"""How much an answer tells of which row it is for: the mutual information of rows and classes (arXiv:1206.6438)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Score


@dataclass(frozen=True)
class Information:
    """Choose the step that is sure of each row, and varied over rows; `variety` weighs the second."""

    variety: float = 1.0
    features: ClassVar[bool] = False

    @property
    def pools(self):
        """Rows without labels."""
        return ("unlabelled",)

    def score(self, task, measured):
        """Compute the entropy of the mean answer minus the mean entropy of the answers, in nats."""
        pool = measured["unlabelled"]
        assert not pool.rows.labels
        answers = pool.outputs["target"]
        surprise = -np.log(np.clip(answers, 1e-12, 1))
        unsure = (answers * surprise).sum(axis=1).mean()
        varied = -(answers.mean(axis=0) * np.log(np.clip(answers.mean(axis=0), 1e-12, 1))).sum()
        return Score("information", float(self.variety * varied - unsure), True)
