"""Prior: what is known of a model before it sees any row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.transferability._seen import Seen


@dataclass(frozen=True)
class Prior:
    """How good the model is on its source task, else its size.

    Better models of ImageNet transfer better (Kornblith et al. 2019, arXiv:1805.08974), and larger ones of a family are
    better. The score is the source metric, a share, where it is known; else a tenth of log10 of the parameters: 0.6 for
    a million, 0.7 for ten million, 0.8 for a hundred million, which is about the ImageNet accuracy of such networks.
    """

    title: ClassVar[str] = "prior"
    forms: ClassVar[tuple[Form, ...]] = ("classes", "labels", "values")
    asks_source: ClassVar[bool] = False

    def score(self, seen: Seen) -> float:
        """Score a model.

        Args:
            seen: Its size and its metric count; the rows do not.

        Returns:
            About 0.5 to 0.9; NaN where neither is known.
        """
        if seen.source_metric is not None:
            return float(seen.source_metric)
        return float(np.log10(seen.params) / 10) if seen.params > 0 else float("nan")
