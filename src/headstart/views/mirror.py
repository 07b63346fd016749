"""An image as evaluation sees it, mirrored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from headstart.core.input import View
from headstart.inputs.image import Image

if TYPE_CHECKING:
    import torch
    from PIL import Image as Pillow


@dataclass(frozen=True)
class Mirror(View):
    """Show an image as it is and mirrored left to right, by turns."""

    inputs: ClassVar[tuple[type, ...]] = (Image,)
    ways: ClassVar[int] = 2
    moves: ClassVar[bool] = True

    def show(self, raw: Pillow.Image, expects: Image) -> torch.Tensor:  # [H, W, C] uint8
        """Make the mirrored example."""
        return expects.example(raw).flip(1)
