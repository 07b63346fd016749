"""`timm:resnet18`: an image network of timm, with weights from the Hugging Face hub or a local file."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from headstart.core.errors import SourceError, UsageError, unknown
from headstart.core.interface import option
from headstart.core.offer import Offer, Stored
from headstart.core.storage import sha256
from headstart.core.types import Card, Task
from headstart.inputs import by_name
from headstart.inputs.image import Image
from headstart.models import hf_folder, hub, hub_cache
from headstart.models.light_timm import import_timm

if TYPE_CHECKING:  # torch comes with these: to list what is on this machine takes none
    import torch
    from torch import nn

    from headstart.models.timm_backbone import TimmBackbone

WEIGHTS = "model.safetensors"
BESIDE = ("input_size", "fixed_input_size", "interpolation", "crop_pct", "mean", "std", "classifier", "license")


@dataclass(frozen=True)
class Timm:
    """An image network of timm.

    weights: a local safetensors file of the network; it goes before the hub's, and timm's config.json beside it says
    what the network takes. Of VGG, ResNet, InceptionV3 and MobileNetV2 also Keras' weights, FILE.h5. pretrained: false
    gives random weights. revision: branch, tag or commit of the hub's repository; the commit is written into the card.
    """

    weights: str | None = None
    pretrained: bool = True
    revision: str | None = None

    def names(self, query: str) -> list[str]:
        """List timm's pretrained networks whose name contains the query."""
        return import_timm().list_models(f"*{query}*", pretrained=True)

    def load(self, name: str) -> TimmBackbone:
        """Load a network, for example "resnet18" or "resnet18.a1_in1k".

        Args:
            name: timm's name, with or without a tag.

        Returns:
            The backbone.

        Raises:
            UsageError: timm has no network of that name, or it is a folder.
            SourceError: There are no safetensors weights, or they do not fit.
        """
        from headstart.models import timm_backbone
        from headstart.models.keras import into_timm, weight_files
        from headstart.models.timm_backbone import TimmBackbone
        from headstart.models.weights import classifier_in

        if self.weights is not None and Path(self.weights).suffix.lower() in weight_files.SUFFIXES:
            return into_timm.load(name, Path(self.weights))
        timm = import_timm()
        if network := hf_folder.timm_network(Path(name)):
            weights = Path(name) / WEIGHTS
            raise UsageError(f"{name} is a folder. Write {option('source', f'timm:{network} weights={weights}')}.")
        if not timm.is_model(name):
            raise unknown("timm model", name, sorted({*timm.list_models(), *timm.list_models(pretrained=True)}))
        config = _config(name)
        if self.weights is not None:
            config = _as_beside(Path(self.weights), name, config)
        architecture = {"name": name.partition(".")[0], "options": _options(config)}
        net = timm_backbone.create(architecture)
        path, revision = self._fetch(name, config)
        classifiers = _classifiers(config)
        tensors = {} if path is None else _load(net, name, classifiers, path, from_hub=self.weights is None)
        backbone = TimmBackbone(net, _card(name, net, config, architecture, path, revision))
        backbone.source_classifier = classifier_in(tensors, classifiers, backbone.dim)
        return backbone

    def rebuild(self, card: Card) -> TimmBackbone:
        """Build the network of a card with random weights."""
        from headstart.models import timm_backbone

        return timm_backbone.rebuild(card)

    @classmethod
    def stored(cls) -> list[Stored]:
        """List the networks in the hub's cache."""
        return [found.stored(f"timm:{found.network}") for found in hub_cache.models() if found.network]

    @classmethod
    def offers(cls, task: Task, inputs: Any) -> list[Offer]:
        """Offer the networks in the hub's cache, the small ones first.

        Args:
            task: What is to be predicted.
            inputs: The training rows'.

        Returns:
            The offers.
        """
        if by_name(task.modality) is not Image:
            return []
        found = [model for model in hub_cache.models() if model.network and model.size <= hub_cache.LARGE]
        found.sort(key=lambda model: model.size)
        return [Offer(f"timm:{model.network}", why="in the hub's cache") for model in found[: hub_cache.MOST]]

    @classmethod
    def remote_offers(cls, task: Task, inputs: Any) -> list[Offer]:
        """Offer a small network of the hub, which would be fetched."""
        if by_name(task.modality) is not Image:
            return []
        return [Offer("timm:mobilenetv3_small_100", why="a small network of the hub, trained on ImageNet")]

    def _fetch(self, name: str, config: Any) -> tuple[Path | None, str]:
        """Find the weights: the file and the commit that it is pinned to."""
        if self.weights is not None:
            return Path(self.weights), ""
        if not self.pretrained:
            return None, ""
        if config is None or not config.hf_hub_id:
            raise SourceError(
                f"timm:{name} has no safetensors weights on the hub. Convert its weights where you trust them and "
                "give weights=FILE.safetensors, take a network of `headstart list timm`, or set pretrained=false."
            )
        snapshot = hub.fetch(config.hf_hub_id, [WEIGHTS], self.revision)
        return snapshot.folder / WEIGHTS, snapshot.commit


