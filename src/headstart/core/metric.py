"""What a metric is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

Form = str  # "classes": one class a row; "labels": any number of classes a row; "values": numbers; or one of one's own


class Metric(Protocol):
    """One figure of how good predictions are; undefined is NaN.

    title: as a heading. forms: the forms of prediction that it measures. width: how many classes or columns it is
    for; None is any number. limits: the least and the greatest value there can be. undefined: what it needs to be
    defined, as "it needs labels that vary"; "" where it always is. of_probabilities: whether it measures how right the
    probabilities themselves are, so that it is worth to see before and after a temperature. One that needs a tree of
    classes says so (`of_trees`), as does one of how likely labels are (`of_likelihoods`).
    """

    title: ClassVar[str]
    forms: ClassVar[tuple[Form, ...]]
    width: ClassVar[int | None]
    higher_is_better: ClassVar[bool]
    limits: ClassVar[tuple[float, float]]
    undefined: ClassVar[str]
    of_probabilities: ClassVar[bool]

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit, as "share of rows".

        Args:
            form: Form of the predictions.
            names: Names of the classes, or of the columns of values.

        Returns:
            A few words.
        """
        ...

    def weighted(self, measured: Any) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for rows that count more or less, as they do in a resample of the bootstrap.

        The value is the one at equal weights; whole weights give the value of rows that are there as often. Where rows
        are looked for among each other, they are looked for as often, and what is found stays.

        Args:
            measured: A `headstart.metrics._measured.Measured`: labels, predictions, decisions, and what metrics share.

        Returns:
            A function from weights [N, R] float64 to values [R].
        """
        ...
