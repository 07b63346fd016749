"""Solved linear layers: at the optimum that scikit-learn finds, and no row chooses its own penalty."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits
from sklearn.linear_model import LogisticRegression, Ridge

from headstart.solvers import columns as columns_module
from headstart.solvers import logistic as logistic_module
from headstart.solvers import ridge as ridge_module
from headstart.solvers.columns import prepare, scalings
from headstart.solvers.folds import make_folds
from headstart.solvers.logistic import Problem, logistic
from headstart.solvers.ridge import ridge
from headstart.solvers.solution import first_of_the_best


def digits(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of the digits."""
    loaded: Any = load_digits(return_X_y=True)
    x, y = loaded
    order = np.random.default_rng(seed).permutation(len(y))[:rows]
    return x[order], y[order]


def problem(y: np.ndarray, weights: np.ndarray | None = None) -> Problem:
    """Ask for the classes of rows."""
    each = np.ones(len(y)) if weights is None else weights
    return Problem(np.eye(10)[y], each[:, None], "softmax")


@pytest.mark.parametrize("rows", [60, 300], ids=["fewer rows than columns", "more"])
def test_logistic_is_at_scikit_learn_s_optimum(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = digits(rows)
    monkeypatch.setattr(logistic_module, "PENALTIES", (0.1,))
    monkeypatch.setattr(logistic_module, "FIRST", 0)
    monkeypatch.setattr(logistic_module, "scalings", lambda _: ("one",))
    monkeypatch.setattr(logistic_module, "EXACT", 1e-7)
    weights = np.random.default_rng(0).uniform(0.5, 2, rows)
    found = logistic(x, problem(y, weights), seed=0, strata=y)
    columns = prepare(x, "one")
    scaled = (x - columns.mean) / columns.scale
    theirs = LogisticRegression(C=10.0, tol=1e-8, max_iter=5000).fit(scaled, y, weights)
    mine = x @ found.weight.T + found.bias
    np.testing.assert_allclose(mine - mine.mean(axis=1, keepdims=True), theirs.decision_function(scaled), atol=1e-3)


def test_ridge_leaves_each_row_out_exactly() -> None:
    loaded: Any = load_diabetes(return_X_y=True)
    x, y = loaded
    x, values = x[:40], y[:40, None].astype(float)
    found = ridge(x, values, seed=0)
    scaling = "each" if "standardised" in found.note else "one"
    penalty = float(found.note.split("penalty ")[1].split()[0])  # rounded
    columns = prepare(x, scaling)
    for row in (0, 17):
        others = np.arange(40) != row
        left = Ridge(alpha=penalty).fit(columns.rows[others], values[others])
        assert found.out_of_fold[row, 0] == pytest.approx(left.predict(columns.rows[[row]]).item(), rel=0.01)
    assert found.loss == pytest.approx(float(np.square(found.out_of_fold - values).mean()))


def test_ridge_of_weighted_rows_leaves_each_out_exactly_and_fits_as_repeated_rows_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ridge_module, "PENALTIES", (0.03,))
    monkeypatch.setattr(ridge_module, "scalings", lambda _: ("one",))
    random = np.random.default_rng(0)
    often = np.arange(30) % 3  # none, one or two of each row
    x, values = random.normal(size=(30, 4)), random.normal(size=(30, 2))
    found = ridge(x, values, seed=0, weights=often / 4)  # only ratios count
    rows = prepare(x, "one").rows
    for row in (0, 1, 2):
        others = np.arange(30) != row
        left = Ridge(alpha=0.03).fit(rows[others], values[others], sample_weight=often[others])
        assert found.out_of_fold[row] == pytest.approx(left.predict(rows[[row]])[0])
    whole = Ridge(alpha=0.03).fit(np.repeat(rows, often, axis=0), np.repeat(values, often, axis=0))
    assert x @ found.weight.T + found.bias == pytest.approx(whole.predict(rows))
    assert found.loss == pytest.approx(np.average(np.square(found.out_of_fold - values).mean(axis=1), weights=often))
    folds = ridge(x, values, seed=0, weights=often / 4, groups=[str(row // 3) for row in range(30)])
    assert x @ folds.weight.T + folds.bias == pytest.approx(whole.predict(rows))


def test_no_row_predicts_itself() -> None:
    """Labels drawn by lot: whoever sees a row's own label beats chance by far."""
    random = np.random.default_rng(3)
    x, y = random.normal(size=(120, 200)), random.integers(0, 10, 120)
    found = logistic(x, problem(y), seed=0, strata=y)
    assert (found.out_of_fold.argmax(axis=1) == y).mean() < 0.25
    assert found.loss > 2.2  # chance is log(10) = 2.30
    assert np.square(ridge(x, y[:, None].astype(float), seed=0).out_of_fold[:, 0] - y).mean() > 0.9 * y.var()


def test_rows_of_a_group_are_left_out_together() -> None:
    """Copies of a row tell its label, unless they are left out with it."""
    random = np.random.default_rng(0)
    x, y = random.normal(size=(60, 100)), random.integers(0, 2, 60)
    x, y = np.repeat(x, 4, axis=0), np.repeat(y, 4)
    names = [str(row // 4) for row in range(240)]
    targets = Problem(np.eye(2)[y], np.ones((240, 1)), "softmax")
    assert logistic(x, targets, seed=0, strata=y).loss < 0.2
    assert logistic(x, targets, seed=0, strata=y, groups=names).loss > 0.6
    values = y[:, None].astype(float)
    assert ridge(x, values, seed=0).loss < 0.05 < 0.2 < ridge(x, values, seed=0, groups=names).loss


def test_sparse_features_give_what_dense_ones_give(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    x = (random.random((80, 400)) < 0.03) * random.random((80, 400))
    y = (x[:, :20].sum(axis=1) > x[:, 20:40].sum(axis=1)).astype(int)
    targets = Problem(np.eye(2)[y], np.ones((80, 1)), "softmax")
    sparse = logistic(x, targets, seed=0, strata=y)
    monkeypatch.setattr("headstart.solvers.columns.SPARSE", 0.0)
    monkeypatch.setattr(logistic_module, "scalings", lambda _: ("one",))
    dense = logistic(x, targets, seed=0, strata=y)
    assert sparse.loss == pytest.approx(dense.loss, abs=0.03)
    np.testing.assert_allclose(
        (x @ sparse.weight.T + sparse.bias).argmax(axis=1), (x @ dense.weight.T + dense.bias).argmax(axis=1)
    )


def test_many_rows_choose_the_penalty_by_some_and_all_are_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = digits(400)
    monkeypatch.setattr(logistic_module, "CHOOSE", 100)
    found = logistic(x, problem(y), seed=0, strata=y)
    assert np.isfinite(found.out_of_fold).all(axis=1).sum() == 100
    assert "100 of 400 rows" in found.note
    few = logistic(x[:100], problem(y[:100]), seed=0, strata=y[:100])
    test_x, test_y = digits(800)
    accuracy = [((test_x @ each.weight.T + each.bias).argmax(axis=1) == test_y).mean() for each in (found, few)]
    assert accuracy[0] > accuracy[1] + 0.02


def test_folds_spread_classes_and_keep_groups() -> None:
    strata = np.array([0] * 30 + [1] * 10)
    fold = make_folds(40, 0, strata)
    assert np.bincount(fold[strata == 1]).tolist() == [1] * 10
    names = [str(row // 2) for row in range(40)]
    grouped = make_folds(40, 0, strata, names)
    assert (grouped[::2] == grouped[1::2]).all()
    assert set(grouped) == set(range(10))


def test_constant_columns_and_a_single_class_do_no_harm() -> None:
    x, y = digits(60)
    x = np.concatenate([x, np.full((60, 1), 7.0)], axis=1)
    found = logistic(x, problem(y), seed=0, strata=y)
    assert np.isfinite(found.weight).all()
    assert not found.weight[:, -1].any()


def words(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Make sparse features, as counts of words, and classes that the first three columns tell."""
    random = np.random.default_rng(0)
    x = (random.random((rows, columns)) < 0.02) * random.random((rows, columns))
    y = random.integers(0, 3, rows)
    x[:, :3] += 0.2 * np.eye(3)[y]
    return x.astype(np.float32), y


def test_few_sparse_rows_are_solved_in_their_row_space_and_many_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = words(120, 400)
    targets = Problem(np.eye(3)[y], np.ones((120, 1)), "softmax")
    monkeypatch.setattr(logistic_module, "ROUGH", 1e-7)
    narrow = logistic(x, targets, seed=0, strata=y)
    assert prepare(x, "one").rows.shape[1] <= 120
    monkeypatch.setattr(columns_module, "FEW", 0)
    assert prepare(x, "one").rows.shape == (120, 400)
    wide = logistic(x, targets, seed=0, strata=y)
    assert wide.loss == pytest.approx(narrow.loss, rel=1e-3)
    np.testing.assert_allclose(x @ narrow.weight.T + narrow.bias, x @ wide.weight.T + wide.bias, atol=0.02)


@pytest.mark.parametrize("weights", [None, 0.5 + np.arange(150) % 2])
def test_ridge_of_many_sparse_rows_chooses_by_some_and_fits_all(
    monkeypatch: pytest.MonkeyPatch, weights: np.ndarray | None
) -> None:
    x, y = words(150, 300)
    monkeypatch.setattr(ridge_module, "PENALTIES", (0.03,))
    exact = ridge(x, np.eye(3)[y], seed=0, weights=weights)
    monkeypatch.setattr(ridge_module, "FEW", 50)
    monkeypatch.setattr(columns_module, "FEW", 50)
    some = ridge(x, np.eye(3)[y], seed=0, weights=weights)
    np.testing.assert_allclose(some.weight, exact.weight, atol=1e-5)
    np.testing.assert_allclose(some.bias, exact.bias, atol=1e-5)
    assert np.isfinite(some.out_of_fold).all(axis=1).sum() == 50 and "50 of 150 rows" in some.note


def test_features_are_standardised_only_where_that_is_ahead_by_more_than_noise() -> None:
    random = np.random.default_rng(1)
    losses, noise = random.normal(size=100), 0.2 * random.normal(size=100)
    noise -= noise.mean()  # its standard error is 0.02
    assert first_of_the_best([losses, losses - 0.01 + noise]) == 0
    assert first_of_the_best([losses, losses - 0.1 + noise]) == 1


def test_columns_in_different_units_are_standardised_whatever_the_rows_say() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(40, 12)).astype(np.float32)
    assert scalings(x) == ("one", "each") == scalings(x * random.uniform(0.2, 5, 12).astype(np.float32))
    in_grams = x * np.where(np.arange(12) == 3, 1000, 1).astype(np.float32)
    assert scalings(in_grams) == ("each",)
    y = (x[:, 0] > 0).astype(int)
    problem = Problem(np.eye(2)[y], np.ones((40, 1)), "softmax")
    assert "standardised" in logistic(in_grams, problem, seed=0, strata=y).note


@pytest.mark.parametrize("seed", [0, 1, 3])
def test_columns_that_are_nearly_constant_in_the_rows_that_learn_deceive_nobody(seed: int) -> None:
    """Units of a network that are nearly dead, and full on for one row in fifty, whatever it shows."""
    random = np.random.default_rng(seed)

    def draw(rows: int) -> tuple[np.ndarray, np.ndarray]:
        y = random.integers(0, 2, rows)
        sign = 2.0 * y[:, None] - 1
        live = random.normal(size=(rows, 20)) + 0.35 * sign
        dead = 1e-3 * (random.normal(size=(rows, 60)) + 0.5 * sign)
        dead[random.random((rows, 60)) < 0.02] = 1
        return np.concatenate([live, dead], axis=1).astype(np.float32), y

    (x, y), (unseen, truth) = draw(80), draw(1000)
    found = logistic(x, Problem(np.eye(2)[y], np.ones((80, 1)), "softmax"), seed=0, strata=y)
    asked = Problem(np.eye(2)[truth], np.ones((1000, 1)), "softmax")
    assert "centred" in found.note and asked.row_losses(unseen @ found.weight.T + found.bias).mean() < found.loss + 0.2
    found = ridge(x, 2.0 * y[:, None] - 1, seed=0)
    errors = np.square(unseen @ found.weight.T + found.bias - (2.0 * truth[:, None] - 1))
    assert "centred" in found.note and errors.mean() < found.loss + 0.2


@pytest.mark.parametrize("best", [0, 3, 4, 9, 18])
def test_the_search_finds_the_penalty_that_all_of_them_would_show(best: int) -> None:
    """A loss that falls and then rises is searched in few fits, from anywhere."""
    asked: list[int] = []

    class Valley:
        def at(self, place: int) -> tuple[float, np.ndarray]:
            asked.append(place)
            return abs(place - best), np.empty(0)

    path: Any = Valley()
    for first in (logistic_module.FIRST, 17):
        asked.clear()
        (loss, _), place = logistic_module._search(path, first, (2, 1))
        assert (loss, place) == (0, best)
        assert len(set(asked)) <= 5 + abs(first - best) // 2


def test_few_penalties_are_fitted_for_a_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second scaling starts at what was best for the first; the choice is that of all penalties, but for noise."""
    x, y = digits(400)
    fits: list[int] = []
    real = logistic_module._minimise

    def counted(folds: Any, penalty: float, start: np.ndarray, *given: Any) -> Any:
        fits.append(len(start))
        return real(folds, penalty, start, *given)

    monkeypatch.setattr(logistic_module, "_minimise", counted)
    found = logistic(x, problem(y), seed=0, strata=y)
    assert fits.count(5) <= 10 and fits.count(1) == len(fits) - fits.count(5) == 2, "five folds at once; then all rows"
    fold = make_folds(400, 0, y)
    every = logistic_module._Path(columns_module.share(x, "one", fold, partial(prepare, x)), problem(y), fold)
    losses = [every.at(place)[0] for place in range(len(logistic_module.PENALTIES))]
    assert found.loss < min(losses) * 1.03


@pytest.mark.parametrize(("rows", "scaling"), [(300, "one"), (300, "each"), (60, "one"), (60, "each")])
@pytest.mark.parametrize("at_once", [10**6, 2500])
def test_folds_that_are_fitted_at_once_are_those_fitted_one_by_one(
    monkeypatch: pytest.MonkeyPatch, rows: int, scaling: Any, at_once: int
) -> None:
    x, y = digits(rows)
    x = np.concatenate([x, x[:, ::-1] ** 2], axis=1)
    monkeypatch.setattr(logistic_module, "AT_ONCE", at_once)
    monkeypatch.setattr(logistic_module, "ROUGH", 1e-9)
    fold, penalty = make_folds(rows, 0, y), logistic_module.PENALTIES[4]
    out = logistic_module._Path(columns_module.share(x, scaling, fold, partial(prepare, x)), problem(y), fold).at(4)[1]
    for number in np.unique(fold):
        train, test = fold != number, fold == number
        columns = prepare(x if scaling == "one" else x[train], scaling)
        some = train if scaling == "one" else np.full(train.sum(), True)
        weight, bias = columns.unfold(*logistic_module._fit(columns.rows[some], problem(y).take(train), penalty))
        np.testing.assert_allclose(out[test], x[test] @ weight.T + bias, atol=0.02)


def test_what_was_chosen_is_taken_for_other_rows() -> None:
    x, y = digits(300)
    first = logistic(x[:200], problem(y[:200]), seed=0, strata=y[:200])
    assert first.chosen is not None
    more = logistic(x, problem(y), seed=0, strata=y, chosen=list(first.chosen))
    assert more.chosen == first.chosen and "as chosen before" in more.note
    assert np.isnan(more.out_of_fold).all() and np.isnan(more.loss)
    anew = logistic(x, problem(y), seed=0, strata=y)
    assert (more.weight != anew.weight).any() == (anew.chosen != first.chosen)


def test_rows_are_left_out_in_other_folds_under_what_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logistic_module, "ROUGH", 1e-9)
    x, y = digits(120)
    first = logistic(x, problem(y), seed=0, strata=y)
    same = logistic(x, problem(y), seed=0, strata=y, chosen=first.chosen, left_out=True)
    np.testing.assert_allclose(same.out_of_fold, first.out_of_fold, atol=1e-2)
    assert same.loss == pytest.approx(first.loss, abs=1e-3)
    other = logistic(x, problem(y), seed=1, strata=y, chosen=first.chosen, left_out=True)
    assert np.isfinite(other.out_of_fold).all() and np.abs(other.out_of_fold - first.out_of_fold).max() > 0.05


@pytest.mark.parametrize("scaling", ["one", "each"])
def test_the_gradient_of_folds_at_once_is_that_of_their_losses(scaling: Any) -> None:
    x, y = digits(90)
    x = x[:, :40] + np.linspace(0, 9, 90)[:, None]  # so that folds have other means
    fold = (np.arange(90) >= 60).astype(int)
    (shared,) = columns_module.share(x, scaling, fold, partial(prepare, x))
    folds = logistic_module._Folds(shared, problem(y), fold)
    random = np.random.default_rng(0)
    at, way = (random.normal(size=folds.start.shape) for _ in range(2))
    _, gradient = folds.value(0.3, at)
    over, under = (folds.value(0.3, at + step * way)[0] for step in (1e-5, -1e-5))
    assert (gradient * way).sum() == pytest.approx((over - under) / 2e-5, rel=1e-5)


@pytest.mark.parametrize("scaling", ["one", "each"])
def test_a_step_is_as_long_as_the_rows_that_learn_allow(scaling: Any) -> None:
    """By finite differences of the gradient; with weights at zero all rows bend alike, and the estimate is exact."""
    x, y = digits(90)
    x = x[:, :40] + np.linspace(0, 9, 90)[:, None]
    fold = (np.arange(90) >= 60).astype(int)
    (shared,) = columns_module.share(x, scaling, fold, partial(prepare, x))
    folds = logistic_module._Folds(shared, problem(y), fold)
    steps = folds.steps(0.3, folds.start)
    for place in [(0, 3, 5), (1, 0, 17), (1, 9, 40)]:  # the last is a bias
        moved = folds.start.copy()
        moved[place] = 1e-4
        bend = (folds.value(0.3, moved)[1] - folds.value(0.3, folds.start)[1])[place] / 1e-4
        assert 1 / steps[place] ** 2 == pytest.approx(bend, rel=1e-3)


def test_sparse_rows_are_not_made_dense_for_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = digits(200)
    wide = np.zeros((200, 2000))
    wide[np.arange(200)[:, None], np.arange(64) * 31] = x
    fitted: list[Any] = []
    real = logistic_module._fit
    monkeypatch.setattr(logistic_module, "_fit", lambda rows, *given: fitted.append(rows) or real(rows, *given))
    found = logistic(wide, problem(y), seed=0, strata=y)
    plain = LogisticRegression(C=1 / found.chosen[1], max_iter=5000, tol=1e-8) if found.chosen else None
    assert plain is not None and fitted[0].shape == (200, 2000) and fitted[0].nnz < 200 * 64
    plain.fit(fitted[0], y)
    mine = wide @ found.weight.T + found.bias
    np.testing.assert_allclose(mine - mine.mean(axis=1, keepdims=True), plain.decision_function(fitted[0]), atol=0.02)


def test_features_that_are_all_alike_leave_the_shares_of_the_classes() -> None:
    labels = np.array([0, 0, 0, 1] * 5)
    problem = Problem(np.eye(2)[labels], np.ones((20, 1)), "softmax")
    found = logistic(np.ones((20, 30), dtype=np.float32), problem, seed=0)
    odds = np.exp(found.bias - found.bias.max())
    assert np.allclose(odds / odds.sum(), [0.75, 0.25], atol=1e-3) and not found.weight.any()


@pytest.mark.timeout(60)
def test_rows_of_one_class_have_no_least_loss_and_are_solved_all_the_same() -> None:
    """Biases alone make the loss ever smaller: it ends where what is left counts for nothing."""
    asked = Problem(np.eye(3)[np.zeros(12, int)], np.ones((12, 1)), "softmax")
    found = logistic(np.zeros((12, 5), np.float32), asked, seed=0)
    assert np.isfinite(found.bias).all() and found.bias.argmax() == 0
