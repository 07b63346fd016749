"""A source domain that is left out of training and asked instead: what stands in for a domain that nothing is known of.

Validation rows of the domains that were learnt say little of another one (Gulrajani & Lopez-Paz 2021, arXiv:2007.01434,
section 3: leave-one-domain-out cross-validation).
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from headstart.core.seeding import numpy_generator
from headstart.core.types import Score
from headstart.data.pools import with_training
from headstart.data.rows import Dataset, Rows, concatenate

ASKED = 1000  # rows of a domain at most


def hold_out(data: Dataset, number: int, seed: int) -> tuple[Dataset, Rows]:
    """Leave one source domain out.

    Args:
        data: With rows of several source domains.
        number: Of the domain.
        seed: Draws rows of a large one.

    Returns:
        The data without it, and its labelled rows.
    """
    splits, asked = {}, []
    for name in [name for name in ("train", "validation") if name in data.splits]:
        rows = data.splits[name]
        assert rows.domains is not None
        asked.append(rows.take(np.flatnonzero(rows.domains == number)))
        splits[name] = rows.take(np.flatnonzero(rows.domains != number))
    splits = {name: rows for name, rows in splits.items() if len(rows)}
    pools = {**with_training(data.pools, splits["train"]), "source": splits["train"]}
    own = dataclasses.replace(data, splits=splits, pools=pools, fingerprint=f"{data.fingerprint}-without-{number}")
    rows = concatenate(asked)
    some = numpy_generator(seed, "held out", number).permutation(len(rows))[:ASKED]
    return own, rows.take(np.sort(some))


def ahead(one: Sequence[Score], other: Sequence[Score]) -> tuple[float, float]:
    """Compare the scores of two by the domains that both were asked of.

    Args:
        one: By domain.
        other: Likewise, of the same rows.

    Returns:
        By how much the first is better on the mean of the domains, and the standard error of that: as rows vary, or as
        domains do, whichever is more.
    """
    pairs = [*zip(one, other, strict=False)]
    gains = [first.ahead_of(second) for first, second in pairs]
    rows = math.hypot(*(first.noise_beside(second) for first, second in pairs)) / len(pairs)
    domains = statistics.stdev(gains) / math.sqrt(len(gains)) if len(gains) > 1 else 0.0
    return statistics.fmean(gains), max(rows, domains)


def scores_of(plain: Sequence[Any]) -> list[Score]:
    """Read scores by domain from JSON data."""
    return [score for score in map(Score.from_plain, plain) if score is not None]
