"""Weights of keras.applications in timm's networks: what Keras makes of a picture, they make of it, too."""

from __future__ import annotations

import importlib
import sys
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from torch import nn

from headstart.core.errors import SourceError, UsageError
from headstart.core.progress import told_to
from headstart.inputs.image import Image
from headstart.models.load import load_source, rebuild
from headstart.views.plain import Plain
from models.contract import check_backbone
from models.keras.saved import answers, network, write_old

MODULES = {"VGG16": "vgg16", "VGG19": "vgg19", "InceptionV3": "inception_v3", "MobileNetV2": "mobilenet_v2"}
SMALL = "mobilenetv2_035"


def _prepared(name, pixels):
    module = importlib.import_module(f"keras.applications.{MODULES.get(name, 'resnet')}")
    return module.preprocess_input(pixels.astype(np.float32))


def _pixels(size):
    """Make two pictures of nine coloured fields each, with noise."""
    random = np.random.default_rng(1)
    fields = random.integers(0, 256, (2, 3, 3, 3)).repeat(size // 3 + 1, 1).repeat(size // 3 + 1, 2)[:, :size, :size]
    return (fields + random.normal(0, 20, fields.shape)).clip(0, 255).astype(np.uint8)


def _agrees(found, expected, bound=1e-4):
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= bound * expected.abs().max()


def _check(model, name, backbone, size):
    """Compare features or, where the model has its top, answers with Keras'; and eps, which hardly shows there."""
    assert {norm.eps for norm in backbone.modules() if isinstance(norm, nn.BatchNorm2d)} == {
        layer.epsilon for layer in model.layers if hasattr(layer, "epsilon")
    }
    pixels = _pixels(size)
    expected = answers(model, _prepared(name, pixels))
    assert (expected[0] - expected[1]).abs().max() > 0.01 * expected.abs().max()  # it depends on the pictures
    with torch.no_grad():
        found = backbone.eval()(backbone.card.input.collate(list(torch.from_numpy(pixels))))["pooled"]
    if backbone.source_classifier is not None:
        weight, bias = backbone.source_classifier
        found = found @ weight.T + bias
    _agrees(found, expected)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    model = network("MobileNetV2", None, alpha=0.35)
    path = tmp_path_factory.mktemp("small") / "small.weights.h5"
    model.save_weights(path)
    return SimpleNamespace(model=model, path=path, old=write_old(model, path.with_name("small_notop.h5")))


def test_features_are_those_of_keras(small):
    backbone = load_source(f"timm:{SMALL}", {"weights": str(small.path)})
    _check(small.model, "MobileNetV2", backbone, 96)
    assert backbone.source_classifier is None
    assert len(backbone.card.sha256) == 64


@pytest.mark.parametrize("pieces", [False, True])
def test_a_file_of_keras_2_gives_the_same_network(small, tmp_path, pieces):
    path = write_old(small.model, tmp_path / "w_notop.h5", pieces=pieces)
    new, old = (load_source(f"timm:{SMALL}", {"weights": str(file)}).state_dict() for file in (small.path, path))
    assert all(torch.equal(old[name], tensor) for name, tensor in new.items())


def test_the_weights_of_a_whole_model_are_found(small, tmp_path):
    with h5py.File(small.old) as old, h5py.File(tmp_path / "whole.h5", "w") as whole:
        old.copy(old, whole, "model_weights")
        whole.create_dataset("optimizer_weights/iterations", data=3)
    backbone = load_source(f"timm:{SMALL}", {"weights": str(tmp_path / "whole.h5")})
    _check(small.model, "MobileNetV2", backbone, 96)


def test_the_card_makes_the_same_network_again(small):
    backbone = load_source(f"timm:{SMALL}", {"weights": str(small.path)})
    x = torch.rand(1, 3, 224, 224)
    check_backbone(backbone, x, 1)
    again = rebuild(backbone.card)
    again.load_state_dict(backbone.state_dict())
    with torch.no_grad():
        assert torch.equal(again.eval()(x)["pooled"], backbone.eval()(x)["pooled"])


def test_it_is_told_how_much_matched(small):
    events = []
    with told_to(events.append):
        load_source(f"timm:{SMALL}", {"weights": str(small.path)})
    assert [event.message for event in events] == [f"small.weights.h5: 104 of 104 layers of Keras are in timm:{SMALL}"]


def _layers(file):
    return [name.encode() for name in file.attrs["layer_names"].astype(str)]


def _without(file):
    file.attrs["layer_names"] = [name for name in _layers(file) if name != b"block_3_expand"]


def _wider(file):
    _put(file, "block_3_expand", "kernel", np.zeros((1, 1, 8, 50), np.float32))


def _theano(file):
    _put(file, "Conv1", "kernel", np.moveaxis(file["Conv1/Conv1/kernel:0"][()], (3, 2), (0, 1)))


def _head(file):
    file.attrs["layer_names"] = [*_layers(file), b"dense_1"]
    file.create_group("dense_1").attrs["weight_names"] = [b"dense_1/kernel:0"]
    file["dense_1/dense_1/kernel:0"] = np.zeros((1280, 10), np.float32)


def _unscaled(file):
    group = file["block_1_project_BN"]
    group.attrs["weight_names"] = group.attrs["weight_names"][1:]


def _put(file, layer, name, values):
    del file[f"{layer}/{layer}/{name}:0"]
    file[f"{layer}/{layer}/{name}:0"] = values


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_without, "block_3_expand: missing, with [1, 1, 8, 48]"),
        (_wider, "block_3_expand: shape [1, 1, 8, 50] instead of [1, 1, 8, 48]"),
        (_theano, "Conv1: shape [16, 3, 3, 3] instead of [3, 3, 3, 16]"),
        (_head, "dense_1: unexpected, with [1280, 10]"),
        (_unscaled, "block_1_project_BN: shape [8] [8] [8] instead of [8] [8] [8] [8]"),
    ],
)
def test_a_wrong_file_is_told_by_layer_and_shapes(small, tmp_path, spoil, said):
    path = tmp_path / "wrong.h5"
    path.write_bytes(small.old.read_bytes())
    with h5py.File(path, "r+") as file:
        spoil(file)
    with pytest.raises(SourceError) as caught:
        load_source(f"timm:{SMALL}", {"weights": str(path)})
    message = str(caught.value)
    assert said in message
    assert f"timm:{SMALL} ({104 if spoil is _head else 103} of 104 layers match)" in message


