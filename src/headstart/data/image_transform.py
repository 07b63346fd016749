"""Images to normalised tensors: one exact way for evaluation, seeded variation for training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from headstart.core.errors import UsageError
from headstart.core.seeding import torch_seeded
from headstart.core.types import ImageInput
from headstart.data.images import open_image
from headstart.data.rows import Rows

if TYPE_CHECKING:
    import torch
    from PIL import Image

Augment = Literal["none", "light", "strong"]
KEPT_BYTES = 256 << 20  # of opened images, in each process that opens them


@dataclass(frozen=True)
class ImageTransform:
    """Images to float tensors [C, H, W], normalised.

    Evaluation resizes so that the centre fills size / crop, and cuts the centre. "light" cuts a random part of 35 to
    100 % of the area and flips; "strong" adds TrivialAugment (Müller and Hutter 2021, arXiv:2103.10158) and random
    erasing (Zhong et al. 2017, arXiv:1708.04896).
    """

    expects: ImageInput
    augment: Augment = "none"

    def __post_init__(self) -> None:
        if (
            self.expects.channels not in {1, 3}
            or not len(self.expects.mean) == len(self.expects.std) == self.expects.channels
        ):
            raise UsageError(
                f"Images have 1 or 3 channels, each with a mean and a std; the network states "
                f"{self.expects.channels} channels, "
                f"{len(self.expects.mean)} means and {len(self.expects.std)} stds."
            )

    def prepare(self, rows: Rows) -> Sequence[Any]:
        """Pass the images on unopened."""
        return rows.inputs

    def lengths(self, prepared: Any) -> np.ndarray | None:
        """Return None: all images become one size."""

    def example(self, item: Any, seed: int | None) -> torch.Tensor:  # [H, W, C] uint8
        """Open, cut and resize one image; what needs no seed is kept for the next time."""
        if seed is not None and self.augment != "none":
            before, after = self._pipelines
            image = self._open(item)
            with torch_seeded(seed):
                return after(_pixels(before(image)))
        if not isinstance(item, str | Path):
            return _pixels(self._centre(self._open(item)))
        kept = self._kept.get(str(item))
        if kept is None:
            kept = _pixels(self._centre(self._open(item)))
            if (len(self._kept) + 1) * kept.numel() <= KEPT_BYTES:
                self._kept[str(item)] = kept
        return kept

    def collate(self, examples: list[torch.Tensor]) -> torch.Tensor:  # [B, C, H, W]
        """Stack the images and normalise them, all at once."""
        import torch

        pixels = torch.stack(examples).permute(0, 3, 1, 2)
        mean, std = (torch.tensor(values).reshape(1, -1, 1, 1) for values in (self.expects.mean, self.expects.std))
        return pixels.float().div_(255).sub_(mean).div_(std)

    def _open(self, item: Any) -> Image.Image:
        wanted = self.expects
        image = open_image(item, near=2 * max(wanted.height, wanted.width))
        return image.convert("L" if wanted.channels == 1 else "RGB")

    @cached_property
    def _kept(self) -> dict[str, torch.Tensor]:
        return {}

    def _centre(self, image: Image.Image) -> Image.Image:
        """Resize and cut in one step, so that a very long image is never enlarged as a whole."""
        from PIL import Image

        width, height = self.expects.width, self.expects.height
        scale = max(width / self.expects.crop / image.width, height / self.expects.crop / image.height)
        cut_width, cut_height = min(image.width, width / scale), min(image.height, height / scale)
        left, top = (image.width - cut_width) / 2, (image.height - cut_height) / 2
        resample = Image.Resampling[self.expects.interpolation.upper()]
        return image.resize((width, height), resample, box=(left, top, left + cut_width, top + cut_height))

    @cached_property
    def _pipelines(self) -> tuple[Any, Any]:
        """What happens to the picture, and what to its pixels."""
        from torchvision.transforms import v2

        mode = v2.InterpolationMode(self.expects.interpolation)
        size = (self.expects.height, self.expects.width)
        before = [v2.RandomResizedCrop(size, scale=(0.35, 1.0), interpolation=mode), v2.RandomHorizontalFlip()]
        if self.augment == "light":
            return v2.Compose(before), v2.Identity()
        grey: Any = [255 * mean for mean in self.expects.mean]  # zero once it is normalised
        return v2.Compose([*before, v2.TrivialAugmentWide()]), v2.Compose(
            [_channels_first, v2.RandomErasing(value=grey), _channels_last]
        )


def _pixels(image: Image.Image) -> torch.Tensor:  # [H, W, C] uint8
    import torch

    return torch.from_numpy(np.array(image, dtype=np.uint8)).reshape(image.height, image.width, -1)


def _channels_first(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.permute(2, 0, 1)


def _channels_last(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.permute(1, 2, 0)
