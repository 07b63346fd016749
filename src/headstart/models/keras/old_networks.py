"""Which layers of `keras.applications` are which of timm's, and where the two networks are not the same.

The convolutions of a network stand in the order of timm's modules, each with the batch norm behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

TOPS = ("predictions", "probs", "Logits", "fc1000")  # what versions of Keras call the classifier

Pairs = tuple[tuple[str, str], ...]  # a convolution and the batch norm behind it, or ""

CAFFE = tuple(value / 255 for value in (123.68, 116.779, 103.939)), (1 / 255,) * 3  # red, green, blue
TF = (0.5,) * 3, (0.5,) * 3


@dataclass(frozen=True)
class Old:
    """A network of `keras.applications`, as timm's.

    Attributes:
        pairs: Its convolutions and batch norms by name; None where Keras numbers them in the order they were made.
        colours: Mean and std, of pixels in [0, 1].
        blue_first: Whether the first convolution takes blue, green, red.
        size: Of the pictures, in pixels.
        scaled: Whether its batch norms have a gamma.
        hidden: Dense layers before the classifier, which timm has as convolutions in `pre_logits`.
        options: Of timm's network.
        changes: To timm's network (`headstart.models.timm_changes`).
    """

    pairs: Pairs | None
    colours: tuple[tuple[float, ...], tuple[float, ...]]
    blue_first: bool = False
    size: int = 224
    scaled: bool = True
    hidden: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)

    def pairs_in(self, layers: Iterable[str], count: int) -> Pairs:
        """Return the pairs; `count` numbered layers are told by their order alone."""
        if self.pairs is not None:
            return (*self.pairs, *((name, "") for name in self.hidden))
        convs, norms = (_numbered(kind, layers, count) for kind in ("conv2d", "batch_normalization"))
        return tuple(zip(convs, norms, strict=True))


def _numbered(kind: str, layers: Iterable[str], count: int) -> list[str]:
    """Return the layers "conv2d", "conv2d_1" … in the order in which they were made; numbers may begin anywhere."""
    matches = [match for match in (re.fullmatch(rf"{kind}(?:_(\d+))?", name) for name in layers) if match]
    found = [match[0] for match in sorted(matches, key=lambda match: int(match[1] or 0))]
    return [*found, *(f"{kind}, number {place}" for place in range(len(found) + 1, count + 1))][:count]


def _vgg(*sizes: int) -> Old:
    """Simonyan & Zisserman 2015 (arXiv:1409.1556), with a number of convolutions for each block."""
    names = [f"block{block}_conv{n}" for block, size in enumerate(sizes, 1) for n in range(1, size + 1)]
    return Old(tuple((name, "") for name in names), CAFFE, blue_first=True, hidden=("fc1", "fc2"))


def _resnet(*sizes: int) -> Old:
    """He et al. 2016 (arXiv:1512.03385) as first published: a block's first convolution has the stride."""
    names = [f"conv{stage}_block{block}_{n}" for stage, block, n in _bottlenecks(sizes)]
    pairs = tuple((f"{name}_conv", f"{name}_bn") for name in ("conv1", *names))
    return _first_strides(pairs, eps=1.001e-5)


def _first_resnet(*sizes: int) -> Old:
    """The same before 2019, under Caffe's names and with the batch norms of Keras."""
    names = [
        f"{stage}{'abcdef'[block - 1]}_branch{['1', '2a', '2b', '2c'][n]}" for stage, block, n in _bottlenecks(sizes)
    ]
    return _first_strides((("conv1", "bn_conv1"), *((f"res{name}", f"bn{name}") for name in names)), eps=1e-3)


def _bottlenecks(sizes: Iterable[int]) -> Iterator[tuple[int, int, int]]:
    """Go through the convolutions by stage, block and place in it; 0 is the shortcut's, which timm has last."""
    for stage, size in enumerate(sizes, 2):
        for block in range(1, size + 1):
            yield from ((stage, block, n) for n in ((1, 2, 3, 0) if block == 1 else (1, 2, 3)))


def _first_strides(pairs: Pairs, *, eps: float) -> Old:
    strides = {f"layer{stage}.0.conv{n}": 3 - n for stage in (2, 3, 4) for n in (1, 2)}
    return Old(pairs, CAFFE, blue_first=True, changes={"eps": eps, "strides": strides})


def _mobilenet() -> Old:
    """Sandler et al. 2018 (arXiv:1801.04381)."""
    blocks = ["expanded_conv_depthwise", "expanded_conv_project"]
    blocks += [f"block_{block}_{part}" for block in range(1, 17) for part in ("expand", "depthwise", "project")]
    pairs = (("Conv1", "bn_Conv1"), *((name, f"{name}_BN") for name in blocks), ("Conv_1", "Conv_1_bn"))
    return Old(pairs, TF, options={"pad_type": "same", "bn_eps": 1e-3})


def _inception() -> Old:
    """Szegedy et al. 2016 (arXiv:1512.00567)."""
    pools = [f"Mixed_{block}.branch_pool" for block in ("5b", "5c", "5d", "6b", "6c", "6d", "6e", "7b", "7c")]
    return Old(None, TF, size=299, scaled=False, changes={"means_inside": pools})


NETWORKS: Mapping[str, tuple[Old, ...]] = {  # the second goes by other names
    "vgg16": (_vgg(2, 2, 3, 3, 3),),
    "vgg19": (_vgg(2, 2, 4, 4, 4),),
    "resnet50": (_resnet(3, 4, 6, 3), _first_resnet(3, 4, 6, 3)),
    "resnet101": (_resnet(3, 4, 23, 3),),
    "resnet152": (_resnet(3, 8, 36, 3),),
    "inception_v3": (_inception(),),
    **{f"mobilenetv2_{width}": (_mobilenet(),) for width in ("035", "050", "075", "100", "140")},
}


def old_network(name: str, layers: Iterable[str]) -> Old:
    """Return the description of one of `NETWORKS` by whose names the layers go; the first where it is none's."""
    return max(NETWORKS[name], key=lambda old: len({layer for pair in old.pairs or () for layer in pair} & set(layers)))
