"""Arrays and words as people have them who come from Keras."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import DataConversionWarning

import headstart as hs
from headstart.core.errors import DataError, UsageError
from headstart.core.recipe import DataPlan
from headstart.data.read import read

Y = np.arange(24) % 3
X = (np.random.default_rng(0).integers(0, 60, (24, 16, 16, 1)) + 90 * Y[:, None, None, None]).astype(np.uint8)
ONE_HOT = np.eye(3)[Y]  # as keras.utils.to_categorical makes it
PROBE: dict[str, Any] = {"source": "hog:colour", "strategy": "linear_probe"}


def told(call: Any) -> tuple[Any, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = call()
    return made, [str(w.message) for w in caught if issubclass(w.category, DataConversionWarning)]


def test_scales_and_forms_of_y_give_the_same_model_and_are_told() -> None:
    plain, said = told(lambda: hs.HeadstartClassifier(**PROBE).fit(X, Y))
    expected = plain.predict_proba(X)
    assert said == [] and plain.score(X, Y) > 0.9
    for pixels, words in (
        (X / 255.0, "images of float64 from 0 to 1"),
        (X.astype(np.float32), "float32 from 0 to 255"),
    ):
        model, said = told(lambda pixels=pixels: hs.HeadstartClassifier(**PROBE).fit(pixels[..., 0], ONE_HOT))
        assert len(said) == 2 and "one-hot rows of 3, taken as classes 0 to 2" in said[0] and words in said[1]
        assert np.array_equal(model.classes_, [0, 1, 2])
        assert np.array_equal(model.predict_proba(pixels), expected)
        assert np.array_equal(model.predict(pixels), plain.predict(X))
        assert model.score(pixels, ONE_HOT) == model.score(pixels, Y[:, None]) == plain.score(X, Y)


def test_wrong_arrays_are_refused_in_fit_and_in_predict() -> None:
    model = hs.HeadstartClassifier(**PROBE).fit(X, Y[:, None].ravel())
    for wrong, words in ((X / 127.5 - 1, "X \\+ 1"), (np.repeat(X, 3, 3).transpose(0, 3, 1, 2), "channels first")):
        for call in (lambda w=wrong: hs.HeadstartClassifier(**PROBE).fit(w, Y), lambda w=wrong: model.predict(w)):
            with pytest.raises(DataError, match=words):
                call()


def test_a_frame_of_flags_stays_several_labels() -> None:
    model = hs.HeadstartClassifier(epochs=1).fit(X.reshape(24, -1), pd.DataFrame(ONE_HOT.astype(int)))
    assert model.predict(X.reshape(24, -1)).shape == (24, 3)


def test_validation_data_choose_the_step_and_are_not_learnt() -> None:
    values = np.random.default_rng(1).normal(size=(60, 3))
    classes = (values[:, 0] > 0).astype(int)
    words: dict[str, Any] = {"epochs": 300, "lr": 0.001, "batch_size": 60}
    reversed_ = (values, np.eye(2)[1 - classes])
    model = hs.HeadstartClassifier(**words).fit(values, classes, validation_data=reversed_)
    last = hs.HeadstartClassifier(**words).fit(values, classes)
    assert model.fitted_.predictor.recipe.stages[0].batch_size == 60
    assert last.score(*reversed_) == 0 < 0.05 < model.score(*reversed_)  # an early step, which knows less


def test_numbers_and_several_labels_take_validation_data_too() -> None:
    values = np.random.default_rng(1).normal(size=(60, 3))
    model = hs.HeadstartRegressor(epochs=2).fit(values, values[:, :1], validation_data=(values[40:], values[40:, 0]))
    assert model.predict(values).shape == (60, 1)
    flags = (values > 0).astype(int)
    labels = hs.HeadstartClassifier(epochs=2).fit(values, flags, validation_data=(values[40:], flags[40:]))
    assert labels.predict(values).shape == (60, 3)


def test_pictures_of_another_size_than_in_training_are_predicted() -> None:
    model = hs.HeadstartClassifier(**PROBE).fit(X, Y)
    assert model.predict(np.repeat(np.repeat(X, 2, 1), 2, 2)).shape == (24,)
    assert model.predict([X[0], X[1, :8]]).shape == (2,)


def test_validation_data_that_cannot_be_used_are_refused() -> None:
    values, classes = np.random.default_rng(1).normal(size=(20, 3)), np.arange(20) % 2
    model = hs.HeadstartClassifier(epochs=1)
    with pytest.raises(ValueError, match=re.escape("holds classes that y lacks: [2]")):
        model.fit(values, classes, validation_data=(values, classes + 1))
    with pytest.raises(UsageError, match="pair"):
        model.fit(values, classes, validation_data=(values, classes, classes))
    with pytest.raises(UsageError, match="exclude each other"):
        model.set_params(validation_fraction=0.2).fit(values, classes, validation_data=(values, classes))


def test_hs_fit_takes_one_hot_labels_of_every_split() -> None:
    data = {"x_train": X, "y_train": ONE_HOT, "x_val": X // 2, "y_val": ONE_HOT[::-1]}
    dataset = read(data, DataPlan())
    assert (
        dataset.notes[0] == "label: one-hot rows of 3, taken as classes 0 to 2 (a frame keeps them as 3 labels a row)"
    )
    assert dataset.task.kind == "multiclass" and dataset.task.classes == ("0", "1", "2")
    assert dataset.splits["validation"].labels["target"].tolist() == Y[::-1].tolist()
    mixed = {"train": (X, ONE_HOT), "validation": (X // 2, np.ones((24, 3)))}
    assert read(mixed, DataPlan()).task.kind == "multilabel"  # rows of one split have several
    assert read((X, ONE_HOT.tolist()), DataPlan()).task.kind == "multiclass"
