"""A timm network from a package whose weights lie in torch's own file format, converted once to safetensors."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from safetensors.torch import save_file

from headstart.core.errors import SourceError
from headstart.core.storage import kept_folder
from headstart.core.types import Card
from headstart.inputs.image import Image
from headstart.models import timm_backbone
from headstart.models.timm_backbone import TimmBackbone
from headstart.models.weights import classifier_in, load_exactly, read_safetensors

if TYPE_CHECKING:
    from headstart.models.packages import Pickled

WEIGHTS = "model.safetensors"
HALF = (0.5, 0.5, 0.5)  # mean and std of the TensorFlow networks


def load_network(shipped: Pickled) -> TimmBackbone:
    """Load the network.

    Args:
        shipped: Says which package and which network.

    Returns:
        The backbone, with the source task's classifier and labels.

    Raises:
        SourceError: The package is not installed, or its file is not the known one.
        StorageError: The converted weights cannot be written to the cache.
    """
    from timm.data.imagenet_info import ImageNetInfo
    from timm.models import get_pretrained_cfg

    shipped.installed()
    folder = kept_folder(f"{shipped.package}-{shipped.sha256[:16]}", lambda path: _convert(shipped, path))
    tensors = read_safetensors(folder / WEIGHTS)
    architecture = {"name": shipped.network, "options": {}}
    net = timm_backbone.create(architecture)
    config = get_pretrained_cfg(shipped.network)
    assert config is not None
    classifier = cast(str, config.classifier)
    load_exactly(net, tensors, str(folder / WEIGHTS), drop=[classifier])
    channels, height, width = config.input_size
    card = Card(
        name=f"package:{shipped.package}",
        family=timm_backbone.family(net),
        params=timm_backbone.count(net),
        input=Image(height, width, channels, HALF, HALF, config.interpolation, config.crop_pct),
        builder="timm",
        architecture=architecture,
        source_task=shipped.labels,
        labels=tuple(ImageNetInfo(shipped.labels).label_descriptions()),
        licence=shipped.terms(),
        sha256=shipped.sha256,
        revision=shipped.version,
    )
    backbone = TimmBackbone(net, card)
    backbone.source_classifier = classifier_in(tensors, [classifier], backbone.dim)
    return backbone


def _convert(shipped: Pickled, folder: Path) -> None:
    """Write the tensors under timm's names. The file is a pickle: one of a known hash is read, and only tensors."""
    import timm

    given = torch.load(io.BytesIO(shipped.content()), map_location="cpu", weights_only=True)
    expected = timm.create_model(shipped.network).state_dict()
    if [tensor.shape for tensor in given.values()] != [tensor.shape for tensor in expected.values()]:
        raise SourceError(f"timm {timm.__version__} has another network {shipped.network} than {shipped.package}.")
    save_file(
        {name: tensor.contiguous() for name, tensor in zip(expected, given.values(), strict=True)}, folder / WEIGHTS
    )
