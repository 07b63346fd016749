"""What the targets of one network share, and what each has of its own: what every scheme of `sharing/` gives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from headstart.core.options import to_plain
from headstart.core.plugins import name_of
from headstart.core.tuning import Strategy, Tuning


class Scheme(ABC):
    """A way to divide a network among several targets; its frozen dataclass holds options and no state."""

    @abstractmethod
    def prepare(self, model: Any, strategy: Strategy) -> Tuning:
        """Let the strategy prepare the model, and give the targets what they have of their own of what learns.

        Args:
            model: A `headstart.models.model.Model` with a head for each target.
            strategy: Says what learns.

        Returns:
            The strategy's tuning, completed by what is the targets' own.

        Raises:
            UsageError: There is one target alone, or the network cannot be divided so.
        """

    @abstractmethod
    def insert(self, backbone: Any, targets: Sequence[str], own: Sequence[str]) -> None:
        """Put in what the card records, with any weights: a saved model is built so before its weights are loaded.

        Args:
            backbone: A `headstart.models.model.Backbone`.
            targets: The targets, in order.
            own: Names of the tensors that each has of its own.
        """

    def entry(self, targets: Sequence[str], own: Sequence[str]) -> dict[str, Any]:
        """Return what the card records: what `insert` takes, the scheme's name, and its options."""
        known = {"kind": "sharing", "name": name_of(self), "targets": list(targets), "own": list(own)}
        return known | {"options": to_plain(self)}
