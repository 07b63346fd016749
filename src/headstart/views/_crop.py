"""The crop and the flip that weak and strong views of images begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headstart.inputs.image import Image

if TYPE_CHECKING:
    from torchvision.transforms import v2


def crop_and_flip(expects: Image) -> list[v2.Transform]:
    """Cut a random part of 35 to 100 % of the area to the network's size, and flip every other one."""
    from torchvision.transforms import v2

    mode = v2.InterpolationMode(expects.interpolation)
    crop = v2.RandomResizedCrop((expects.height, expects.width), scale=(0.35, 1.0), interpolation=mode)
    return [crop, v2.RandomHorizontalFlip()]
