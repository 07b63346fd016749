"""NCE: the entropy of the target's classes that the source's own decision leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import entr

from headstart.core.types import Form
from headstart.transferability._seen import Seen


@dataclass(frozen=True)
class Nce:
    """Negative conditional entropy -H(Y | Z) in nats (Tran et al. 2019, arXiv:1908.08142).

    Z is the class that the source's classifier decides for, Y that of the target; both entropies are empirical.
    """

    title: ClassVar[str] = "NCE"
    forms: ClassVar[tuple[Form, ...]] = ("classes",)
    asks_source: ClassVar[bool] = True

    def score(self, seen: Seen) -> float:
        """Score a model.

        Args:
            seen: Classes of N rows, and the source's probabilities of them.

        Returns:
            From -log C to 0; NaN without the source's probabilities.
        """
        if seen.source is None:
            return float("nan")
        joint = np.zeros((seen.source.shape[1], len(seen.counts)))
        np.add.at(joint, (seen.source.argmax(axis=1), seen.classes), 1 / len(seen))
        return float(entr(joint.sum(axis=1)).sum() - entr(joint).sum())
