"""Much variation, which leaves the label as it is.

Of an image a random part, changed in colour or shape by TrivialAugment (Müller and Hutter 2021, arXiv:2103.10158), with
a part of it erased (Zhong et al. 2017, arXiv:1708.04896). Of a text words exchanged, hidden and left out (Wei & Zou
2019, arXiv:1901.11196). Of a row of numbers some set to zero, the others stretched. Of a sound, moved and noisy, some
time and some pitches silenced (SpecAugment; Park et al. 2019, arXiv:1904.08779).
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
class Strong(View):
    """Change an image by TrivialAugment and erase a part; change words; change numbers; mask a sound."""

    inputs: ClassVar[tuple[type, ...]] = (Audio, Image, Text, Vector)
    offered: ClassVar[tuple[type, ...]] = (Image,)

    def show(self, raw: Any, expects: Any) -> Any:
        """Make one example."""
        return WAYS[type(expects)](raw, expects)


def _picture(raw: Pillow.Image, expects: Image) -> torch.Tensor:  # [H, W, C] uint8
    picture, erase = _pipeline(expects)
    return erase(pixels(picture(raw)).permute(2, 0, 1)).permute(1, 2, 0)


@lru_cache(maxsize=8)
def _pipeline(expects: Image) -> tuple[Any, Any]:
    """Return what happens to the picture, and what to its pixels."""
    from torchvision.transforms import v2

    grey: Any = [255 * mean for mean in expects.mean]  # zero once it is normalised
    return v2.Compose([*crop_and_flip(expects), v2.TrivialAugmentWide()]), v2.RandomErasing(value=grey)


WAYS = {
    Audio: Sounds(shift=0.2, gain=10.0, noise=15.0, mask=0.2).show,
    Image: _picture,
    Text: Words(swap=0.1, hide=0.1, drop=0.1).show,
    Vector: Numbers(noise=0.2, drop=0.2).show,
}
