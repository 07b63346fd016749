"""`tfidf:words` and `tfidf:chars`: no pretrained network, but the weighted terms of the training texts (TF-IDF)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

import torch

from headstart.core.errors import UsageError, unknown
from headstart.core.offer import Offer
from headstart.core.storage import sha256
from headstart.core.types import Card, Features, Task
from headstart.inputs import by_name
from headstart.inputs._terms import FILE, By, Terms
from headstart.inputs.text import Text
from headstart.models.model import Backbone

NAMES = get_args(By)


@dataclass(frozen=True)
class Tfidf:
    """TF-IDF of words (one and two at a time) or characters (one to three), learnt from the training texts.

    It has no weights that learn. texts: the training texts; filled from the data.
    """

    texts: Any = None

    def names(self, query: str) -> list[str]:
        """List what can be a term."""
        return [name for name in NAMES if query in name]

    @classmethod
    def offers(cls, task: Task, inputs: Any) -> list[Offer]:
        """Offer itself where this is a baseline of the modality.

        Args:
            task: Names the modality.
            inputs: The training rows.

        Returns:
            One offer, or none.
        """
        return [offer for offer in by_name(task.modality).baselines(inputs) if offer.source.startswith("tfidf:")]

    def load(self, name: str) -> Backbone:
        """Learn the terms of the training texts.

        Args:
            name: "words" or "chars".

        Returns:
            The backbone. Its terms lie in a folder that is removed when the process ends; a saved model has a copy.

        Raises:
            UsageError: The name is another one, or there are no texts yet.
            SourceError: The texts have no such terms.
        """
        if name not in NAMES:
            raise unknown("kind of terms", name, list(NAMES))
        if self.texts is None or not len(self.texts):
            raise UsageError(f"tfidf:{name} learns from the training texts, and there are none here: name the data.")
        texts = cast(Sequence[Any], self.texts)
        terms = Terms.learn(texts, cast(By, name))
        count, folder = len(terms.terms), terms.in_a_folder()
        cut = "the most frequent ones, as more would take too much memory; " if count == Terms.most(len(texts)) else ""
        card = Card(
            name=f"tfidf:{name}",
            family="tfidf",
            params=0,
            input=Text(str(folder), count),
            builder="tfidf",
            architecture={"dim": count},
            source_task=f"none: {count:,} terms ({cut}learnt from {len(texts):,} training rows)",
            sha256=sha256(folder / FILE),
        )
        return self.rebuild(card)

    def rebuild(self, card: Card) -> Backbone:
        """Build the network of a card: it has no weights."""
        return _Weighted(card)


class _Weighted(Backbone):
    """Puts the weights of a text's terms into one row."""

    def __init__(self, card: Card) -> None:
        super().__init__()
        self.card = card
        self.dim = card.architecture["dim"]

    def stages(self) -> dict[str, tuple[str, ...]]:
        return {}

    def forward(self, x: dict[str, torch.Tensor]) -> Features:  # each [B, T]
        weights = x["weights"] if "weights" in x else x["attention_mask"].float()  # of a dry run's examples
        row = torch.zeros(len(weights), self.dim, device=weights.device)
        return Features(pooled=row.scatter_add_(1, x["input_ids"], weights))
