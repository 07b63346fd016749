"""A random part of an image, flipped every other time."""

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
class Weak(View):
    """Cut a random part of 35 to 100 % of the area of an image, and flip it."""

    inputs: ClassVar[tuple[type, ...]] = (Image,)

    def show(self, raw: Pillow.Image, expects: Image) -> torch.Tensor:  # [H, W, C] uint8
        """Make one example."""
        return pixels(_pipeline(expects)(raw))


@lru_cache(maxsize=8)
def _pipeline(expects: Image) -> Any:
    from torchvision.transforms import v2

    return v2.Compose(crop_and_flip(expects))
