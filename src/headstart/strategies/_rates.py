"""The rate and the length that strategies share which let the pretrained weights learn."""

from __future__ import annotations

from dataclasses import replace

from headstart.core.types import Defaults

FINE_TUNING = Defaults(lr=3e-4, layer_norm_lr=5e-5, epochs=4)
PARTLY = replace(FINE_TUNING, augment="mirror")  # two views, of which what stays constant is computed once
