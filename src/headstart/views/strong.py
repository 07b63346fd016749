"""A random part of an image, changed in colour or shape, with a part of it erased.

TrivialAugment (Müller and Hutter 2021, arXiv:2103.10158) and random erasing (Zhong et al. 2017, arXiv:1708.04896).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from headstart.core.input import View
from headstart.inputs.image import Image, pixels
from headstart.views._crop import crop_and_flip

if TYPE_CHECKING:
    import torch
    from PIL import Image as Pillow


@dataclass(frozen=True)
class Strong(View):
    """Cut and flip an image as the weak view does, then change it by TrivialAugment and erase a part."""

    inputs: ClassVar[tuple[type, ...]] = (Image,)

    def show(self, raw: Pillow.Image, expects: Image) -> torch.Tensor:  # [H, W, C] uint8
        """Make one example."""
        picture, erase = _pipeline(expects)
        return erase(pixels(picture(raw)).permute(2, 0, 1)).permute(1, 2, 0)


@lru_cache(maxsize=8)
def _pipeline(expects: Image) -> tuple[Any, Any]:
    """Return what happens to the picture, and what to its pixels."""
    from torchvision.transforms import v2

    grey: Any = [255 * mean for mean in expects.mean]  # zero once it is normalised
    return v2.Compose([*crop_and_flip(expects), v2.TrivialAugmentWide()]), v2.RandomErasing(value=grey)
