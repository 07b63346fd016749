"""What a user of scikit-learn relies on, on vectors and small images."""

from __future__ import annotations

import copy
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import headstart as hs

TINY: dict[str, Any] = {"source": "timm:test_resnet", "settings": {"source.pretrained": False}, "epochs": 1}


def pictures(count: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Make dark and bright pictures."""
    y = np.arange(count) % 2
    noise = np.random.default_rng(0).integers(0, 60, (count, 16, 16, 3))
    return (noise + 150 * y[:, None, None, None]).astype(np.uint8), np.array(["dark", "bright"])[y]


def table(load: Callable[..., Any], *, as_frame: bool = False) -> tuple[Any, Any]:
    """Load a table of scikit-learn's."""
    return load(return_X_y=True, as_frame=as_frame)


@pytest.mark.slow  # several fits
def test_vectors_by_cross_validation() -> None:
    assert cross_val_score(hs.HeadstartClassifier(), *load_wine(return_X_y=True), cv=3).mean() > 0.93


def test_regression_in_the_units_of_y() -> None:
    X, y = table(load_diabetes)
    model = hs.HeadstartRegressor(epochs=10).fit(X[:300], 1000 * y[:300] - 7)
    assert model.score(X[300:], 1000 * y[300:] - 7) > 0.35


def test_several_targets_keep_their_shape() -> None:
    X = np.random.default_rng(0).normal(size=(80, 3))
    y = X @ np.array([[1.0, 0.0], [0.0, 100.0], [2.0, 0.0]])
    model = hs.HeadstartRegressor(lr=1e-2).fit(X, y)
    assert model.predict(X).shape == (80, 2)
    assert model.score(X, y) > 0.9
    assert hs.HeadstartRegressor(epochs=1).fit(X, y[:, :1]).predict(X).shape == (80, 1)


def test_several_labels_an_example() -> None:
    X = np.random.default_rng(0).normal(size=(120, 3))
    y = (X > 0).astype(int)
    model = hs.HeadstartClassifier(lr=1e-2).fit(X, y)
    assert model.predict(X).shape == y.shape
    assert model.score(X, y) > 0.8
    assert np.array_equal(model.classes_, [0, 1, 2])


def test_a_pipeline_and_a_search_set_options_by_name() -> None:
    X, y = load_wine(return_X_y=True)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), hs.HeadstartClassifier(epochs=5)),
        {"headstartclassifier__lr": [1e-6, 1e-2]},
        cv=2,
    ).fit(X, y)
    assert search.best_params_ == {"headstartclassifier__lr": 1e-2}


def test_pandas_in_pandas_out() -> None:
    X, y = table(load_wine, as_frame=True)
    X.index = X.index + 100
    model = hs.HeadstartClassifier(epochs=5).set_output(transform="pandas").fit(X, y)
    assert list(model.feature_names_in_) == list(X.columns)
    assert model.n_features_in_ == 13
    features = model.transform(X)
    assert isinstance(features, pd.DataFrame)
    assert list(features.index) == list(X.index)
    assert list(features.columns[:2]) == ["headstartclassifier0", "headstartclassifier1"]
    with pytest.raises(ValueError, match="feature names"):
        model.predict(X[X.columns[::-1]])


def test_the_seed_decides() -> None:
    X, y = load_wine(return_X_y=True)
    outputs = [hs.HeadstartClassifier(epochs=1, random_state=s).fit(X, y).predict_proba(X) for s in (1, 1, 2)]
    assert np.array_equal(outputs[0], outputs[1])
    assert not np.array_equal(outputs[0], outputs[2])
    drawn = hs.HeadstartClassifier(epochs=1, random_state=np.random.RandomState(0)).fit(X, y)
    assert not np.array_equal(outputs[0], drawn.predict_proba(X))


