from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from headstart.transferability._seen import Seen
from headstart.transferability.sfda import SFDA
from transferability.planted import seen


@pytest.mark.parametrize(("rows", "width"), [(60, 8), (30, 64)])
def test_it_is_two_shrunk_discriminant_analyses_the_second_on_harder_rows(rows: int, width: int) -> None:
    given = seen(rows=rows, width=width, signal=0.3)
    given = Seen(given.features[:-4], given.labels[:-4])  # classes of unequal size
    z, y = given.features - given.features.mean(axis=0), given.classes
    z /= np.sqrt(z.var(axis=0).sum())
    means = np.stack([z[y == c].mean(axis=0) for c in range(3)])
    largest = np.linalg.eigvalsh((z - means[y]).T @ (z - means[y]) / len(z))[-1]
    analysis = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=float(np.exp(-5 * largest)))
    sure = softmax(analysis.fit(z, y).predict_proba(z), axis=1)[np.arange(len(y)), y][:, None]
    others = np.stack([np.delete(means, c, axis=0).mean(axis=0) for c in range(3)])
    harder = sure * z + (1 - sure) * others[y]
    expected = analysis.fit(harder, y).predict_log_proba(harder)[np.arange(len(y)), y].mean()
    assert expected < -1e-4
    assert SFDA().score(given) == pytest.approx(expected, rel=1e-6)


def test_models_are_told_apart_where_all_rows_are_classified_without_doubt() -> None:
    far, farther = (seen(rows=60, width=64, signal=signal) for signal in (1.5, 1.8))
    assert SFDA().score(far) < SFDA().score(farther) < 0


def test_turned_moved_and_scaled_features_score_the_same() -> None:
    given = seen(signal=0.3)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(given.features.shape[1],) * 2))[0]
    turned = Seen(7 * given.features @ turn + 3, given.labels)
    assert SFDA().score(turned) == pytest.approx(SFDA().score(given), rel=1e-6)


def test_nothing_that_varies_within_the_classes_has_no_score() -> None:
    classes = np.arange(12) % 4
    assert np.isnan(SFDA().score(Seen(np.eye(4)[classes], classes)))
