"""Load weights of `keras.applications` into the same network of timm, so that no Keras is needed at run time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from headstart.core import progress
from headstart.core.errors import SourceError, first_few
from headstart.core.storage import sha256
from headstart.core.types import Card
from headstart.inputs.image import Image
from headstart.models import timm_backbone
from headstart.models.keras.backend import EXTRA
from headstart.models.keras.old_networks import NETWORKS, TOPS, Old, old_network
from headstart.models.keras.weight_files import Layers, opened, read
from headstart.models.timm_backbone import TimmBackbone
from headstart.models.weights import check_finite, load_exactly, misfit

Shapes = list[tuple[int, ...]]


def load(name: str, path: Path) -> TimmBackbone:
    """Load a network.

    Args:
        name: timm's name of it.
        path: Keras' weights, with or without the classifier.

    Returns:
        The backbone; its features are Keras', and its card does to pictures what Keras' `preprocess_input` does.

    Raises:
        SourceError: The network is none whose layers are known, or the file does not fit it or is not safe to read.
    """
    name = name.partition(".")[0]
    if name not in NETWORKS:
        raise SourceError(
            f"{path}: which layers of Keras are which of timm:{name} is not known, only those of "
            f"{first_few(NETWORKS, most=20)}. keras:FILE takes any model that Keras saved whole, with {EXTRA}."
        )
    with opened(path) as layers:
        old = old_network(name, layers)
        architecture = _architecture(name, old, layers)
        net = timm_backbone.create(architecture)
        pairs = list(_pairs(net, old, layers))
        top = next((layer for layer in TOPS if layer in layers), None)
        expected = {layer: shapes for pair in pairs for layer, shapes in pair.shapes(layers).items()}
        if top is not None:
            classes = layers[top][-1].size
            expected[top] = [(int(cast(Any, net).head_hidden_size), classes), (classes,)]
        _check(expected, layers, f"timm:{name}", path)
        tensors = {key: tensor for pair in pairs for key, tensor in pair.tensors(layers, path).items()}
        classifier = [] if top is None else [_tensor(array, path) for array in layers[top]]
    counts = {key: count for key, count in net.named_buffers() if key.endswith("num_batches_tracked")}
    check_finite({**tensors, **{f"{top}, array {place}": tensor for place, tensor in enumerate(classifier)}}, str(path))
    load_exactly(net, {**counts, **tensors}, str(path))
    backbone = TimmBackbone(net, _card(net, old, architecture, path))
    if classifier:
        backbone.source_classifier = (classifier[0].T.contiguous(), classifier[1])
    progress.note(f"{path.name}: {len(expected)} of {len(expected)} layers of Keras are in timm:{name}")
    return backbone


@dataclass(frozen=True)
class _Pair:
    """A convolution of timm's and the batch norm behind it, each with its name there and what Keras calls it.

    A bias of Keras' before a batch norm goes into the running mean: with it y - (m - b) is what y + b - m was.
    """

    conv: tuple[str, nn.Conv2d, str]
    norm: tuple[str, nn.BatchNorm2d, str] | None
    old: Old
    first: bool

    def shapes(self, layers: Layers) -> dict[str, Shapes]:
        """Return the shapes of Keras' arrays by layer."""
        _, conv, layer = self.conv
        made, into, height, width = conv.weight.shape
        kernel = (height, width, made, 1) if conv.groups > 1 else (height, width, into, made)
        kernel = (height * width * into, made) if layer in self.old.hidden else kernel
        biased = conv.bias is not None or (self.norm is not None and len(layers.get(layer, ())) > 1)
        found: dict[str, Shapes] = {layer: [kernel, (made,)] if biased else [kernel]}
        if self.norm is not None:
            found[self.norm[2]] = [(made,)] * (4 if self.old.scaled else 3)
        return found

    def tensors(self, layers: Layers, path: Path) -> dict[str, torch.Tensor]:
        """Read the arrays and turn them into timm's tensors."""
        at, conv, layer = self.conv
        kernel, *bias = (_tensor(array, path) for array in layers[layer])
        made, _, height, width = conv.weight.shape
        kernel = kernel.reshape(height, width, -1, made) if conv.groups == 1 else kernel  # dense: rows in this order
        weight = kernel.permute(3, 2, 0, 1) if conv.groups == 1 else kernel.permute(2, 3, 0, 1)
        weight = weight.flip(1) if self.first and self.old.blue_first else weight
        found = {f"{at}.weight": weight.contiguous()}
        if self.norm is None:
            return {**found, f"{at}.bias": bias[0]}
        at, _, layer = self.norm
        *gamma, beta, mean, variance = (_tensor(array, path) for array in layers[layer])
        return {
            **found,
            f"{at}.weight": gamma[0] if gamma else torch.ones_like(beta),
            f"{at}.bias": beta,
            f"{at}.running_mean": mean - bias[0] if bias else mean,
            f"{at}.running_var": variance,
        }


def _card(net: nn.Module, old: Old, architecture: Mapping[str, Any], path: Path) -> Card:
    mean, std = old.colours
    return Card(
        name=f"timm:{architecture['name']}",
        family=timm_backbone.family(net),
        params=timm_backbone.count(net),
        input=Image(old.size, old.size, 3, mean, std, "bilinear"),
        builder="timm",
        architecture=architecture,
        sha256=sha256(path),
    )


def _architecture(name: str, old: Old, layers: Layers) -> dict[str, Any]:
    changes = dict(old.changes)
    if old.hidden and not set(old.hidden) & set(layers):
        changes["without_hidden"] = "pre_logits"
    return {"name": name, "options": dict(old.options), "changes": changes}


def _pairs(net: nn.Module, old: Old, layers: Layers) -> Iterator[_Pair]:
    """Put names beside timm's modules, which stand in the order of use."""
    convs = [(at, module) for at, module in net.named_modules() if isinstance(module, nn.Conv2d)]
    norms = [(at, module) for at, module in net.named_modules() if isinstance(module, nn.BatchNorm2d)]
    names = old.pairs_in(layers, len(convs))
    for place, (conv, norm, (layer, behind)) in enumerate(zip(convs, norms or repeat(None), names, strict=False)):
        yield _Pair((*conv, layer), None if norm is None else (*norm, behind), old, first=place == 0)


def _check(expected: Mapping[str, Shapes], layers: Layers, network: str, path: Path) -> None:
    """Compare a file's layers with the network's. SourceError: some are missing, left over or of other shapes."""
    found = {layer: [tuple(array.shape) for array in arrays] for layer, arrays in layers.items()}
    missing = [f"{layer}: missing, with {_text(shapes)}" for layer, shapes in expected.items() if layer not in found]
    unexpected = [f"{layer}: unexpected, with {_text(found[layer])}" for layer in found if layer not in expected]
    wrong = [
        f"{layer}: shape {_text(found[layer])} instead of {_text(shapes)}"
        for layer, shapes in expected.items()
        if layer in found and found[layer] != shapes
    ]
    if missing or unexpected or wrong:
        match = len(expected) - len(missing) - len(wrong)
        raise misfit(str(path), f"{network} ({match} of {len(expected)} layers match)", missing, unexpected, wrong)


def _text(shapes: Shapes) -> str:
    return " ".join(str(list(shape)) for shape in shapes)


def _tensor(array: Any, path: Path) -> torch.Tensor:
    return torch.from_numpy(read(array, path))
