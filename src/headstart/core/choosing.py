"""By what a step of training is chosen: scores, what they are made from, and criteria."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self

if TYPE_CHECKING:
    import numpy as np

LEAST_TO_CHOOSE = 50  # validation rows; by fewer, steps of one training are told apart by luck
LEAST_TO_COMPARE = 30  # rows of either of two samples, to tell whether they look alike


class Score(NamedTuple):
    """One figure by which the best step is chosen.

    Attributes:
        name: What it is called.
        value: The figure.
        higher_is_better: Its direction.
        loss: Breaks ties of the value: lower is better. None: there is no finer figure.
        parts: The value with one of several groups of rows left out, each in turn: from them follows how much of a
            difference is noise. Empty: not known, and taken as none.
        undecided: Why nothing is chosen by it, though it is shown; "" where it decides.
    """

    name: str
    value: float
    higher_is_better: bool
    loss: float | None = None
    parts: tuple[float, ...] = ()
    undecided: str = ""

    @property
    def validation_loss(self) -> float | None:
        """What is lower for better weights, as finely as it is known; None where there is no such figure to go by."""
        if self.undecided or (self.loss is None and self.higher_is_better):
            return None
        return self.value if self.loss is None else self.loss

    def beats(self, other: Score | None) -> bool:
        """Return whether this is strictly better, by its loss where values tie; one that is not finite never is."""
        if not math.isfinite(self.value):
            return False
        if other is None or not math.isfinite(other.value):
            return True
        if self.value == other.value:
            return self.loss is not None and other.loss is not None and self.loss < other.loss
        return self.ahead_of(other) > 0

    def ahead_of(self, other: Score) -> float:
        """Return by how much this is better; below 0 where it is worse."""
        return self.value - other.value if self.higher_is_better else other.value - self.value

    def noise_beside(self, other: Score) -> float:
        """Estimate the standard error of the difference from another score of the same rows.

        The delete-a-group jackknife (Shao & Tu 1995): as both scores leave out the same rows, what is hard for both
        models cancels.

        Args:
            other: Of the same rows.

        Returns:
            The standard error; 0 where it is not known, infinite where a part is undefined.
        """
        groups = len(self.parts)
        if groups < 2 or groups != len(other.parts):
            return 0.0
        differences = [one - two for one, two in zip(self.parts, other.parts, strict=True)]
        mean = math.fsum(differences) / groups
        error = math.sqrt((groups - 1) / groups * math.fsum((d - mean) ** 2 for d in differences))
        return error if math.isfinite(error) else math.inf

    def to_plain(self) -> list[Any]:
        """Return JSON data."""
        return [*self[:4], list(self.parts), self.undecided]

    @classmethod
    def from_plain(cls, plain: Sequence[Any] | None) -> Self | None:
        """Read what `to_plain` gave, or None; earlier versions wrote the first three only."""
        if plain is None:
            return None
        name, value, higher, *rest = plain
        loss, parts, undecided = rest or (None, (), "")
        return cls(name, value, higher, loss, tuple(parts), undecided)


@dataclass(frozen=True)
class Measured:
    """A pool of rows with what the model gives for it, each row once, in order.

    Attributes:
        rows: A `headstart.data.rows.Rows`; of an unlabelled pool without labels.
        outputs: By target, decoded: probabilities [N, C] or values [N, T].
        features: What the heads see, [N, D]; None where the criterion does not ask for them.
    """

    rows: Any
    outputs: Mapping[str, np.ndarray]
    features: np.ndarray | None = None


class Criterion(Protocol):
    """By what a step is chosen: a file of `criteria/`, as a frozen dataclass. The test split is never measured.

    features: whether `Measured.features` are wanted. Two more may be there: most, how many rows of a pool without
    labels are measured, drawn by the seed (`most_rows`); forms, of targets, of which the task needs one (`suits`).
    """

    features: ClassVar[bool]

    @property
    def pools(self) -> tuple[str, ...]:
        """The splits or pools to measure; with () nothing is, and the last step counts."""
        ...

    def score(self, task: Any, measured: Mapping[str, Measured]) -> Score | None:
        """Score the model by what it gives for the pools.

        Args:
            task: A `headstart.core.types.Task`.
            measured: By pool.

        Returns:
            The score; None where there is none: the step is then not chosen, and without any the last one counts.
        """
        ...


def most_rows(criterion: Criterion) -> int | None:
    """Return how many rows of a pool without labels a criterion looks at; None: all of them."""
    return getattr(criterion, "most", None)


def suits(criterion: Criterion, forms: Iterable[str]) -> bool:
    """Return whether a criterion makes sense of targets of such forms: of any, unless it names some."""
    known: tuple[str, ...] | None = getattr(criterion, "forms", None)
    return known is None or not set(known).isdisjoint(forms)
