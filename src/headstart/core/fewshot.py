"""What a method is that answers from a few labelled rows without training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    import numpy as np


class FewShot(Protocol):
    """Answers the queries of episodes from the features of a few labelled rows: a file of `few_shot/`.

    transductive: whether it sees all queries of an episode together, so that the answer for one depends on the others.
    """

    transductive: ClassVar[bool]

    def scores(self, episodes: Any) -> np.ndarray:
        """Score each class for each query.

        Args:
            episodes: A `headstart.few_shot._episodes.Episodes`: E of them, of one size.

        Returns:
            [E, Q, W], the class of a query being that with the highest.
        """
        ...
