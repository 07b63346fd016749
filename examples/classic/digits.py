"""Digits for the classic programs, and a Keras model that has learnt some of them in colour."""

import os
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"  # before Keras is imported

import keras
import numpy as np
from sklearn.datasets import load_digits


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Return pictures [N, 28, 28] of 0 to 255 with their digits: scikit-learn's, or MNIST's below HEADSTART_SHARED."""
    if shared := os.environ.get("HEADSTART_SHARED"):
        with np.load(f"{shared}/data/image/mnist_t10k/mnist_t10k.npz") as found:
            return found["images"][:3000], found["labels"][:3000]
    found: Any = load_digits()
    return np.kron(found.images[:, 1:, 1:] * 15.9, np.ones((4, 4))).astype(np.uint8), found.target


def pretrained(x: np.ndarray, y: np.ndarray) -> str:
    """Let Keras train a small network on the digits 0 to 4, in colours and at 32 x 32; return its file."""
    shown = np.pad(x[y < 5], ((0, 0), (2, 2), (2, 2)))[..., None] * np.array([1.0, 0.6, 0.3])
    layers = [keras.layers.Rescaling(1 / 255)]
    layers += [keras.layers.Conv2D(width, 3, strides=2, padding="same", activation="relu") for width in (16, 32, 64)]
    pooled = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(5, activation="softmax")]
    model = keras.Sequential([keras.Input((32, 32, 3)), *layers, *pooled])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(shown, y[y < 5], batch_size=32, epochs=20, verbose=0)  # pyright: ignore[reportArgumentType]
    model.save("pretrained.keras")
    return "pretrained.keras"
