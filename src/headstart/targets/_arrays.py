"""Targets of arrays of labels, as scikit-learn hands them over."""

from __future__ import annotations

from typing import Any

import numpy as np

from headstart.core import plugins
from headstart.core.types import Target


def target_of_array(y: Any, array_type: str) -> tuple[Target, np.ndarray, np.ndarray]:
    """Make the target of an array of class labels.

    Args:
        y: The labels, [N] or [N, C].
        array_type: What scikit-learn's `type_of_target` calls them.

    Returns:
        The target, its encoded labels, and what its classes stand for in the array.

    Raises:
        ValueError: No kind of target has such arrays.
    """
    kinds: list[Any] = [plugins.load("targets", name) for name in plugins.names("targets")]
    kind = next((kind for kind in kinds if kind.array_type == array_type), None)
    if kind is None:
        raise ValueError(f"Labels of the form '{array_type}' are not known; give classes [N], or 0 and 1 [N, C].")
    return kind.from_array(y)
