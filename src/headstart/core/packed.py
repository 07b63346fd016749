"""Texts or hashes of many rows, side by side in one Arrow array."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

BLOCK = 10_000  # cells that are Python objects at one time where all are asked for


class Packed(Sequence[Any]):
    """Texts or bytes, each made a Python object when it is asked for, in a third of the memory of such objects.

    Args:
        cells: An Arrow array without missing cells.
        places: Which of them, in this order, [N] int; None is all. Parts of the same rows share the array.
    """

    def __init__(self, cells: Any, places: np.ndarray | None = None) -> None:
        self._cells = cells
        self._places = places

    @classmethod
    def of_column(cls, column: Any) -> Packed:
        """Pack a chunked Arrow array, which may be freed then."""
        import pyarrow as pa

        return cls(pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type))

    @classmethod
    def of_bytes(cls, cells: Iterable[bytes], width: int) -> Packed:
        """Pack cells of `width` bytes each."""
        import pyarrow as pa

        joined = bytearray()
        for cell in cells:
            joined += cell
        buffers = [None, pa.py_buffer(joined)]
        return cls(pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(joined) // width, buffers))

    def __len__(self) -> int:
        return len(self._cells if self._places is None else self._places)

    def __getitem__(self, place: int | slice) -> Any:
        """Return the cell at a place, or those of a slice, packed."""
        if isinstance(place, slice):
            return self.take(np.arange(len(self))[place])
        found = range(len(self))[place]
        return self._cells[found if self._places is None else int(self._places[found])].as_py()

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, len(self), BLOCK):
            if self._places is None:
                yield from self._cells.slice(start, BLOCK).to_pylist()
            else:
                yield from self._cells.take(self._places[start : start + BLOCK]).to_pylist()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(one == two for one, two in zip(self, other, strict=True))

    __hash__ = None  # pyright: ignore[reportAssignmentType]  # as a list

    def __repr__(self) -> str:
        return f"Packed({list(self[:3])}{' …' if len(self) > 3 else ''}, {len(self):,} in all)"

    def __reduce__(self) -> tuple[Any, ...]:
        """Send to another process the cells of these places alone."""
        return Packed, (self._cells if self._places is None else self._cells.take(self._places),)

    def take(self, places: Sequence[int] | np.ndarray) -> Packed:
        """Keep the cells at these places, in this order."""
        chosen = np.asarray(places, dtype=np.int64)
        return Packed(self._cells, chosen if self._places is None else self._places[chosen])

    @staticmethod
    def join(parts: Sequence[Packed]) -> Packed:
        """Put parts of equal type below each other; the cells are copied only where they lie in several arrays."""
        import pyarrow as pa

        first = parts[0]
        if all(part._cells is first._cells for part in parts):
            every = [np.arange(len(part)) if part._places is None else part._places for part in parts]
            return Packed(first._cells, np.concatenate(every))
        arrays = [part._cells if part._places is None else part._cells.take(part._places) for part in parts]
        return Packed(pa.concat_arrays(arrays))


def packed(texts: Iterable[str]) -> Sequence[str]:
    """Pack texts; those that are no clean Unicode, such as names of files in another encoding, stay a list."""
    import pyarrow as pa

    found = list(texts)
    try:
        return Packed(pa.array(found, pa.large_string()))
    except UnicodeEncodeError:  # half of a surrogate pair
        return found
