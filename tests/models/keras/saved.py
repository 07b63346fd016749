"""Networks of keras.applications with random weights, written as Keras 3 writes them and as Keras 2 wrote them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

os.environ.setdefault("KERAS_BACKEND", "torch")


def network(name: str, size: int | None, **options: Any) -> Any:
    """Make a network in which no bias or statistic is what it is at the start, and pictures are not lost on the way.

    Kernels keep the scale of what they are given (He et al. 2015, arXiv:1502.01852); the last of a branch of ResNet
    gives less, so that sums do not grow.
    """
    import keras

    top = options.get("include_top")
    options = {**options, "classifier_activation": None} if top else {"pooling": "avg", **options, "include_top": False}
    model = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), **options)
    random = np.random.default_rng(0)
    for layer in model.layers:
        for variable in layer.weights:
            if variable.name in {"gamma", "moving_variance"}:
                variable.assign(random.uniform(0.5, 1.5, variable.shape))
            elif variable.name in {"beta", "bias", "moving_mean"}:
                variable.assign(random.normal(0, 0.2, variable.shape))
            else:
                inputs = np.prod(variable.shape[:2] if "depthwise" in layer.name else variable.shape[:-1])
                part = 0.3 if layer.name.endswith("_3_conv") else 1
                variable.assign(random.normal(0, part * np.sqrt(2 / inputs), variable.shape))
    return model


def write_old(model: Any, path: Path, *, pieces: bool = False, renamed: dict[str, str] | None = None) -> Path:
    """Write the file that `save_weights` of Keras 2 wrote."""
    names = {layer.name: (renamed or {}).get(layer.name, layer.name) for layer in model.layers}
    with h5py.File(path, "w") as file:
        every = [str(name).encode() for name in names.values()]
        if pieces:
            file.attrs["layer_names0"], file.attrs["layer_names1"] = every[:9], every[9:]
        else:
            file.attrs["layer_names"] = np.array(every)
        for layer in model.layers:
            name = names[layer.name]
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}/{variable.name}:0".encode() for variable in layer.weights]
            for variable, values in zip(layer.weights, layer.get_weights(), strict=True):
                group[f"{name}/{variable.name}:0"] = values
    return path


def answers(model: Any, batch: np.ndarray) -> torch.Tensor:
    """Return what Keras gives for a batch [B, H, W, C]."""
    with torch.no_grad():
        return model(batch, training=False).detach().cpu()
