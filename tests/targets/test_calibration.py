"""Temperatures are found again, and the reliability table adds up."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from headstart.core.errors import DataError
from headstart.targets import _calibration as calibration
from headstart.targets._calibration import calibration_bins
from metrics.oracle import calibration_error


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_a_known_temperature_is_found(temperature):
    rng = np.random.default_rng(0)
    honest = special.softmax(rng.normal(size=(20000, 5)) * 2, axis=1)
    y = np.array([rng.choice(5, p=row) for row in honest])
    skewed = calibration.apply_temperature(honest, 1 / temperature)
    found = calibration.fit_temperature(skewed, y)
    assert found == pytest.approx(temperature, rel=0.05)
    assert calibration.apply_temperature(skewed, temperature) == pytest.approx(honest)
    mended = calibration.apply_temperature(skewed, found)
    assert np.array_equal(mended.argmax(axis=1), skewed.argmax(axis=1))
    assert calibration_error(mended.max(axis=1), mended.argmax(axis=1) == y) < 0.02


@pytest.mark.parametrize("temperature", [0.5, 2.5])
def test_a_known_label_temperature_is_found(temperature):
    rng = np.random.default_rng(0)
    honest = special.expit(rng.normal(size=(8000, 4)) * 2)
    y = rng.random(honest.shape) < honest
    skewed = calibration.apply_label_temperature(honest, 1 / temperature)
    assert calibration.fit_label_temperature(skewed, y) == pytest.approx(temperature, rel=0.05)
    assert calibration.apply_label_temperature(skewed, temperature) == pytest.approx(honest, abs=2e-3)


def test_certain_probabilities_stay_finite():
    p = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], dtype=np.float32)
    y = np.array([0, 1, 1])
    found = calibration.fit_temperature(p, y)
    assert 1 < found <= calibration.HIGHEST
    assert np.isfinite(calibration.apply_temperature(p, found)).all()
    assert np.isfinite(calibration.apply_label_temperature(p, calibration.fit_label_temperature(p, np.eye(2)[y]))).all()


def test_bins_hold_every_row_once():
    confidence = np.array([0.0, 0.1, 0.2, 0.2001, 1.0])
    table = calibration_bins(confidence, np.array([0, 1, 0, 1, 1]), bins=10)
    assert [b.rows for b in table] == [2, 1, 1, 0, 0, 0, 0, 0, 0, 1]  # a bin holds its upper edge
    assert table[0].accuracy == 0.5 and table[0].confidence == pytest.approx(0.05)
    assert table[3].accuracy is None and (table[3].low, table[3].high) == (0.3, 0.4)


def test_error_is_the_mean_gap_of_the_table():
    rng = np.random.default_rng(0)
    confidence = rng.random(500)
    correct = rng.random(500) < confidence**2
    table = calibration_bins(confidence, correct)
    gaps = [
        b.rows * abs(b.accuracy - b.confidence) for b in table if b.accuracy is not None and b.confidence is not None
    ]
    assert calibration_error(confidence, correct) == pytest.approx(sum(gaps) / 500)


def test_logits_are_refused():
    with pytest.raises(DataError, match="between 0 and 1"):
        calibration.fit_temperature(np.array([[3.0, -1.0]]), np.array([0]))
