"""Balanced sampling as a counted order: each class equally often, each row of a class once before any again.

Every C samples in a row hold each of the C classes once. A row's epoch is how often its class has been gone through, so
that a row which comes back is augmented anew. (Balanced sampling: Shen, Lin & Huang 2016, arXiv:1512.05830.) With
`each` above 1 so many rows of a class come one after another, for batches of P classes and K rows of each (Hermans,
Beyer & Leibe 2017, arXiv:1703.07737, section 2).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from headstart.core.errors import UsageError
from headstart.core.seeding import numpy_generator


class BalancedOrder:
    """Sample n as a function of the key and n alone.

    Args:
        targets: Class of each row, or its domain, [N] int64. Those without rows are left out.
        key: Seeds the order.
        each: Rows of a class that come together.

    Raises:
        UsageError: The rows have no classes, or several each.
    """

    def __init__(self, targets: np.ndarray | None, key: tuple[int | str, ...], each: int = 1) -> None:
        if targets is None or targets.ndim != 1:
            raise UsageError("imbalance 'sampler' needs rows of one class each. Use imbalance 'weights'.")
        self._key, self._each = key, each
        self._rows = [np.flatnonzero(targets == c) for c in np.unique(targets)]
        self._classes = lru_cache(maxsize=8)(self._class_order)
        self._members = lru_cache(maxsize=4 * len(self._rows))(self._member_order)

    def sample(self, n: int) -> tuple[int, int]:
        """Return the (epoch, row) of sample n."""
        group, member = divmod(n, self._each)
        block, place = divmod(group, len(self._rows))
        chosen = int(self._classes(block)[place])
        epoch, place = divmod(block * self._each + member, len(self._rows[chosen]))
        return epoch, int(self._members(chosen, epoch)[place])

    def _class_order(self, block: int) -> np.ndarray:
        return numpy_generator(*self._key, "classes", block).permutation(len(self._rows))

    def _member_order(self, chosen: int, epoch: int) -> np.ndarray:
        return numpy_generator(*self._key, "members", chosen, epoch).permutation(self._rows[chosen])
