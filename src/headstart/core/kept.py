"""Results that are kept for the next time, as long as memory allows."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any


class Kept:
    """Values by key, up to a number of bytes; once it is full, no more are taken.

    Nothing is ever pushed out: rows are looked at in the same order again and again, and then a cache that forgets the
    oldest never holds the next one. A copy of it, as in another process, starts empty.

    Args:
        most: Bytes of all values together.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.bytes = 0
        self._values: dict[Hashable, Any] = {}

    def get(self, key: Hashable) -> Any:
        """Return the value, or None where there is none."""
        return self._values.get(key)

    def put(self, key: Hashable, value: Any, size: int) -> None:
        """Keep a value of so many bytes, where there is room."""
        if key not in self._values and self.bytes + size <= self.most:
            self._values[key] = value
            self.bytes += size

    def forget(self) -> None:
        """Let go of everything."""
        self._values.clear()
        self.bytes = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return Kept, (self.most,)