def test_class_weights_come_by_the_settings() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    settings = {"stages.0.objective.class_weights": [100.0, 1.0]}
    plain = hs.HeadstartClassifier(epochs=3).fit(X, y).predict(X)
    weighted = hs.HeadstartClassifier(epochs=3, settings=settings).fit(X, y).predict(X)
    assert (weighted == 0).sum() > (plain == 0).sum()


def test_a_validation_share_chooses_the_best_step() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    model = hs.HeadstartClassifier(validation_fraction=0.2, epochs=3).fit(X, y)
    assert model.fitted_.predictor.recipe.data.validation == 0.2
    assert model.score(X, y) > 0.9


def test_images_and_a_copy_of_the_model() -> None:
    X, y = pictures()
    model = hs.HeadstartClassifier(**TINY, strategy="linear_probe").fit(X, y)
    expected = model.predict_proba(X)
    assert set(model.predict(list(X))) <= {"dark", "bright"}
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert np.array_equal(other.predict_proba(X), expected)
    assert not hasattr(clone(model), "fitted_")


def test_surgery_is_an_option_that_a_copy_keeps(tmp_path: Path) -> None:
    X, y = pictures()
    plain = hs.HeadstartClassifier(**TINY, strategy="linear_probe").fit(X, y)
    cut: Any = clone(hs.HeadstartClassifier(**TINY, strategy="bottleneck", surgery=["cut after=layer2"]))
    cut.fit(X, y)
    assert cut.transform(X).shape[1] < plain.transform(X).shape[1]
    cut.save(tmp_path / "model")
    expected = cut.predict_proba(X)
    assert np.array_equal(hs.load(tmp_path / "model").predict_proba(X), expected)
    assert np.array_equal(pickle.loads(pickle.dumps(cut)).predict_proba(X), expected)
    with pytest.raises(hs.UsageError, match="layer2"):
        hs.HeadstartClassifier(**TINY, surgery=["cut after=layr2"]).fit(X, y)


def test_a_pickle_of_ours_holds_plain_files() -> None:
    X, y = load_wine(return_X_y=True)
    fitted = hs.HeadstartClassifier(epochs=1).fit(X, y).fitted_
    state = fitted.__getstate__()
    assert set(state["files"]) == {"model.json", "model.safetensors", "manifest.json"}
    changed = {**state, "files": {**state["files"], "model.json": b"{}"}}
    with pytest.raises(hs.StorageError, match=r"model\.json"):
        object.__new__(type(fitted)).__setstate__(changed)


def test_the_saved_model_is_an_artefact(tmp_path: Path) -> None:
    X, y = load_wine(return_X_y=True)
    model = hs.HeadstartClassifier(epochs=1).fit(X, y)
    model.save(tmp_path / "model")
    predictor = hs.load(tmp_path / "model")
    assert np.array_equal(predictor.predict_proba(X), model.predict_proba(X))
    assert predictor.predict(X) == [str(label) for label in model.predict(X)]


def test_no_folder_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    X, y = load_wine(return_X_y=True)
    model = hs.HeadstartClassifier(epochs=1, validation_fraction=0.2).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    again.predict(X)
    del again
    assert list(tmp_path.iterdir()) == [scratch]
    assert list(scratch.iterdir()) == []


def test_what_cannot_work_is_said_before_training() -> None:
    X, y = pictures()
    with pytest.raises(hs.UsageError, match="images, which need a pretrained model"):
        hs.HeadstartClassifier().fit(X, y)
    with pytest.raises(hs.UsageError, match="Did you mean 'linear_probe'"):
        hs.HeadstartClassifier(**TINY, strategy="linear_prob").fit(X, y)
    with pytest.raises(hs.DataError, match=r"missing\.jpg"):
        hs.HeadstartClassifier(**TINY).fit(["missing.jpg", "missing.jpg"], [0, 1])
    with pytest.raises(ValueError, match="inconsistent numbers"):
        hs.HeadstartClassifier(**TINY).fit(X, y[1:])
    with pytest.raises(ValueError, match="only 1 class"):
        hs.HeadstartClassifier(**TINY).fit(X, ["a"] * len(X))
