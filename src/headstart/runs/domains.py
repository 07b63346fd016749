"""How far the two domains of a run are from each other, by the features of a sample of either."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from headstart.core.seeding import numpy_generator
from headstart.data.rows import Dataset, Rows
from headstart.evaluation.report.facts import Distance
from headstart.objectives._kernels import gaussian_kernel
from headstart.solvers.two_samples import proxy_a_distance

MOST = 300  # rows of each domain: of distances of 0 the proxy A-distance has a standard error of 0.08 then
LEAST = 20


def two_sides(data: Dataset, seed: int) -> tuple[Rows, Rows] | None:
    """Draw as many rows of the pool "source" as of the pool "target".

    Args:
        data: Whose pools they are.
        seed: Decides which rows.

    Returns:
        Rows of either, in order; None where there are not two domains, or of one too few rows.
    """
    if not {"source", "target"} <= data.pools.keys():
        return None
    sides = data.pools["source"], data.pools["target"]
    count = min(MOST, *map(len, sides))
    if count < LEAST:
        return None
    source, target = (
        side.take(np.sort(numpy_generator(seed, "domains", name).permutation(len(side))[:count]))
        for name, side in zip(("source", "target"), sides, strict=True)
    )
    return source, target


def how_far(sides: tuple[Rows, Rows], features: Callable[[Rows], np.ndarray], seed: int) -> Distance | None:
    """Measure how far two domains are from each other.

    Args:
        sides: Rows of either, as many.
        features: Gives those of rows, [N, D].
        seed: Of the folds.

    Returns:
        The proxy A-distance and the squared MMD; None where features are not finite.
    """
    source, target = map(features, sides)
    if not (np.isfinite(source).all() and np.isfinite(target).all()):
        return None
    return {"a_distance": proxy_a_distance(source, target, seed=seed), "mmd": unbiased_mmd(source, target)}


def unbiased_mmd(rows: np.ndarray, other: np.ndarray) -> float:
    """Estimate the squared maximum mean discrepancy, without pairs of a row with itself (Gretton et al. 2012, eq. 3).

    Args:
        rows: [N, D].
        other: [M, D].

    Returns:
        The estimate, 0 on average where both are of one distribution; below 0 by chance.
    """
    kernel = gaussian_kernel(torch.from_numpy(np.concatenate([rows, other]).astype(np.float64))).numpy()
    n, m = len(rows), len(other)
    within, beyond = kernel[:n, :n].sum() - n, kernel[n:, n:].sum() - m  # a row is 1 to itself
    return float(within / (n * (n - 1)) + beyond / (m * (m - 1)) - 2 * kernel[:n, n:].mean())
