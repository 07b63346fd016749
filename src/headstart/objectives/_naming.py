"""What objectives that learn features by naming tokens of texts have in common: no label is read, the heads stay.

They are for a stage before one that learns the labels (Gururangan et al. 2020, arXiv:2004.10964). A token is named by
the embedding that the network has of it (Press & Wolf 2017, arXiv:1608.05859), which learns from both of its uses where
the strategy lets it learn. Deviation: each text counts as much as another, however many tokens it is asked for; so a
batch may be cut into pieces and divided among processes.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn import functional

from headstart.core.errors import UsageError
from headstart.core.plugins import name_of
from headstart.core.types import Batch, Loss, Objective, Update
from headstart.models.dryrun import ROWS, to_device
from headstart.models.model import Backbone, Model, device_of
from headstart.models.vocabulary import embedding_of
from headstart.objectives._domains import check_moves


@dataclass(frozen=True)
class Naming(Objective):
    """Move the features by naming tokens.

    Attributes:
        pool: The rows: "unlabelled"; "train" takes the labelled ones without their labels, "target" another domain's.
    """

    pool: str = "unlabelled"
    criterion: ClassVar[str] = "last"

    @property
    def updates(self) -> tuple[Update, ...]:
        """The features and what is thrown away; the heads stay."""
        return (Update(("backbone", "extra"), self.losses),)

    def modules(self, model: Model) -> nn.Module:
        """Make what names tokens. UsageError: the features are to stay, or the network gives none of its tokens."""
        name, backbone = name_of(self), model.backbone
        embedding, card = embedding_of(backbone), backbone.card
        x = to_device(card.input.blank(ROWS), device_of(backbone))
        if embedding is None or not isinstance(x, Mapping) or "input_ids" not in x:
            raise UsageError(
                f"{name} needs a network that embeds tokens and says by which layer, such as BERT; {card.name} "
                "does not."
            )
        check_moves(model, name)
        with torch.no_grad(), model.evaluating():
            states = tokens_of(backbone(x), x, name)
        return self.namer(model, x, states.shape[-1], *embedding.weight.shape)

    @abstractmethod
    def namer(self, model: Model, x: Any, width: int, vocabulary: int, embedded: int) -> nn.Module:
        """Make what gives each token's logit of features [N, width] and embeddings [vocabulary, embedded].

        Args:
            model: As the strategy prepared it.
            x: A batch of empty texts.
            width: Of the tokens' features.
            vocabulary: How many tokens there are.
            embedded: Width of their embeddings.

        Returns:
            The module.

        Raises:
            UsageError: The network is of another kind.
        """

    @abstractmethod
    def asked(self, x: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Tell what is to be named by the features of each token: 1 + the token, 0 for nothing, [B, T]."""

    def losses(self, model: Model, extra: Any, batches: Mapping[str, Batch], progress: float) -> dict[str, Loss]:
        """Compute the loss "tokens": the cross-entropy of the tokens that are asked for, by the mean of each text."""
        x, embedding = batches["unlabelled"].x, embedding_of(model.backbone)
        assert embedding is not None, "modules refuses networks without one"
        states, asked = tokens_of(model.features(x), x, name_of(self)), self.asked(x)
        rows, places = asked.nonzero(as_tuple=True)
        logits = extra(states[rows, places], embedding.weight).float()
        each = functional.cross_entropy(logits, asked[rows, places] - 1, reduction="none")
        return {"tokens": Loss((each / asked.count_nonzero(dim=1)[rows]).sum() / len(asked))}


def tokens_of(features: Any, x: Mapping[str, torch.Tensor], name: str) -> torch.Tensor:
    """Return the features of the tokens of a batch, [B, T, D].

    Args:
        features: The backbone's.
        x: The batch.
        name: Of the objective.

    Returns:
        The features.

    Raises:
        UsageError: There are none, or not one of each token.
    """
    tokens = features.get("tokens")
    if tokens is None or "word_places" in x or tokens.shape[:-1] != x["input_ids"].shape:
        raise UsageError(
            f"{name} needs features of each token of a text by itself, and this network gives others. Learn in a run "
            "without surgery first, and take that run as the source."
        )
    return tokens


def is_causal(backbone: Backbone, x: Mapping[str, torch.Tensor]) -> bool:
    """Return whether the features of tokens stay the same where the last token is another one; the modes stay."""
    ids = x["input_ids"].clone()
    ids[:, -1] += 1
    one, other = (backbone(each)["tokens"][:, :-1] for each in (x, {**x, "input_ids": ids}))
    return torch.allclose(one, other, rtol=1e-5, atol=1e-6)
