"""`package:NAME`: a pretrained model inside an installed Python package; nothing is downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headstart.core.errors import SourceError, unknown
from headstart.core.offer import Offer, Stored, covers
from headstart.core.types import Card, Task
from headstart.inputs import by_name
from headstart.models.packages import KNOWN

if TYPE_CHECKING:
    from headstart.models.model import Backbone


@dataclass(frozen=True)
class Package:
    """A pretrained model inside an installed Python package, of those that Headstart knows how to read."""

    def names(self, query: str) -> list[str]:
        """List the packages that are installed."""
        return [shipped.package for shipped in KNOWN if query in shipped.package and shipped.path() is not None]

    def load(self, name: str) -> Backbone:
        """Load the model of a package.

        Args:
            name: The package's name.

        Returns:
            The backbone.

        Raises:
            UsageError: It is none that Headstart knows.
            SourceError: It is not installed, or its file is not the one that Headstart knows.
        """
        for shipped in KNOWN:
            if shipped.package == name:
                return shipped.load()
        raise unknown("package with weights", name, [shipped.package for shipped in KNOWN])

    def rebuild(self, card: Card) -> Backbone:
        """Refuse: the card names the source that builds such networks."""
        raise SourceError(f"{card.name}: 'package' builds nothing; the card must name the source that does.")

    @classmethod
    def stored(cls) -> list[Stored]:
        """List the models on this machine."""
        return [stored for shipped in KNOWN if (stored := shipped.stored()) is not None]

    @classmethod
    def offers(cls, task: Task, inputs: Any) -> list[Offer]:
        """Offer the installed models that take the task's modality and the languages of its rows, the quickest first.

        Args:
            task: What is to be predicted.
            inputs: The training rows'.

        Returns:
            The offers.
        """
        modality = by_name(task.modality)
        fitting = [shipped for shipped in KNOWN if shipped.takes is modality and shipped.path() is not None]
        spoken = modality.languages(inputs) if fitting else ()
        return [
            Offer(f"package:{shipped.package}", why=f"{shipped.what}; installed")
            for shipped in sorted(fitting, key=lambda shipped: shipped.cost)
            if covers(shipped.languages, spoken)
        ]
