"""Features computed once where the backbone is a constant: nothing in it learns and nothing is augmented.

The features then stand in for the examples of objectives that read features alone: `Model.features` passes them
through. A backbone that is partly frozen is computed each time.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import torch

from headstart.core.types import Features, Input
from headstart.data.rows import Rows
from headstart.data.transforms import Transform
from headstart.features.cache import Cache, NoRoom
from headstart.features.fingerprint import code_of, name_of
from headstart.models.cards import card_to_plain
from headstart.models.model import Backbone, Model
from headstart.views.plain import Plain

LEAST_SECONDS = 2.0  # of computing: what took less is not worth a place on the disk
LEAST_GAIN, READ = 1.3, 100e6  # times, by which reading rows must be faster than computing them; bytes a second
PIECE = 4096  # rows that are computed at a time


def backbone_is_constant(model: Model) -> bool:
    """Return whether plain examples have the same features over the whole stage."""
    return not any(p.requires_grad for p in model.backbone.parameters())


@dataclass(frozen=True)
class _Pooled(Input):
    """Rows of pooled features, as if they were a modality."""

    def collate(self, examples: list[Any]) -> Features:
        """Stack rows to [B, D]. They are also the one token, so that heads that pool tokens see the same."""
        pooled = torch.from_numpy(np.stack(examples))
        return {"pooled": pooled, "tokens": pooled.unsqueeze(1)}


class FeatureTransform(Transform):
    """Turns rows of pooled features into batches (for `frozen_rows`)."""

    def __init__(self) -> None:
        expects = _Pooled()  # pyright: ignore[reportAbstractUsage]  # it is never read from data
        super().__init__(expects, defaultdict(Plain))  # by whatever key a stream has it


class KnownFeatures:
    """Features of backbones as they were, by row, so that rows that come again are not computed again.

    A backbone is known again by all that its features depend on, so that one that moved is another one.

    Args:
        cache: Keeps what took long for later runs; None: nothing outlives this object.
        writes: Whether this process is the one of its run that writes.
    """

    def __init__(self, cache: Cache | None = None, *, writes: bool = True) -> None:
        self._cache, self._writes = cache, writes
        self._known: dict[str, dict[bytes, np.ndarray]] = {}

    def get(
        self,
        backbone: Backbone,
        rows: Rows,
        compute: Callable[[Rows], np.ndarray],
        *,
        how: str = "",
        agree: Callable[[list[bool]], list[bool]] = lambda here: here,
    ) -> np.ndarray:
        """Return the features of rows, [N, D] float32, computing those that are not known.

        Args:
            backbone: As it stands now.
            rows: Known again by content; without digests all are computed.
            compute: Gives the features of rows.
            how: What else they depend on, such as the pooling and the number format.
            agree: Of several processes that compute together: is given for each content whether it is known here, and
                returns for each whether all of them know it.

        Returns:
            The features.
        """
        if not rows.digests:
            return compute(rows)
        code = code_of({type(module) for module in backbone.modules()} | {type(backbone.card.input)})
        name = _name(backbone, how, code)
        known = self._known.setdefault(name, {})
        if self._cache is not None and self._cache.most and code is not None:
            new = list(dict.fromkeys(digest for digest in rows.digests if digest not in known))
            found = self._cache.find(name, new) if new else []
            known |= {digest: row[0].numpy() for digest, row in zip(new, found, strict=True) if row}
        first: dict[bytes, int] = {}
        for place, digest in enumerate(rows.digests):
            first.setdefault(digest, place)
        agreed = agree([digest in known for digest in first])
        places = [place for place, is_known in zip(first.values(), agreed, strict=True) if not is_known]
        if places:
            some = rows if len(places) == len(rows) else rows.take(places)
            self._add(name, backbone.card.name, some, compute, lasts=code is not None)
        return np.stack([known[digest] for digest in rows.digests])

    def _add(self, name: str, about: str, rows: Rows, compute: Callable[[Rows], np.ndarray], *, lasts: bool) -> None:
        """Compute rows, and put them on the disk where that pays."""
        known, pieces = self._known[name], _in_pieces(rows, compute)
        began = time.monotonic()
        places, values = next(pieces)
        seconds = (time.monotonic() - began) * len(rows) / len(places)
        size = len(rows) * values[0].nbytes
        pieces = chain([(places, values)], pieces)
        pays = seconds >= max(LEAST_SECONDS, LEAST_GAIN * size / READ)
        if pays and lasts and self._writes and self._cache is not None and self._cache.most:
            shelved = ((places, [(torch.from_numpy(row),) for row in values]) for places, values in pieces)
            with suppress(NoRoom):
                for shard in self._cache.keep(name, f"{about}, features", rows.digests, size, shelved):
                    known |= {digest: shard.row(place)[0].numpy() for place, digest in enumerate(shard.digests)}
        for places, values in pieces:  # all, where nothing was put on the disk
            known |= {rows.digests[place]: row for place, row in zip(places, values, strict=True)}


def _in_pieces(rows: Rows, compute: Callable[[Rows], np.ndarray]) -> Iterator[tuple[Sequence[int], np.ndarray]]:
    """Compute rows some at a time, so that one that is killed leaves what it has; yield places and features."""
    for start in range(0, len(rows), PIECE):
        places = range(start, min(start + PIECE, len(rows)))
        yield places, compute(rows if len(places) == len(rows) else rows.take(places))


def _name(backbone: Backbone, how: str, code: Mapping[str, str] | None) -> str:
    """Hash all that a backbone's features depend on: its card, its modules, hooks and tensors, by name, their code."""
    card = card_to_plain(backbone.card)
    del card["input"]  # a saved model has its files in its own folder
    modules = {
        name: f"{type(module).__name__} {len(module._forward_hooks) + len(module._forward_pre_hooks)}"
        for name, module in backbone.named_modules()
    }
    tensors = {**dict(backbone.named_parameters()), **dict(backbone.named_buffers())}
    return name_of({"card": card, "modules": modules, "how": how, "code": code}, tensors, backbone.card.input)


def frozen_rows(rows: Rows, features: np.ndarray) -> Rows:
    """Put pooled features [N, D] in the place of the examples."""
    return replace(rows, inputs=features, digests=())
