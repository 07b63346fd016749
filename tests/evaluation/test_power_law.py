"""Claim: a power law is found again from its own points, and no curve has a negative floor or rises."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.evaluation.power_law import fit_laws

SIZES = np.array([50, 100, 200, 400, 800])


@pytest.mark.parametrize(("floor", "scale", "rate"), [(0.1, 0.2, 0.5), (0.0, 0.3, 0.3), (0.25, 0.05, 1.2)])
def test_a_law_is_found_again(floor: float, scale: float, rate: float) -> None:
    errors = floor + scale * (SIZES / 800) ** -rate
    laws = fit_laws(SIZES, np.stack([errors, 2 * errors]))
    assert np.allclose(laws.floor, [floor, 2 * floor], atol=1e-8) and np.allclose(laws.scale, [scale, 2 * scale])
    assert np.allclose(laws.rate, rate)
    assert laws.at(1600)[0] == pytest.approx(floor + scale * 2**-rate)


def test_what_rises_is_flat_and_no_floor_is_below_zero() -> None:
    rising = fit_laws(SIZES, np.array([[0.1, 0.12, 0.11, 0.15, 0.2]]))
    assert rising.scale[0] == 0 and rising.floor[0] == pytest.approx(0.136)
    falling = fit_laws(SIZES, np.array([[0.5, 0.4, 0.3, 0.2, 0.1]]))  # faster than a law with a floor of 0
    assert falling.floor[0] >= 0 and 0 <= falling.at(1600)[0] < 0.11
