"""Small Keras models that tests share, with statistics and weights that hide nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from headstart.models.keras.backend import import_keras

SIDE = 16


def shaken(model: Any, seed: int = 0) -> Any:
    """Give every variable numbers of its own, variances above zero, as a trained model has them."""
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        if "seed" in variable.path:
            continue
        numbers = rng.normal(0, 0.2, tuple(variable.shape)).astype(np.float32)
        positive = variable.name in ("moving_variance", "gamma")
        variable.assign(np.abs(numbers) + 0.5 if positive else numbers)
    return model


def picture_model() -> Any:
    """Convolutions, batch norm, a functional skip, a model within the model, Dropout and a softmax of 5."""
    keras = import_keras()
    layers = keras.layers
    inner = keras.Sequential(
        [
            layers.Input((8, 8, 8)),
            layers.SeparableConv2D(8, 3, padding="same", activation="relu", name="inner_sep"),
            layers.BatchNormalization(name="inner_bn"),
            layers.MaxPooling2D(2, name="inner_pool"),
        ],
        name="inner",
    )
    x = inputs = keras.Input((SIDE, SIDE, 3), name="picture")
    x = layers.Conv2D(
        8,
        3,
        strides=2,
        padding="same",
        kernel_regularizer="l2",
        bias_regularizer=keras.regularizers.L1(0.1),
        name="block1_conv1",
    )(x)
    x = layers.BatchNormalization(name="block1_bn")(x)
    x = skip = layers.ReLU(name="block1_relu")(x)
    x = layers.DepthwiseConv2D(3, padding="same", name="block2_dw")(x)
    x = layers.Activation("relu", name="block2_act")(x)
    x = layers.Add(name="block2_add")([x, skip])
    x = inner(x)
    x = layers.Conv2D(12, 1, activation="relu", name="block3_conv")(x)
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    x = layers.Dropout(0.3, name="drop")(x)
    model = shaken(keras.Model(inputs, layers.Dense(5, activation="softmax", name="predictions")(x), name="small"))
    model.compile("adam", own_loss)
    return model


def own_loss(y: Any, out: Any) -> Any:
    """Be a loss that no file can hold: how a model was trained is not read."""
    return import_keras().losses.sparse_categorical_crossentropy(y, out)


def number_model(width: int = 6) -> Any:
    """A Sequential model of rows of numbers, one layer of which does not learn."""
    keras = import_keras()
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((width,)),
            layers.Dense(8, activation="relu", name="one"),
            layers.BatchNormalization(name="norm"),
            layers.Dense(7, activation="tanh", name="two"),
            layers.Dense(3, name="answers"),
        ],
        name="numbers",
    )
    model.get_layer("one").trainable = False
    return shaken(model)
