"""Random loss weighting: softmax of normal numbers, whose sum is K; it follows the seed."""

from __future__ import annotations

import numpy as np
import pytest

from combine.matrices import rule, some, weigh


def test_weights_sum_to_the_number_of_losses_and_follow_the_seed() -> None:
    drawn = [weigh(rule("rlw"), some(3, 4), seed=seed) for seed in range(2000)]
    assert np.sum(drawn, axis=1) == pytest.approx(3) and np.min(drawn) > 0
    assert np.mean(drawn, axis=0) == pytest.approx([1.0] * 3, abs=0.05)
    assert drawn[1].tolist() == weigh(rule("rlw"), some(3, 4), seed=1).tolist() != drawn[2].tolist()


def test_logarithms_of_weights_differ_as_normal_numbers_do() -> None:
    gaps = [np.diff(np.log(weigh(rule("rlw"), some(2, 4), seed=seed)))[0] for seed in range(2000)]
    assert np.std(gaps) == pytest.approx(2**0.5, rel=0.05)
    assert np.mean(gaps) == pytest.approx(0, abs=0.1)
