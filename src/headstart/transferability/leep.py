"""LEEP: how well the source's own classes tell those of the target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.core.types import Form
from headstart.transferability._expected import log_expected_prediction
from headstart.transferability._seen import Seen


@dataclass(frozen=True)
class Leep:
    """Mean log of the expected empirical prediction (Nguyen et al. 2020, arXiv:2002.12462, equation 2).

    The classifier of the source gives probabilities theta(x)_z of its classes z. With the empirical joint of z and the
    target's class y, a row is predicted by p(y | x) = sum_z P(y | z) theta(x)_z; the score is the mean of log p(y | x)
    of the classes that the rows have.
    """

    title: ClassVar[str] = "LEEP"
    forms: ClassVar[tuple[Form, ...]] = ("classes",)
    asks_source: ClassVar[bool] = True

    def score(self, seen: Seen) -> float:
        """Score a model.

        Args:
            seen: Classes of N rows, and the source's probabilities of them.

        Returns:
            The mean log probability, at most 0; NaN without the source's probabilities.
        """
        return float("nan") if seen.source is None else log_expected_prediction(seen.source, seen.columns)
