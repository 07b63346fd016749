"""Return the first convolution another number of input channels.

"inflate" is the idea of Carreira & Zisserman (2017, arXiv:1705.07750, section 2.4), over channels in place of time:
weights are repeated and divided so that an input repeated likewise gives the same output.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from headstart.core.errors import UsageError
from headstart.inputs import require
from headstart.inputs.image import Image
from headstart.models.dryrun import root
from headstart.models.layers import get
from headstart.models.operate import Body


def adapt_channels(body: Body, channels: int, by: str) -> None:
    """Change the first convolution, and the mean and deviation by which the input is normalised.

    Args:
        body: A backbone for images.
        channels: The new number.
        by: "inflate", "average" or "copy".

    Raises:
        UsageError: The network takes no images, or no plain convolution takes them.
    """
    expected = require(body.backbone.card.input, Image, "adapt_input: channels and size are for images")
    name, layer = _first_convolution(body, expected.channels)
    before = list(layer.weight.shape)
    groups = _groups(expected.channels, channels)
    mean = tuple(sum(expected.mean[c] for c in group) / len(group) for group in groups)
    std = tuple(sum(expected.std[c] for c in group) / len(group) for group in groups)
    weights = [layer.weight.detach() * torch.tensor([[[s / t]] for t in expected.std]) for s in std]  # for the new unit
    weight = torch.stack([new_channels(w, channels, by)[:, j] for j, w in enumerate(weights)], dim=1)
    layer.weight = nn.Parameter(weight, requires_grad=layer.weight.requires_grad)
    layer.in_channels = channels
    for module in root(body.backbone)[0].modules():  # networks of transformers check the number themselves
        if getattr(module, "num_channels", None) == expected.channels:
            object.__setattr__(module, "num_channels", channels)
    body.expect(replace(expected, channels=channels, mean=mean, std=std))
    body.note(
        f"channels {expected.channels} to {channels} ({by}): the weight of {name} from {before} to {list(weight.shape)}"
    )


def new_channels(weight: torch.Tensor, channels: int, by: str) -> torch.Tensor:
    """Make weights [O, N, h, w] for N input channels of weights [O, C, h, w].

    Args:
        weight: Weight of the source.
        channels: N.
        by: "inflate": source channel c goes to the new channels j = c (mod C), divided by their number; where N < C,
            to j = c mod N, summed. "average": the mean over C, times C / N. "copy": new channel j is source channel
            j mod C.

    Returns:
        The weights. Over an input whose channels are all equal, the first two give the same sums as the source.
    """
    old = weight.shape[1]
    if by == "average":
        return weight.mean(dim=1, keepdim=True).repeat(1, channels, 1, 1) * (old / channels)
    if by == "copy":
        return weight[:, [j % old for j in range(channels)]].clone()
    groups = _groups(old, channels)
    uses = [sum(c in group for group in groups) for c in range(old)]
    parts = [torch.stack([weight[:, c] / uses[c] for c in group]).sum(dim=0) for group in groups]
    return torch.stack(parts, dim=1)


def _groups(old: int, new: int) -> list[list[int]]:
    """Return the source's channels that each new one stands for."""
    if new >= old:
        return [[j % old] for j in range(new)]
    return [[c for c in range(old) if c % new == j] for j in range(new)]


def _first_convolution(body: Body, channels: int) -> tuple[str, nn.Conv2d]:
    for name, call in body.trace.calls.items():
        layer = get(body.backbone, name)
        if isinstance(layer, nn.Conv2d) and layer.groups == 1 and call.got[1] == channels:
            return name, layer
    raise UsageError(
        f"adapt_input: {body.backbone.card.name} has no plain convolution that takes {channels} channels, "
        "so its input channels cannot be changed."
    )
