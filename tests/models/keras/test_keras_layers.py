"""Each layer in the table gives what Keras' gives, and its weights go back as they came."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch

from headstart.models.keras.backend import import_keras
from headstart.models.keras.foreign import Foreign
from headstart.models.keras.graph import build, functional
from headstart.models.keras.layers import LAYERS, to_keras
from headstart.models.keras.modules import first, last
from models.keras.nets import shaken

MAPS: dict[str, list[dict[str, Any]]] = {
    "Conv2D": [
        {"filters": 6, "kernel_size": 3},
        {"filters": 6, "kernel_size": 3, "strides": 2, "padding": "same", "activation": "gelu"},
        {"filters": 6, "kernel_size": (2, 5), "padding": "same", "use_bias": False},
        {"filters": 8, "kernel_size": 3, "dilation_rate": 2, "padding": "same", "groups": 2},
    ],
    "DepthwiseConv2D": [
        {"kernel_size": 3, "depth_multiplier": 2, "padding": "same", "strides": 2, "activation": "relu6"},
        {"kernel_size": 3},
    ],
    "SeparableConv2D": [
        {"filters": 5, "kernel_size": 3, "padding": "same", "depth_multiplier": 2, "activation": "swish"},
        {"filters": 5, "kernel_size": 2, "padding": "same", "strides": 2, "use_bias": False},
    ],
    "Dense": [{"units": 5, "activation": "softmax"}],
    "BatchNormalization": [{}, {"scale": False}, {"center": False, "epsilon": 0.01}],
    "LayerNormalization": [{}],
    "Activation": [{"activation": name} for name in ("softmax", "hard_sigmoid", "hard_silu", "elu", "mish")],
    "ReLU": [{}, {"max_value": 6}, {"negative_slope": 0.3}],
    "MaxPooling2D": [{"pool_size": 2}, {"pool_size": 3, "strides": 2, "padding": "same"}],
    "AveragePooling2D": [
        {"pool_size": 2},
        {"pool_size": 3, "strides": 1, "padding": "same"},
    ],
    "GlobalAveragePooling2D": [{}, {"keepdims": True}],
    "GlobalMaxPooling2D": [{}],
    "ZeroPadding2D": [{"padding": ((0, 1), (2, 3))}],
    "Flatten": [{}],
    "Reshape": [{"target_shape": (14, 9, 4)}, {"target_shape": (36, -1)}],
    "Dropout": [{"rate": 0.5}],
    "SpatialDropout2D": [{"rate": 0.5}],
    "Rescaling": [{"scale": 0.5, "offset": -1.0}],
    "Add": [{}],
    "Multiply": [{}],
    "Maximum": [{}],
    "Average": [{}],
    "Concatenate": [{"axis": axis} for axis in (-1, 1, 2)],
}
MERGING = ("Add", "Multiply", "Maximum", "Average", "Concatenate")
ROWS_OF_NUMBERS = [
    ("Dense", {"units": 4, "activation": "tanh"}),
    ("BatchNormalization", {}),
    ("LayerNormalization", {}),
    ("Reshape", {"target_shape": (2, 2, 3)}),
    ("Flatten", {}),
]


def check(name: str, options: dict[str, Any], shape: tuple[int, ...]) -> None:
    keras = import_keras()
    layer = getattr(keras.layers, name)(**options)
    inputs = keras.Input(shape)
    twice = [inputs, keras.layers.Activation("tanh")(inputs)]
    model = shaken(keras.Model(inputs, layer(twice if name in MERGING else inputs)))
    built = build(functional(model))
    assert not any(isinstance(part, Foreign) for part in built.module.modules())
    x = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found, wanted = built.module.eval()(first(x)), model(x, training=False)
    assert torch.allclose(last(found), wanted, atol=1e-5), (last(found) - wanted).abs().max()
    state = built.module.state_dict()
    for at, (keras_layer, slots) in built.places.items():
        variables = {variable.name: variable for variable in keras_layer.weights}
        assert variables.keys() == slots.keys()
        for key, (own, order) in slots.items():
            back = to_keras(state[f"{at}.{own}"], order, variables[key].shape)
            assert np.array_equal(back.numpy(), variables[key].value.detach().numpy())


@pytest.mark.parametrize(("name", "options"), [(name, o) for name, several in MAPS.items() for o in several])
def test_maps(name: str, options: dict[str, Any]) -> None:
    check(name, options, (9, 14, 4))


@pytest.mark.parametrize(("name", "options"), ROWS_OF_NUMBERS)
def test_rows_of_numbers(name: str, options: dict[str, Any]) -> None:
    check(name, options, (12,))


def test_every_layer_of_the_table_is_met() -> None:
    assert set(MAPS) == set(LAYERS)


def test_other_layers_are_computed_by_keras_and_learn() -> None:
    keras = import_keras()
    inputs = keras.Input((6, 6, 3))
    x = keras.layers.Conv2DTranspose(4, 3, name="up")(inputs)
    x = keras.layers.AveragePooling2D(3, padding="same", name="average")(x)
    x = keras.layers.BatchNormalization(axis=1, momentum=0.5, name="odd")(x)
    model = shaken(keras.Model(inputs, keras.ops.mean(x * 2.0, axis=[1, 2])))
    net = build(functional(model)).module
    assert [type(layer).__name__ for layer in net.children()] == [*["Foreign"] * 3, "Arithmetic", "Foreign"]
    x = torch.randn(2, 6, 6, 3)
    assert torch.allclose(net.eval()(first(x)), model(x, training=False), atol=1e-5)
    assert len(list(net.parameters())) == 4 and len(list(net.buffers())) == 2
    copied = copy.deepcopy(net)
    assert torch.equal(copied(first(x)), net(first(x)))
    assert {id(tensor) for tensor in copied.parameters()}.isdisjoint(id(tensor) for tensor in net.parameters())
    before = [buffer.clone() for buffer in net.buffers()]
    given = [variable.value.detach().numpy().copy() for variable in model.variables]
    net.train()(first(x)).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in net.parameters())
    model(x, training=True)
    after = {variable.path: variable.value for variable in model.non_trainable_variables}
    assert all(not torch.equal(now, then) for now, then in zip(net.buffers(), before, strict=True))
    for now, wanted in zip(net.buffers(), after.values(), strict=True):
        assert torch.allclose(now, wanted, atol=1e-5)
    assert np.array_equal(given[0], model.variables[0].value.detach().numpy())


def test_a_layer_that_is_called_twice_has_one_set_of_weights() -> None:
    keras = import_keras()
    inputs, same = keras.Input((5,)), keras.layers.Dense(5, activation="relu", name="same")
    model = shaken(keras.Model(inputs, same(keras.layers.Dropout(0.1)(same(inputs)))))
    net = build(functional(model)).module
    x = torch.randn(3, 5)
    assert torch.allclose(net.eval()(x), model(x, training=False), atol=1e-6)
    assert len(list(net.parameters())) == 2
