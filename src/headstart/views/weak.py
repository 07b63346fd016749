"""A little variation: a random part of an image, flipped every other time; a text without a few of its words.

A sound is moved, made louder or softer, and gets a little noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from headstart.core.input import View
from headstart.inputs.audio import Audio
from headstart.inputs.image import Image, pixels
from headstart.inputs.text import Text
from headstart.inputs.vector import Vector
from headstart.views._crop import crop_and_flip
from headstart.views._numbers import Numbers
from headstart.views._sounds import Sounds
from headstart.views._words import Words

if TYPE_CHECKING:
    import torch
    from PIL import Image as Pillow


@dataclass(frozen=True)
class Weak(View):
    """Cut a part of 35 to 100 % of an image and flip it; drop 5 % of the words; stretch numbers; move a sound."""

    inputs: ClassVar[tuple[type, ...]] = (Audio, Image, Text, Vector)
    offered: ClassVar[tuple[type, ...]] = (Image,)
    moves: ClassVar[bool] = True

    def show(self, raw: Any, expects: Any) -> Any:
        """Make one example."""
        return WAYS[type(expects)](raw, expects)


def _picture(raw: Pillow.Image, expects: Image) -> torch.Tensor:  # [H, W, C] uint8
    return pixels(_pipeline(expects)(raw))


@lru_cache(maxsize=8)
def _pipeline(expects: Image) -> Any:
    from torchvision.transforms import v2

    return v2.Compose(crop_and_flip(expects))


WAYS = {
    Audio: Sounds(shift=0.1, gain=6.0, noise=25.0).show,
    Image: _picture,
    Text: Words(drop=0.05).show,
    Vector: Numbers(noise=0.05).show,
}
