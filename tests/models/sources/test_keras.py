"""The source `keras:`: what a file gives, in Headstart as in Keras."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path
from typing import Any, cast

import h5py
import numpy as np
import pytest
import torch

from headstart.core.errors import SourceError, UsageError
from headstart.data.transforms import make_transform
from headstart.inputs.image import Image
from headstart.models.keras.backend import import_keras
from headstart.models.keras.layers import LAYERS, Translated
from headstart.models.load import load_source
from headstart.models.operate import operate
from headstart.models.surgery.cut import Cut
from headstart.models.surgery.freeze import Freeze
from headstart.models.surgery.remove import Remove
from models.contract import check_backbone
from models.keras.nets import SIDE, number_model, picture_model, shaken

PICTURE = torch.rand(3, SIDE, SIDE, 3, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def model() -> Any:
    return picture_model()


@pytest.fixture(scope="module", params=["net.keras", "net.h5"])
def file(request: Any, model: Any, tmp_path_factory: Any) -> Path:
    path = tmp_path_factory.mktemp("files") / request.param
    model.save(path)
    return path


def test_outputs_are_those_of_keras(file: Path, model: Any) -> None:
    backbone = load_source(f"keras:{file}")
    check_backbone(backbone, PICTURE.permute(0, 3, 1, 2), 3)
    with torch.no_grad():
        features = backbone(PICTURE.permute(0, 3, 1, 2))
        weight, bias = backbone.source_classifier or (None, None)
        assert weight is not None and bias is not None
        found = (features["pooled"] @ weight.T + bias).softmax(1)
        wanted = model(PICTURE, training=False)
    assert torch.allclose(found, wanted, atol=1e-5)
    assert features["maps"][0].shape == (3, 12, 4, 4)


def test_stages_are_the_models_blocks_and_models_within_it_are_opened(file: Path) -> None:
    stages = load_source(f"keras:{file}").stages()
    assert list(stages) == ["block1", "block2", "inner.inner_sep", "block3_conv"]
    assert "net.inner.inner_bn.weight" in stages["inner.inner_sep"]


def test_with_the_top_the_answers_are_the_features(file: Path, model: Any) -> None:
    backbone = load_source(f"keras:{file}", {"include_top": True}).eval()
    assert backbone.dim == 5 and backbone.source_classifier is None
    with torch.no_grad():
        assert torch.allclose(
            backbone(PICTURE.permute(0, 3, 1, 2))["pooled"], model(PICTURE, training=False), atol=1e-5
        )


def test_weights_beside_an_architecture(tmp_path: Path, model: Any) -> None:
    weights, architecture = tmp_path / "net.weights.h5", tmp_path / "net.json"
    model.save_weights(weights)
    architecture.write_text(model.to_json())
    backbone = load_source(f"keras:{weights}", {"architecture": str(architecture)}).eval()
    with torch.no_grad():
        cut = import_keras().Model(model.inputs, model.get_layer("avg_pool").output)
        assert torch.allclose(backbone(PICTURE.permute(0, 3, 1, 2))["pooled"], cut(PICTURE), atol=1e-5)
    with pytest.raises(SourceError, match=r"none.json cannot be read.*model.to_json"):
        load_source(f"keras:{weights}", {"architecture": str(tmp_path / "none.json")})
    with pytest.raises(SourceError, match=r"weights alone. Name its architecture.*keras:NAME weights=FILE"):
        load_source(f"keras:{weights}")


def test_surgery_by_the_names_of_keras(file: Path, model: Any) -> None:
    backbone = load_source(f"keras:{file}")
    done = operate(backbone, [Cut(after="block2_add"), Freeze(layers=("block1_conv1",))]).backbone.eval()
    cut = import_keras().Model(model.inputs, model.get_layer("block2_add").output)
    with torch.no_grad():
        found = done(PICTURE.permute(0, 3, 1, 2))
        assert torch.allclose(found["maps"][0].permute(0, 2, 3, 1), cut(PICTURE), atol=1e-5)
    frozen = {name for name, fixed in done.freeze_overrides.items() if fixed}
    assert frozen == {f"net.block1.block1_conv1{at}" for at in (".conv.weight", ".conv.bias")}
    without = operate(backbone, [Remove(layers="block2_act")]).backbone.eval()
    with torch.no_grad():
        whole = backbone.eval()(PICTURE.permute(0, 3, 1, 2))
        assert not torch.allclose(without(PICTURE.permute(0, 3, 1, 2))["pooled"], whole["pooled"])


def test_what_does_not_learn_in_the_file_stays_frozen(tmp_path: Path) -> None:
    number_model().save(tmp_path / "numbers.keras")
    backbone = load_source(f"keras:{tmp_path / 'numbers.keras'}")
    assert backbone.freeze_overrides == {f"net.one.{at}": True for at in ("dense.weight", "dense.bias")}
    assert list(backbone.stages()) == ["one", "two"] and backbone.dim == 7
    assert "1 layer that does not learn" in backbone.card.source_task


def test_a_model_within_that_is_called_without_training_stays_in_evaluation_mode(tmp_path: Path) -> None:
    keras = import_keras()
    inner = picture_model()
    inputs = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.RandomFlip(name="flip")(inputs)
    x = keras.Model(inner.inputs, inner.get_layer("block2_add").output, name="base")(x, training=False)
    keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(x))).save(tmp_path / "outer.keras")
    backbone = load_source(f"keras:{tmp_path / 'outer.keras'}").train()
    assert backbone.net.training and not backbone.net.base.block1.block1_bn.training  # pyright: ignore
    assert "flip" in backbone.card.source_task
    with torch.no_grad():
        assert torch.equal(
            backbone(PICTURE.permute(0, 3, 1, 2))["pooled"], backbone.eval()(PICTURE.permute(0, 3, 1, 2))["pooled"]
        )


def test_a_copy_has_weights_of_its_own(file: Path) -> None:
    backbone = load_source(f"keras:{file}")
    other = copy.deepcopy(backbone)
    with torch.no_grad():
        next(other.parameters()).add_(1.0)
    assert not torch.equal(next(other.parameters()), next(backbone.parameters()))


def test_a_model_that_ends_with_a_model_loses_the_classifier_within(tmp_path: Path) -> None:
    """As Teachable Machine writes it: two Sequential models in one, the second of which answers."""
    keras = import_keras()
    layers = keras.layers
    parts = [layers.Conv2D(4, 3, name="conv"), layers.DepthwiseConv2D(3, name="dw"), layers.GlobalAveragePooling2D()]
    first = keras.Sequential([keras.Input((SIDE, SIDE, 3)), *parts], name="first")
    ends = [layers.Dense(6, activation="relu", name="hidden"), layers.Dropout(0.2), layers.Dense(3, "softmax")]
    for kept, width, stages in (
        (ends, 6, ["first.conv", "first.dw", "second.hidden"]),
        ([layers.Dense(3, "softmax")], 4, ["first.conv", "first.dw"]),
    ):
        second = keras.Sequential([keras.Input((4,)), *kept], name="second")
        model = shaken(keras.Sequential([keras.Input((SIDE, SIDE, 3)), first, second]))
        model.save(tmp_path / "net.h5")
        with h5py.File(tmp_path / "net.h5", "r+") as file:  # as Keras 2 wrote it
            config = str(file.attrs["model_config"])
            file.attrs["model_config"] = config.replace('"depth_multiplier": 1', '"groups": 1, "depth_multiplier": 1')
        backbone = load_source(f"keras:{tmp_path / 'net.h5'}").eval()
        assert backbone.dim == width and list(backbone.stages()) == stages and backbone.source_classifier is not None
        weight, bias = backbone.source_classifier
        assert bias is not None
        with torch.no_grad():
            found = (backbone(PICTURE.permute(0, 3, 1, 2))["pooled"] @ weight.T + bias).softmax(1)
            assert torch.allclose(found, model(PICTURE, training=False), atol=1e-5)
        check_backbone(backbone, PICTURE.permute(0, 3, 1, 2), 3)


@pytest.mark.parametrize("name", ["VGG16", "MobileNetV2", "DenseNet121", "EfficientNetB0"])
def test_pictures_come_as_the_application_wants_them(name: str) -> None:
    from sklearn.datasets import load_sample_image

    from headstart.models.keras import applications

    picture = load_sample_image("china.jpg")[:64, :64]
    reverse, mean, std = applications.pixels(name)
    module = sys.modules[getattr(import_keras().applications, name).__module__]
    wanted = module.preprocess_input(picture[None].astype("float32"))[0]
    transform = make_transform(Image(64, 64, 3, mean, std, "bilinear"))
    example = transform.example(transform.prepare([picture])[0], "x", None)
    found = transform.collate([example])[0].permute(1, 2, 0).numpy()[..., :: -1 if reverse else 1]
    assert np.abs(found - wanted).max() <= 1e-5 * max(1.0, np.abs(wanted).max())


def test_how_pixels_are_wanted_is_asked_of_the_model(tmp_path: Path) -> None:
    keras = import_keras()
    inputs = keras.Input((8, 8, 3))
    for layer, std in ((keras.layers.Rescaling(1 / 127.5, -1), 1 / 255), (keras.layers.ReLU(), 1.0)):
        shaken(keras.Model(inputs, keras.layers.Conv2D(4, 3)(layer(inputs)))).save(tmp_path / "net.keras")
        expects = load_source(f"keras:{tmp_path / 'net.keras'}").card.input
        assert isinstance(expects, Image) and expects.std == (std,) * 3 and expects.mean == (0.0,) * 3
    expects = load_source(f"keras:{tmp_path / 'net.keras'}", {"pixels": "tf"}).card.input
    assert isinstance(expects, Image) and expects.mean == expects.std == (0.5,) * 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda k: k.Model([a := k.Input((3,)), b := k.Input((3,))], k.layers.Add()([a, b])), "2 inputs and 1 outputs"),
        (lambda k: k.Sequential([k.Input((4, 3)), k.layers.LSTM(2), k.layers.Dense(2)]), r"\[None, 4, 3\]"),
        (lambda k: k.Sequential([k.Input((4,), dtype="int32"), k.layers.Embedding(9, 2), k.layers.Flatten()]), "int32"),
        (lambda k: k.Sequential([k.Input((4,)), k.layers.Dense(2)]), "nothing but a classifier.*include_top=true"),
    ],
)
def test_models_that_cannot_be_taken_over(make: Any, message: str, tmp_path: Path) -> None:
    make(import_keras()).save(tmp_path / "net.keras")
    with pytest.raises(SourceError, match=message):
        load_source(f"keras:{tmp_path / 'net.keras'}")


def test_a_network_that_differs_from_that_of_keras_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cast(Any, LAYERS), "ReLU", lambda layer, shape: Translated(torch.nn.Identity()))
    with pytest.raises(SourceError, match=r"differs from Keras' by .*report it"):
        load_source(f"keras:{file}")


@pytest.mark.slow  # writes the weights of an InceptionV3
def test_weights_without_a_top_go_with_the_applications_own_size(tmp_path: Path) -> None:
    path = tmp_path / "inception_notop.weights.h5"
    shaken(import_keras().applications.InceptionV3(weights=None, include_top=False)).save_weights(path)
    backbone = load_source("keras:InceptionV3", {"weights": str(path)})
    assert isinstance(backbone.card.input, Image) and backbone.card.input.height == 299 and backbone.dim == 2048


def test_an_unknown_application_is_named() -> None:
    with pytest.raises(UsageError, match="VGG16"):
        load_source("keras:VGG61")


def test_weights_that_lack_a_layers_numbers_leave_none_of_them_random(tmp_path: Path) -> None:
    keras = import_keras()
    inner = keras.Sequential([keras.layers.Dense(4)])
    short, long = (
        keras.Sequential([keras.Input((3,)), *layers]) for layers in ([inner], [inner, keras.layers.Dense(2)])
    )
    path, architecture = tmp_path / "short.weights.h5", tmp_path / "long.json"
    short.save_weights(path)
    architecture.write_text(long.to_json())
    with pytest.raises(SourceError, match="cannot load it"):
        load_source(f"keras:{path}", {"architecture": str(architecture)})


IMPORTED = """import sys, types
keras = sys.modules["keras"] = types.ModuleType("keras")
keras.backend = types.SimpleNamespace(backend=lambda: "jax")"""


@pytest.mark.parametrize("first", [IMPORTED, "pass"])
def test_another_backend_is_not_changed(first: str) -> None:
    code = f"{first}\nfrom headstart.models.keras.backend import import_keras\nimport_keras()"
    environment = {**os.environ, "KERAS_BACKEND": "jax"} if first == "pass" else dict(os.environ)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "needs Keras' torch backend" in done.stderr.splitlines()[-1]


def test_without_keras_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(UsageError, match=r"pip install 'headstart\[keras\]'"):
        load_source("keras:VGG16", {"pretrained": False})


def test_keras_comes_with_its_extra_alone_and_brings_no_tensorflow() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert project["optional-dependencies"]["keras"] == ["keras>=3.15"]
    assert not any(need.startswith("keras") for need in project["dependencies"])
    assert not any("tensorflow" in need for need in requires("keras") or () if "extra" not in need)
