"""Let images have another size (position embeddings are resampled on their grid as by timm), texts another length."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any, cast

from torch import nn

from headstart.core.errors import UsageError
from headstart.inputs import require
from headstart.inputs.image import Image
from headstart.inputs.text import Text
from headstart.models.dryrun import root
from headstart.models.operate import Body
from headstart.models.parts import check_parts


def adapt_size(body: Body, size: int) -> None:
    """Change the input to size x size.

    Args:
        body: A backbone for images.
        size: Pixels a side.

    Raises:
        UsageError: The network takes no images, or the size is no multiple of the network's patches.
    """
    expected = require(body.backbone.card.input, Image, "adapt_input: channels and size are for images")
    net = cast(Any, root(body.backbone)[0])
    own = hasattr(net, "set_input_size")  # timm's transformers resample by themselves
    embeddings = None if own else _embeddings(net)
    patches = getattr(net, "patch_embed", None) if own else getattr(embeddings, "patch_embeddings", None)
    found = getattr(patches, "patch_size", 1)
    patch = found if isinstance(found, tuple) else (found, found)
    if size % patch[0] or size % patch[1]:
        raise UsageError(f"adapt_input: size={size} is no multiple of the network's patches, {patch[0]} x {patch[1]}.")
    if own:
        net.set_input_size(img_size=(size, size))
    elif embeddings is not None:
        _resample(embeddings, size)
    body.expect(replace(expected, height=size, width=size))
    resampled = "; position embeddings resampled" if patches is not None and size != expected.height else ""
    body.note(f"image size {expected.height} x {expected.width} to {size} x {size}{resampled}")


def show_more(body: Body, most: int) -> None:
    """Let texts have more tokens, or fewer.

    Args:
        body: A backbone for texts.
        most: Tokens.

    Raises:
        UsageError: The network takes no texts, or has no positions for so many tokens.
    """
    backbone = body.backbone
    expected = require(backbone.card.input, Text, "adapt_input: max_length is for text")
    if expected.positions is not None and most > expected.positions:
        raise UsageError(
            f"adapt_input: max_length={most} is more than the {expected.positions} tokens that {backbone.card.name} "
            "has positions for."
        )
    body.expect(replace(expected, max_length=most))
    if not body.replaying:
        check_parts(backbone)
    body.note(f"texts of up to {most} tokens, in place of {expected.max_length}")


def _embeddings(net: nn.Module) -> Any:
    """Find a vision transformer's embeddings that take one size only (transformers' ViT and its kin)."""
    for module in net.modules():
        positions = getattr(module, "position_embeddings", None)
        patches = getattr(module, "patch_embeddings", None)
        known = "interpolate_pos_encoding" in inspect.signature(module.forward).parameters
        if known and isinstance(positions, nn.Parameter) and hasattr(patches, "num_patches"):
            return module
    return None


def _resample(embeddings: Any, size: int) -> None:
    from timm.layers.pos_embed import resample_abs_pos_embed

    patches, positions = embeddings.patch_embeddings, embeddings.position_embeddings  # positions [1, prefix + N, D]
    (height, width), (high, wide) = patches.image_size, patches.patch_size
    grid = [size // high, size // wide]
    resampled = resample_abs_pos_embed(
        positions.detach(),
        new_size=grid,
        old_size=[height // high, width // wide],
        num_prefix_tokens=positions.shape[1] - patches.num_patches,
    )
    embeddings.position_embeddings = nn.Parameter(resampled, requires_grad=positions.requires_grad)
    patches.num_patches = grid[0] * grid[1]
    for module in (patches, embeddings):
        if hasattr(module, "image_size"):
            module.image_size = (size, size)
