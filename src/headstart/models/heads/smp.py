"""Decoders of segmentation-models-pytorch 0.6 (MIT licence) on the maps that a network gives, without its encoders.

They have the sizes of the package's models. Where there is no map of stride 1 or 2 they get one without channels, as
the package gives it for transformers.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import nn

from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.core.types import Target
from headstart.models.heads._dense import PixelHead, even
from headstart.models.model import Head

PACKAGE, EXTRA = "segmentation_models_pytorch", "pip install 'headstart[segmentation]'"
FINE = (1, 2)  # strides of maps that may be missing
Name = Literal["unet", "unetplusplus", "manet", "linknet", "fpn", "upernet", "segformer", "deeplabv3plus"]


class Kind(NamedTuple):
    """A decoder: its module and class in the package, the options of both, and the greatest stride that it reads."""

    module: str
    cls: str
    options: dict[str, Any]
    coarsest: int = 32


BLOCKS: dict[str, Any] = {"decoder_channels": (256, 128, 64, 32, 16)}
ASPP = {"encoder_depth": 4, "out_channels": 256, "atrous_rates": (12, 24, 36), "output_stride": 16}
KINDS: dict[Name, Kind] = {
    "unet": Kind("unet", "UnetDecoder", BLOCKS),
    "unetplusplus": Kind("unetplusplus", "UnetPlusPlusDecoder", BLOCKS),
    "manet": Kind("manet", "MAnetDecoder", BLOCKS),
    "linknet": Kind("linknet", "LinknetDecoder", {}),
    "fpn": Kind("fpn", "FPNDecoder", {}),
    "upernet": Kind("upernet", "UPerNetDecoder", {}),
    "segformer": Kind("segformer", "SegformerDecoder", {}),
    "deeplabv3plus": Kind(
        "deeplabv3", "DeepLabV3PlusDecoder", {**ASPP, "aspp_separable": True, "aspp_dropout": 0.5}, coarsest=16
    ),
}


@dataclass(frozen=True)
class Smp:
    """A decoder of segmentation-models-pytorch on the maps of a network, with an answer for each pixel.

    decoder: which one: unet, unetplusplus, manet, linknet, fpn, upernet, segformer or deeplabv3plus.
    """

    decoder: Name = "unet"

    def build(self, dim: int, target: Target) -> Head:
        """Make the head; the decoder comes once the backbone is known (`Head.fit_to`)."""

        def make(maps: Sequence[torch.Tensor], size: Sequence[int]) -> nn.Module:
            return Decoding(KINDS[self.decoder], maps, size, target.outputs)

        return PixelHead("smp", make, target)


class Decoding(nn.Module):
    """From maps, each [B, C, H, W], fine to coarse, to outputs [B, outputs, H, W] at the resolution of the decoder.

    Args:
        kind: The decoder.
        maps: Such as it will read.
        size: Height and width of the images that they are of.
        outputs: For each pixel.

    Raises:
        UsageError: The package is not here, or a map that the decoder reads is not.
    """

    def __init__(self, kind: Kind, maps: Sequence[torch.Tensor], size: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.size, self.strides = size, [1 << place for place in range(kind.coarsest.bit_length())]
        shapes = [tuple(each.shape[2:]) for each in maps]
        self.places = {
            stride: shapes.index(shape)
            for stride in self.strides
            if (shape := tuple(side // stride for side in size)) in shapes
        }
        if any(side % kind.coarsest for side in size) or {*self.strides} - {*self.places, *FINE}:
            raise UsageError(
                f"{kind.cls} reads maps of strides 4 to {kind.coarsest} of images whose sides are multiples "
                f"of {kind.coarsest}; here they are {shapes} of {tuple(size)}. Take a network of convolutions, or "
                f"{option('surgery', 'adapt_input whole=true size=224')}."
            )
        listed = self.listed(maps)
        decoder = getattr(_imported(f"decoders.{kind.module}.decoder"), kind.cls)
        self.decoder = decoder(encoder_channels=[each.shape[1] for each in listed], **kind.options)
        _imported("base.initialization").initialize_decoder(self.decoder)
        with torch.no_grad():
            width = self.decoder.eval()(listed).shape[1]
        self.last = even(nn.Conv2d(width, outputs, 1))

    def listed(self, maps: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """List maps as the package's encoders do: of strides 1, 2, 4 and so on."""
        return [
            maps[self.places[stride]]
            if stride in self.places
            else maps[0].new_empty(len(maps[0]), 0, *(side // stride for side in self.size))
            for stride in self.strides
        ]

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        return self.last(self.decoder(self.listed(maps)))


def _imported(module: str) -> Any:
    try:
        return importlib.import_module(f"{PACKAGE}.{module}")
    except ImportError as error:
        raise UsageError(f"The head 'smp' lacks its package ({error}). Install it: {EXTRA}.") from error
