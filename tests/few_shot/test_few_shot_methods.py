"""Methods that answer from a few rows, by values derived by hand and by the equations of their papers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from headstart.core import plugins
from headstart.core.types import FewShot
from headstart.few_shot._episodes import Episodes, softmax
from headstart.few_shot.laplacian_shot import LaplacianShot, affinity
from headstart.few_shot.logistic import Logistic
from headstart.few_shot.nearest_mean import NearestMean
from headstart.few_shot.pt_map import PtMap, transported
from headstart.few_shot.ridge import Ridge
from headstart.few_shot.tim import Tim

RAW: Any = {"centre": False, "normalise": False}


def episode(support: Any, labels: Any, queries: Any, base: Any = None) -> Episodes:
    return Episodes(*(np.array([values]) for values in (support, labels, queries)), base=base)


def drawn(shift: float = 2.0, episodes: int = 4, ways: int = 3, shots: int = 2, asked: int = 6) -> Episodes:
    """Draw classes apart by `shift` in seven numbers."""
    random = np.random.default_rng(0)
    centres = shift * random.normal(size=(episodes, ways, 7))
    support = centres.repeat(shots, axis=1) + random.normal(size=(episodes, ways * shots, 7))
    queries = centres.repeat(asked, axis=1) + random.normal(size=(episodes, ways * asked, 7))
    return Episodes(support, np.tile(np.arange(ways).repeat(shots), (episodes, 1)), queries)


@pytest.mark.parametrize("name", plugins.names("few_shot"))
def test_a_method_scores_each_query_and_tells_easy_classes_apart(name: str) -> None:
    method: FewShot = plugins.build("few_shot", name, {})
    scores = method.scores(drawn(shift=9.0))
    assert scores.shape == (4, 18, 3) and np.isfinite(scores).all()
    assert (scores.argmax(axis=2) == np.arange(3).repeat(6)).all()


@pytest.mark.parametrize("name", plugins.names("few_shot"))
def test_only_a_transductive_answer_depends_on_the_other_queries(name: str) -> None:
    method: FewShot = plugins.build("few_shot", name, {})
    all_of = drawn()
    alone = Episodes(all_of._rows[:, :6], all_of.labels, all_of._rows[:, 6:9])
    same = np.allclose(method.scores(all_of)[:, :3], method.scores(alone), atol=1e-4)
    assert same != method.transductive


@pytest.mark.parametrize("name", plugins.names("few_shot"))
def test_episodes_that_are_answered_together_do_not_touch(name: str) -> None:
    method: FewShot = plugins.build("few_shot", name, {})
    both = drawn(episodes=2)
    alone = Episodes(both._rows[:1, :6], both.labels[:1], both._rows[:1, 6:])
    assert np.allclose(method.scores(both)[:1], method.scores(alone), atol=1e-2)


def test_the_nearest_mean_scores_squared_distances_to_class_means() -> None:
    asked = episode([[0, 0], [2, 0], [5, 4]], [0, 0, 1], [[1, 2]])
    assert NearestMean(**RAW).scores(asked)[0, 0] == pytest.approx([-4, -20])  # means (1, 0) and (5, 4)


def test_simple_shot_takes_the_mean_of_other_classes_off_before_lengths_become_1() -> None:
    support, queries, base = [[4, 5], [1, 3]], [[7, 1]], np.array([1.0, 1.0])
    found = NearestMean().scores(episode(support, [0, 1], queries, base))[0, 0]
    assert found == pytest.approx([-(0.4**2 + 0.8**2), -2], abs=1e-6)  # (0.6, 0.8), (0, 1) and the query (1, 0)
    own = NearestMean().scores(episode([[1, 2], [3, 2]], [0, 1], [[2, 5]]))[0, 0]
    assert own == pytest.approx([-2, -2], abs=1e-6)  # by the mean (2, 2) of the support: (-1, 0), (1, 0), (0, 1)


def test_ridge_is_the_penalised_least_squares_line() -> None:
    found = Ridge(penalty=1.0, **RAW).scores(episode([[-1.0], [1.0]], [0, 1], [[3.0]]))[0, 0]
    assert found == pytest.approx([-0.5, 1.5])  # 1/2 -+ x (1/2 + 1/2) / (2 + 1)


def test_ridge_lets_the_bias_free() -> None:
    near, far = (Ridge(**RAW).scores(episode([[a - 1], [a + 1]], [0, 1], [[a + 3]])) for a in (0.0, 50.0))
    assert np.allclose(near, far, atol=1e-3)


def test_logistic_meets_its_optimality_condition() -> None:
    found = Logistic(penalty=0.5, **RAW).scores(episode([[-1.0], [1.0]], [0, 1], [[1.0]]))[0, 0]
    apart = found[1] - found[0]  # 2 w, where w is the weight of class 1 and -w that of class 0
    assert apart == pytest.approx(4 / (1 + np.exp(apart)) / 0.5, rel=1e-3)


def test_laplacian_shot_ends_where_its_update_changes_nothing() -> None:
    method, asked = LaplacianShot(weight=1.5, neighbours=2), drawn()
    found = method.scores(asked)
    rows = asked.rows(centre=True, normalise=True)
    alone, near = -rows.distances(rows.means)[:, rows.learnt :], affinity(rows, 2)
    assert np.allclose(found, softmax(alone + 1.5 * near @ found), atol=1e-4)
    assert not np.allclose(found, softmax(alone), atol=0.05)


def test_laplacian_shot_without_weight_is_the_nearest_mean() -> None:
    asked = drawn()
    assert np.allclose(LaplacianShot(weight=0.0).scores(asked), softmax(NearestMean().scores(asked)))


def test_neighbours_draw_a_query_to_their_class() -> None:
    support, queries = [[0.0], [10.0]], [[5.1], [4.5], [4.0], [10.0]]  # the first is nearer to class 1, by little
    asked = episode(support, [0, 1], queries)
    assert NearestMean(**RAW).scores(asked)[0].argmax(axis=1).tolist() == [1, 0, 0, 1]
    assert LaplacianShot(weight=2, neighbours=2, **RAW).scores(asked)[0].argmax(axis=1).tolist() == [0, 0, 0, 1]


def test_who_is_near_is_counted_half_where_it_is_not_mutual() -> None:
    rows = episode([[0.0], [0.0]], [0, 1], [[0.0], [1.0], [3.0]]).rows(**RAW)
    assert affinity(rows, 1)[0].tolist() == [[0, 1, 0], [1, 0, 0.5], [0, 0.5, 0]]


def test_tim_steps_as_its_proposition_says() -> None:
    """Eq. 7 and 8 of arXiv:2008.11297, by features and class by class."""
    method, asked = Tim(temperature=3.0, conditional=0.2, cross_entropy=0.3, **RAW), drawn(shift=0.4, episodes=1)
    rows, z = asked.rows(**RAW), asked._rows[0].astype(float)
    weights = np.stack([z[:6][asked.labels[0] == k].mean(axis=0) for k in range(3)])
    p = softmax(-1.5 * ((z[:, None] - weights) ** 2).sum(axis=2))
    q = p[6:] ** 1.2 / np.sqrt((p[6:] ** 1.2).sum(axis=0))
    target = np.concatenate([np.eye(3)[asked.labels[0]], q / q.sum(axis=1, keepdims=True)])
    counts = np.r_[np.full(6, 0.3 / 1.2), np.full(18, 6 / 18)]
    wanted = [
        sum(counts[i] * (target[i, k] * z[i] + p[i, k] * (weights[k] - z[i])) for i in range(24))
        / sum(counts[i] * target[i, k] for i in range(24))
        for k in range(3)
    ]
    given = method.given(rows, rows.means)
    assert np.allclose(given[0], p, atol=1e-4)
    moved = method.updated(rows, rows.means, given)
    assert np.allclose(np.einsum("nw,nd->wd", moved[0], z), wanted, atol=1e-3)


def test_tim_makes_answers_surer_and_keeps_them_even() -> None:
    """What it maximises: the entropy of the mean answer less α times that of single ones, less λ cross-entropies."""
    asked = drawn(shift=0.7, episodes=20, asked=20)
    truth = np.eye(3)[np.arange(3).repeat(20)]

    def information(p: np.ndarray) -> float:
        mean = p.mean(axis=1)
        return float((-(mean * np.log(mean)).sum(axis=1) + 0.1 * (p * np.log(p + 1e-12)).sum(axis=2).mean(1)).mean())

    before, after = Tim(steps=0).scores(asked), Tim().scores(asked)
    assert information(after) > information(before)
    assert (after * truth).sum(axis=2).mean() > (before * truth).sum(axis=2).mean()


def test_transport_gives_each_class_as_many_queries() -> None:
    alike = np.array([[[0.0, 1.0], [0.0, 1.0]]])
    assert transported(alike, 10.0)[0] == pytest.approx(np.full((1, 2, 2), 0.5), abs=1e-3)
    plan, scale = transported(np.random.default_rng(0).random((3, 12, 4)), 10.0)
    assert plan.sum(axis=2) == pytest.approx(np.ones((3, 12))) and plan.sum(axis=1) == pytest.approx(3, abs=0.01)
    costs = np.array([[[0.0, 0.2], [0.0, 0.5]]])  # what one gains by class 1 is what the other would lose
    ratio = transported(costs, 1.0)[0][0]
    assert np.log(ratio[0, 0] * ratio[1, 1] / ratio[0, 1] / ratio[1, 0]) == pytest.approx(0.2 - 0.5, abs=1e-6)
    assert np.all(scale > 0)


def test_the_power_transform_is_a_root_that_keeps_the_sign() -> None:
    rows = episode([[4.0, -9.0]], [0], [[1.0, 0.0]]).rows(centre=False, normalise=False, power=0.5)
    assert rows.products[0, 0, 1] == pytest.approx(2 / np.sqrt(13), abs=1e-3)


def test_the_centres_of_pt_map_follow_all_queries() -> None:
    moved = PtMap(steps=1, rate=1.0)
    asked = drawn(shift=0.7, episodes=20, asked=20)
    truth = np.arange(3).repeat(20)
    first, last = (m.scores(asked).argmax(axis=2) == truth for m in (moved, PtMap()))
    assert last.mean() > (NearestMean().scores(asked).argmax(axis=2) == truth).mean()
    assert last.mean() >= first.mean()