def test_another_network_is_told(small):
    with pytest.raises(SourceError, match=r"instead of \[3, 3, 3, 32\]"):
        load_source("timm:mobilenetv2_100", {"weights": str(small.path)})


def _broken(file):
    _put(file, "bn_Conv1", "moving_mean", np.full(16, np.nan, np.float32))


def _broken_top(file):
    file.attrs["layer_names"] = [*_layers(file), b"predictions"]
    file.create_group("predictions").attrs["weight_names"] = [b"kernel:0", b"bias:0"]
    file["predictions/kernel:0"] = np.full((1280, 4), np.nan, np.float32)
    file["predictions/bias:0"] = np.zeros(4, np.float32)


@pytest.mark.parametrize(("spoil", "said"), [(_broken, r"bn1\.running_mean"), (_broken_top, "predictions, array 0")])
def test_values_that_are_not_finite_are_told(small, tmp_path, spoil, said):
    path = tmp_path / "broken.h5"
    path.write_bytes(small.old.read_bytes())
    with h5py.File(path, "r+") as file:
        spoil(file)
    with pytest.raises(SourceError, match=said):
        load_source(f"timm:{SMALL}", {"weights": str(path)})


def test_networks_whose_layers_are_not_known(small):
    with pytest.raises(SourceError, match=r"vgg16, .*resnet50.*keras:FILE"):
        load_source("timm:resnet18", {"weights": str(small.path)})


def test_without_h5py(small, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UsageError, match=r"pip install 'headstart\[keras\]'"):
        load_source(f"timm:{SMALL}", {"weights": str(small.path)})


def _photograph():
    from sklearn.datasets import load_sample_image

    return Pillow.fromarray(load_sample_image("china.jpg"))


def _check_photograph(backbone, model, name):
    """Compare what a photograph becomes, and the features of it, with what both are in Keras."""
    expects = backbone.card.input
    example = Plain().show(expects.open(_photograph()), expects)
    prepared = _prepared(name, example.numpy()[None])
    found = expects.collate([example])
    caffe = name in {"VGG16", "ResNet50"}
    as_keras = torch.from_numpy(prepared[..., ::-1].copy() if caffe else prepared).permute(0, 3, 1, 2)
    assert (found - as_keras).abs().max() <= 1e-5 * (255 if caffe else 2)
    with torch.no_grad():
        _agrees(backbone.eval()(found)["pooled"], answers(model, prepared))