def _config(name: str) -> Any:
    from timm.models import get_pretrained_cfg

    try:
        return get_pretrained_cfg(name)
    except RuntimeError as error:
        raise UsageError(f"timm:{name}: {error}") from error


def _as_beside(weights: Path, name: str, config: Any) -> Any:
    """Take what timm's config.json beside a local weights file says of the input.

    Args:
        weights: The local file.
        name: timm's name of the network that was asked for.
        config: timm's own description of it, or None.

    Returns:
        The description; timm's own where there is no such file.

    Raises:
        SourceError: The file beside is of another network.
    """
    network = hf_folder.timm_network(weights.parent)
    if not network:
        return config
    if network != name.partition(".")[0]:
        raise SourceError(
            f"{weights.parent / 'config.json'} is of {network}, and timm:{name} was asked for. "
            f"Write timm:{network}, or name the weights of {name}."
        )
    from timm.models import PretrainedCfg

    said = hf_folder.read_json(weights.parent / "config.json")["pretrained_cfg"]
    known = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in (said.items() if isinstance(said, dict) else ())
        if key in BESIDE
    }
    return dataclasses.replace(config or PretrainedCfg(), **known)


def _options(config: Any) -> dict[str, Any]:
    """Return what a tag changes of the network's shape: the input size, where position embeddings depend on it."""
    if config is None or not config.fixed_input_size:
        return {}
    return {"img_size": list(config.input_size[1:])}


def _classifiers(config: Any) -> tuple[str, ...]:
    """Name the modules that are the source task's classifier."""
    names = () if config is None or config.classifier is None else config.classifier
    return (names,) if isinstance(names, str) else tuple(names)


def _load(
    net: nn.Module, name: str, classifiers: tuple[str, ...], path: Path, *, from_hub: bool
) -> dict[str, torch.Tensor]:
    """Load weights into the network, without the classifier; give all tensors of the file."""
    import timm

    from headstart.models.weights import load_exactly, read_safetensors

    tensors = read_safetensors(path)
    if from_hub:  # some are stored under their first author's names: timm's filter, run by its loader, renames them
        overlay = {"file": str(path), "hf_hub_id": None, "url": None, "custom_load": False}
        tensors = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay).state_dict()
    load_exactly(net, tensors, str(path), drop=classifiers)
    return tensors


def _card(
    name: str, net: nn.Module, config: Any, architecture: dict[str, Any], path: Path | None, revision: str
) -> Card:
    from timm.data.config import resolve_data_config
    from timm.data.imagenet_info import ImageNetInfo, infer_imagenet_subset

    from headstart.models import timm_backbone

    data = resolve_data_config(pretrained_cfg=config.to_dict() if config else cast(Any, net).pretrained_cfg)
    channels, height, width = data["input_size"]
    subset = (
        infer_imagenet_subset({"num_classes": config.num_classes}) if config and revision else None
    )  # a local file may be of other classes
    return Card(
        name=f"timm:{name}",
        family=timm_backbone.family(net),
        params=timm_backbone.count(net),
        input=Image(
            height, width, channels, tuple(data["mean"]), tuple(data["std"]), data["interpolation"], data["crop_pct"]
        ),
        builder="timm",
        architecture=architecture,
        source_task=subset or "",
        labels=tuple(ImageNetInfo(subset).label_descriptions()) if subset else (),
        licence=(config.license if config else None) or "",
        sha256=sha256(path) if path else "",
        revision=revision,
    )
