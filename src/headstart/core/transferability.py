"""What a transferability score is."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from headstart.core.metric import Form


class Transferability(Protocol):
    """A cheap guess of how well a pretrained model will do on a target task: a file of `transferability/`.

    Higher is always better. title: as a heading. forms: the forms of label that it is defined for. asks_source: whether
    it needs the probabilities that the model gives for the classes of its own source task.
    """

    title: ClassVar[str]
    forms: ClassVar[tuple[Form, ...]]
    asks_source: ClassVar[bool]

    def score(self, seen: Any) -> float:
        """Score a model.

        Args:
            seen: A `headstart.transferability._seen.Seen`: what the model gives for N labelled rows of the target task.

        Returns:
            The score; NaN where it is not defined for such rows.
        """
        ...