def test_a_photograph_is_prepared_as_by_keras(small):
    backbone = load_source(f"timm:{SMALL}", {"weights": str(small.path)})
    assert backbone.card.input == Image(224, 224, 3, (0.5,) * 3, (0.5,) * 3, "bilinear")
    _check_photograph(backbone, small.model, "MobileNetV2")


def test_the_top_is_the_classifier_of_the_source(tmp_path):
    model = network("MobileNetV2", 64, alpha=0.35, include_top=True, classes=7)
    path = write_old(model, tmp_path / "w.h5", renamed={"predictions": "Logits"})
    backbone = load_source(f"timm:{SMALL}", {"weights": str(path)})
    assert backbone.source_classifier is not None
    assert backbone.source_classifier[0].shape == (7, 1280)
    _check(model, "MobileNetV2", backbone, 64)


NETWORKS = (("VGG16", "vgg16", 224), ("ResNet50", "resnet50", 64), ("InceptionV3", "inception_v3", 75))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "timm_name"), [names[:2] for names in NETWORKS])
def test_features_of_each_network_are_those_of_keras(name, timm_name, tmp_path):
    model = network(name, None)
    backbone = load_source(f"timm:{timm_name}", {"weights": str(write_old(model, tmp_path / "w_notop.h5"))})
    _check(model, name, backbone, 75)
    _check(model, name, backbone, 96)
    _check_photograph(backbone, model, name)
    check_backbone(backbone, torch.rand(1, 3, 96, 96), 1)
    again = rebuild(backbone.card)
    again.load_state_dict(backbone.state_dict())
    _check(model, name, again, 96)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "timm_name", "size"), NETWORKS)
def test_answers_of_each_network_are_those_of_keras(name, timm_name, size, tmp_path):
    import keras

    for _ in range(3):  # so that numbers do not begin at 0, nor those of two kinds of layer at the same
        keras.layers.Conv2D(1, 1)
    keras.layers.BatchNormalization()
    model = network(name, size, include_top=True, classes=10)
    path = tmp_path / "w.weights.h5"
    model.save_weights(path)
    backbone = load_source(f"timm:{timm_name}", {"weights": str(path)})
    assert backbone.source_classifier is not None
    _check(model, name, backbone, size)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "timm_name", "options"),
    [
        ("VGG19", "vgg19", {}),
        ("ResNet101", "resnet101", {}),
        ("ResNet152", "resnet152", {}),
        ("MobileNetV2", "mobilenetv2_050", {"alpha": 0.5}),
        ("MobileNetV2", "mobilenetv2_075", {"alpha": 0.75}),
        ("MobileNetV2", "mobilenetv2_100", {"alpha": 1.0}),
        ("MobileNetV2", "mobilenetv2_140", {"alpha": 1.4}),
    ],
)
def test_other_sizes_of_these_networks(name, timm_name, options, tmp_path):
    model = network(name, None, **options)
    backbone = load_source(f"timm:{timm_name}", {"weights": str(write_old(model, tmp_path / "w_notop.h5"))})
    _check(model, name, backbone, 64)


@pytest.mark.slow
def test_the_first_resnet_of_keras(tmp_path):
    """It had other names and the batch norms of Keras, eps 1e-3; its blocks were the same."""
    import keras

    made = network("ResNet50", None)
    config = made.get_config()
    for layer in config["layers"]:
        if layer["class_name"] == "BatchNormalization":
            layer["config"]["epsilon"] = 1e-3
    model = keras.Model.from_config(config)
    model.set_weights(made.get_weights())
    first = {"conv1_conv": "conv1", "conv1_bn": "bn_conv1"}
    for stage, size in zip((2, 3, 4, 5), (3, 4, 6, 3), strict=True):
        for block in range(size):
            for n, part in enumerate(("1", "2a", "2b", "2c")):
                for kind, old in (("conv", "res"), ("bn", "bn")):
                    first[f"conv{stage}_block{block + 1}_{n}_{kind}"] = f"{old}{stage}{chr(97 + block)}_branch{part}"
    path = write_old(model, tmp_path / "w_notop.h5", renamed=first)
    _check(model, "ResNet50", load_source("timm:resnet50", {"weights": str(path)}), 96)
