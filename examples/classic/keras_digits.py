"""A Keras model of colour pictures learns grey digits of 28 x 28: its input and its output are fitted by name.

python examples/classic/keras_digits.py [MODEL.keras]
"""

import os
import sys

os.environ["KERAS_BACKEND"] = "torch"  # before Keras is imported

import keras
import numpy as np
from sklearn.datasets import load_digits

import headstart as hs


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Return pictures [N, 28, 28] of 0 to 255 with their digits: scikit-learn's, or MNIST's below HEADSTART_SHARED."""
    if shared := os.environ.get("HEADSTART_SHARED"):
        with np.load(f"{shared}/data/image/mnist_t10k/mnist_t10k.npz") as found:
            return tuple(found[name][:3000] for name in found.files)
    x, y = load_digits(return_X_y=True)
    return (np.kron(x.reshape(-1, 8, 8)[:, 1:, 1:] * 15.9, np.ones((4, 4)))).astype(np.uint8), y


def pretrained(x: np.ndarray, y: np.ndarray) -> str:
    """Let Keras train a small network on the digits 0 to 4, in colours and at 32 x 32, and save it."""
    shown = np.pad(x[y < 5], ((0, 0), (2, 2), (2, 2)))[..., None] * np.array([1.0, 0.6, 0.3])
    layers = [keras.layers.Rescaling(1 / 255)]
    layers += [keras.layers.Conv2D(width, 3, strides=2, padding="same", activation="relu") for width in (16, 32, 64)]
    pooled = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(5, activation="softmax")]
    model = keras.Sequential([keras.Input((32, 32, 3)), *layers, *pooled])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(shown, y[y < 5], batch_size=32, epochs=20, verbose=0)
    model.save("pretrained.keras")
    return "pretrained.keras"


if __name__ == "__main__":
    x, y = digits()
    source = sys.argv[1] if len(sys.argv) > 1 else pretrained(x[::2], y[::2])
    half = len(x) // 2
    data = {"train": (x[:half], y[:half]), "test": (x[half:], y[half:])}
    fitted = {"surgery": ["adapt_input channels=1 size=28"], "settings": {"stages.0.optimiser": "adam"}}
    run = hs.fit(
        data, source=f"keras:{source}", strategy="full", epochs=40, batch_size=128, lr=3e-3, **fitted, progress=False
    )
    figures = run.evaluations["test"].metrics
    print(f"test: accuracy {figures['accuracy'].value:.3f}, recall {figures['recall_macro'].value:.3f}")
