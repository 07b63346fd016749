"""Random targets with labels and predictions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from headstart.core.plugins import build
from headstart.core.types import Target

Case = tuple[Target, np.ndarray, np.ndarray]
Make = Callable[..., Case]


@pytest.fixture(scope="session")
def make() -> Make:
    """Make a target, its labels and predictions; `digits` rounds the predictions, so that many are tied."""

    def case(kind: str, rows: int, width: int = 2, *, seed: int = 0, digits: int | None = None) -> Case:
        rng = np.random.default_rng(seed)
        names = tuple(f"c{i}" for i in range(width))
        if kind == "regression":
            y = rng.normal(size=(rows, width))
            p = y + rng.normal(size=(rows, width))
            return build("targets", kind, {"columns": names}), y, p if digits is None else p.round(digits)
        target = build("targets", kind, {"columns": ("y",), "classes": names})
        if kind == "multilabel":
            y = (rng.random((rows, width)) < 0.3).astype(np.float32)
            p = np.clip(0.35 * y + 0.65 * rng.random((rows, width)), 0, 1)
            return target, y, p if digits is None else p.round(digits)
        y = rng.integers(0, width, rows)
        logits = rng.normal(size=(rows, width)) + 1.5 * np.eye(width)[y]
        if digits is not None:
            logits = logits.round(digits)
        p = np.exp(logits)
        return target, y, p / p.sum(axis=1, keepdims=True)

    return case
