"""Two texts through one encoder, each by itself: features of a pair are made of both (a bi-encoder, two towers).

Reimers and Gurevych 2019, arXiv:1908.10084: u, v and |u - v| for classes, the cosine for similarity; the product u * v
as in Conneau et al. 2017, arXiv:1705.02364.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from headstart.core.errors import UsageError
from headstart.models.operate import Body
from headstart.models.surgery._around import forward_of, set_forward
from headstart.models.surgery._towers import Parts, Towers


@dataclass(frozen=True)
class Siamese:
    """Let both texts of a pair go through the network one by one, with the same weights, and compare what it gives.

    features: "all" is both texts' features u and v (of length 1), |u - v|, u * v and the cosine; "symmetric" leaves u
    and v out, so that the order of the two does not count; "cosine" is the cosine alone.
    """

    structural: ClassVar[bool] = True
    keeps_weights: ClassVar[bool] = True
    features: Parts = "all"

    def apply(self, body: Body) -> Self:
        """Let the input show the parts of an example apart, and compare their features. UsageError: an example of this
        network has no parts, or they are apart already.
        """
        backbone = body.backbone
        apart = backbone.card.input.in_parts()
        if apart is None:
            many = backbone.card.input.plural
            raise UsageError(
                f"siamese: {backbone.card.name} takes {many}, which are no pairs. Leave the operation out."
            )
        inner = forward_of(backbone)
        if isinstance(inner, Towers):
            raise UsageError(f"siamese: {backbone.card.name} sees both of a pair by themselves already.")
        body.expect(apart)
        set_forward(backbone, Towers(backbone, inner, self.features))
        body.drop_classifier("siamese")
        body.note(f"siamese: {backbone.card.input.plural} of a pair go through the network one by one")
        return self
