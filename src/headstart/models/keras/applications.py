"""How networks of `keras.applications` want pixels, asked of Keras' own function for each."""

from __future__ import annotations

import re
import sys
from typing import Any

import numpy as np

from headstart.core.errors import SourceError, reason_of, unknown
from headstart.models.keras.backend import import_keras

WHITE = 255.0


def names() -> list[str]:
    """List the applications of the Keras that is installed."""
    applications = import_keras().applications
    return [name for name in dir(applications) if name[0].isupper()]


def make(name: str, weights: str | None, include_top: bool, size: int | None) -> Any:
    """Build an application.

    Args:
        name: As `keras.applications` has it: "VGG16", "ResNet50" …
        weights: "imagenet", which Keras fetches; None: random ones.
        include_top: Whether it ends with its classifier.
        size: Height and width of pictures; None is the application's own.

    Returns:
        The Keras model.

    Raises:
        UsageError: There is no such application.
        SourceError: It cannot be built for this size, or its weights cannot be fetched.
    """
    keras = import_keras()
    if name not in names():
        raise unknown("application of Keras", name, names())
    shape = None if size is None else (size, size, 3)
    try:
        with keras.device("cpu"):
            return getattr(keras.applications, name)(include_top=include_top, weights=weights, input_shape=shape)
    except Exception as error:  # of the network that fetches, of the sizes that a network can take
        ways = "" if weights is None else " Where there is no network, name a file: weights=FILE.h5."
        raise SourceError(f"keras:{name} cannot be had: {reason_of(error)}.{ways}") from error


def of_model(name: str) -> str | None:
    """Find the application that a model's name says it is: "mobilenetv2_1.00_224" is MobileNetV2."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    fitting = [each for each in names() if plain.startswith(each.lower())]
    return max(fitting, key=len, default=None)


def pixels(name: str) -> tuple[bool, tuple[float, ...], tuple[float, ...]]:
    """Ask an application how it wants pixels.

    Args:
        name: As `keras.applications` has it.

    Returns:
        Whether channels go blue first, and mean and std of red, green and blue, for pixels in 0 to 1.
    """
    rule = sys.modules[getattr(import_keras().applications, name).__module__].preprocess_input
    black, white = (np.asarray(rule(np.full((1, 1, 1, 3), value)))[0, 0, 0] for value in (0.0, WHITE))
    red = np.asarray(rule(np.array([[[[WHITE, 0.0, 0.0]]]])))[0, 0, 0]
    reverse = bool(red[0] == black[0] and red[2] != black[2])
    order = slice(None, None, -1) if reverse else slice(None)
    low, range_ = black[order].astype(float), (white - black)[order].astype(float)
    return reverse, tuple(float(v) for v in 0.0 - low / range_), tuple(float(v) for v in 1 / range_)
