"""Arrays of numbers as pictures: which number stands for white is told by all pictures of a set together.

One dark picture cannot tell it: 1.0 is white where pixels go from 0 to 1, and nearly black where they go to 255.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from headstart.core.errors import DataError, Problem
from headstart.inputs._open import channels_first

WHITE = 255
LEAST_BRIGHT = 128  # of a set whose pixels go to 255, in its brightest picture
MOSTLY = 0.5  # of a set: wrong pixels in more pictures than this mean another scale, not a few bad pictures
LONG = 16  # pixels: so long a picture, 3 or 4 wide, is a row of one in colour
KINDS = {"f": WHITE, "iu": 65535}  # kinds of number, and the largest pixel of each


def scaled(cells: Sequence[Any], where: str) -> tuple[list[Any], str]:
    """Give pictures whose type does not tell what white is, the type that does.

    Floats stay floats where they go from 0 to 1, and become uint8 where they go to 255; integers that are neither
    uint8 nor uint16 become the one or the other. Single pictures with pixels out of range stay as they are: they are
    found when each row is looked at.

    Args:
        cells: Images; those that are no arrays stay as they are.
        where: What the set is called in an error.

    Returns:
        The images, and how their numbers were taken; "" where the types tell.

    Raises:
        DataError: The arrays are channels first or one picture, or go neither to 1 nor to 255.
    """
    arrays = [cell for cell in cells if isinstance(cell, np.ndarray) and cell.ndim >= 2 and cell.size]
    if arrays and all(channels_first(array.shape) for array in arrays):
        what = f"holds arrays {list(arrays[0].shape)}, channels first as PyTorch has them"
        raise _unusable(where, what, "give channels last: X.transpose(0, 2, 3, 1)")
    if arrays and all(array.ndim == 2 and array.shape[1] in {3, 4} and len(array) >= LONG for array in arrays):
        what = f"holds arrays {list(arrays[0].shape)}, which look like the rows of one picture [H, W, C]"
        raise _unusable(where, what, "give a picture alone as X[None]: [1, H, W, C]")
    images, said = list(cells), []
    for kind, most in KINDS.items():
        places = [place for place, cell in enumerate(images) if _untold(cell, kind)]
        if places:
            to = _type_of([images[place] for place in places], most, where)
            said.append(f"{images[places[0]].dtype} from 0 to {1 if to is None else np.iinfo(to).max}")
        for place in places:
            images[place] = _as_type(images[place], to)
    return images, " and ".join(said)


def _untold(cell: Any, kind: str) -> bool:
    """Return whether this is an array of such numbers whose type does not tell what white is."""
    if not isinstance(cell, np.ndarray) or cell.ndim < 2 or not cell.size:
        return False
    return cell.dtype.kind in kind and cell.dtype.name not in {"uint8", "uint16"}


def _type_of(arrays: Sequence[np.ndarray], most: int, where: str) -> Any:
    """Find the type that tells what white is in these pictures; None where floats from 0 to 1 stay what they are."""
    ends = np.array([(array.min(), array.max()) for array in arrays], dtype=np.float64)  # [N, 2]
    usable = (ends[:, 0] >= 0) & (ends[:, 1] <= most)  # not where there are NaNs
    of_set = ends[usable] if usable.mean() >= MOSTLY else ends
    low, high = of_set[:, 0].min(), of_set[:, 1].max()
    what = f"holds {arrays[0].dtype} values from {low:g} to {high:g}"
    if not 0 <= low <= high <= most:  # also when NaN
        raise _unusable(where, what, _mend(low, high))
    if most == WHITE and high <= 1:
        return None
    if 0 < high < LEAST_BRIGHT:
        raise _unusable(
            where,
            f"{what}, of which neither 1 nor {WHITE} is white",
            f"scale them: X / {high:g}, if that is white; X.astype('uint8'), if {WHITE} is",
        )
    return np.uint8 if high <= WHITE else np.uint16


def _mend(low: float, high: float) -> str:
    if np.isnan(low):
        return "some are not finite: np.nan_to_num(X)"
    if low >= -1 and high <= 1:
        return "give (X + 1) / 2; Headstart scales pixels itself, as the network expects them"
    if low < 0:
        return "give pixels as they were before normalisation; Headstart normalises itself, as the network expects"
    return "scale them to [0, 1], or give uint8 or uint16"


def _as_type(array: np.ndarray, to: Any) -> np.ndarray:
    """Change the type of a picture whose pixels are in range."""
    usable = to is not None and array.min() >= 0 and array.max() <= np.iinfo(to).max
    return np.rint(array).astype(to) if usable else array


def _unusable(where: str, what: str, mend: str) -> DataError:
    return DataError("Arrays cannot be used as pictures:", [Problem(where, what, mend)])
