"""What is made of rows when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

BLOCK = 1000  # rows that are made in one call where all are asked for one after another


class Lazy(Sequence[Any]):
    """An item for each row, made anew each time that it is asked for; what makes them may keep some.

    Args:
        inputs: The rows' inputs.
        make: Makes the items of a list of inputs; for many in one call it may be faster than one by one.
    """

    def __init__(self, inputs: Sequence[Any], make: Callable[[list[Any]], list[Any]]) -> None:
        self._inputs = inputs
        self._make = make

    def __len__(self) -> int:
        return len(self._inputs)

    def __getitem__(self, place: int | slice) -> Any:
        """Make the item at a place, or a list of those of a slice."""
        if isinstance(place, slice):
            return self._make(list(self._inputs[place]))
        return self._make([self._inputs[place]])[0]

    def __iter__(self) -> Iterator[Any]:
        """Make all items, a block at a time."""
        for start in range(0, len(self), BLOCK):
            yield from self[start : start + BLOCK]

    def take(self, places: Sequence[int] | np.ndarray) -> list[Any]:
        """Make the items at these places, in one call."""
        return self._make([self._inputs[place] for place in places])
