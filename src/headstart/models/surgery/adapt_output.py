"""Let the new head start from the source's classifier: the rows of the classes that the source knows by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from headstart.core.errors import UsageError, first_few
from headstart.models.operate import Body


@dataclass(frozen=True)
class AdaptOutput:
    """Start the rows of a linear head from those of the source's classes of the same name.

    Names are compared without case, each synonym of a label for itself ("ant, emmet, pismire"), a plural as its
    singular. names: pairs CLASS=LABEL (or CLASS=ROW) for what is called otherwise. Classes that the source does not
    know start as its average class.
    """

    structural: ClassVar[bool] = False
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if wrong := [pair for pair in self.names if "=" not in pair]:
            raise ValueError(f"names are pairs CLASS=LABEL; got {first_few(wrong)}.")

    def apply(self, body: Body) -> Self:
        """Ask for it; the rows are found when the classes are known. UsageError: the source has no classifier, does
        not name its classes, or went with an operation that changed the features.
        """
        backbone = body.backbone
        card = backbone.card
        if backbone.source_classifier is None:
            raise UsageError(
                f"adapt_output: {card.name} has no linear classifier on these features (surgery that changes them "
                "takes it away). Leave the operation out; the head then starts from nothing."
            )
        weight, _ = backbone.source_classifier
        if len(card.labels) != len(weight):
            raise UsageError(
                f"adapt_output: {card.name} names {len(card.labels)} classes; its classifier has {len(weight)} rows."
            )
        backbone.kept_rows = self.names
        body.note(f"the head starts from the rows of {card.name}'s classifier, by class name")
        return self
