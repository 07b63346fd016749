"""`local:FOLDER/NAME`: NAME.safetensors with NAME.json, a card that names the timm network and the SHA-256.

Where the card has a `front_end`, the network sees log-mel spectrograms, and takes sounds.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import nn

from headstart.core.errors import SourceError, first_few
from headstart.core.types import Card
from headstart.inputs.audio import Audio
from headstart.inputs.image import Image
from headstart.models import sound_backbone, timm_backbone
from headstart.models.front_ends import Mel
from headstart.models.timm_backbone import TimmBackbone
from headstart.models.weights import check_sha256, classifier_in, load_exactly, read_safetensors

NEEDED = ("architecture", "sha256")
CLASSIFIERS = ("classifier", "fc", "head.fc")


@dataclass(frozen=True)
class Local:
    """Weights in a folder, each with a JSON card beside it: architecture, kwargs, input_size, mean, std, sha256 …"""

    def names(self, query: str) -> list[str]:
        """List the models in the folder that the query names; what follows the last / is part of the model's name."""
        start = Path(query or ".")
        folder, part = (start, "") if start.is_dir() else (start.parent, start.name)
        weights = sorted(folder.glob("*.safetensors"))
        return [str(w.with_suffix("")) for w in weights if part in w.stem and w.with_suffix(".json").is_file()]

    @classmethod
    def size(cls, name: str) -> int:
        """Return the bytes of the weights FOLDER/NAME; 0 where there are none."""
        weights = _files(name)[0]
        return weights.stat().st_size if weights.is_file() else 0

    def load(self, name: str) -> TimmBackbone:
        """Load FOLDER/NAME.

        Args:
            name: FOLDER/NAME.

        Returns:
            The backbone.

        Raises:
            SourceError: The card or the weights are missing, damaged or do not fit each other.
        """
        weights, described = _files(name)
        plain = _read(described)
        check_sha256(weights, plain["sha256"], described.name)
        tensors = read_safetensors(weights)
        options = {key: value for key, value in plain.get("kwargs", {}).items() if key != "num_classes"}
        architecture: dict[str, Any] = {"name": plain["architecture"], "options": options}
        mel = Mel.of_card(plain["front_end"], described.name) if "front_end" in plain else None
        if mel is not None:
            architecture["front_end"] = asdict(mel)
        net = timm_backbone.create(architecture)
        load_exactly(net, tensors, str(weights), drop=CLASSIFIERS)
        card = Card(
            name=f"local:{weights.stem}",
            family=timm_backbone.family(net),
            params=timm_backbone.count(net),
            input=_input(plain, described) if mel is None else _sound(plain, mel, described),
            builder="local",
            architecture=architecture,
            source_task=plain.get("source_task", ""),
            labels=_labels(plain, described),
            licence=plain.get("licence", ""),
            sha256=plain["sha256"],
        )
        backbone = _backbone(net, card)
        backbone.source_classifier = classifier_in(tensors, CLASSIFIERS, backbone.dim)
        return backbone

    def rebuild(self, card: Card) -> TimmBackbone:
        """Build the network of a card with random weights."""
        return _backbone(timm_backbone.create(card.architecture), card)


def _backbone(net: nn.Module, card: Card) -> TimmBackbone:
    return (sound_backbone.SpectrogramBackbone if "front_end" in card.architecture else TimmBackbone)(net, card)


def _files(name: str) -> tuple[Path, Path]:
    """Return the weights and the card of FOLDER/NAME."""
    stem = name.removesuffix(".safetensors").removesuffix(".json")
    return Path(f"{stem}.safetensors"), Path(f"{stem}.json")


def _read(path: Path) -> dict[str, Any]:
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SourceError(
            f"{path} is not there: weights in a folder need a card NAME.json beside NAME.safetensors."
        ) from error
    except ValueError as error:
        raise SourceError(f"{path} is not JSON: {error}.") from error
    missing = [key for key in NEEDED if not isinstance(plain, dict) or not isinstance(plain.get(key), str)]
    if missing:
        raise SourceError(f"{path} does not give {first_few(missing)} as text.")
    return plain


def _input(plain: Mapping[str, Any], path: Path) -> Image:
    """Read what the network expects. One whose card describes a patch ("[N,1,96,64]") takes numbers as they are."""
    shape = plain.get("input_size")
    patch = re.match(r"\[N,(\d+),(\d+),(\d+)\]", str(plain.get("input", "")))
    if shape is None and patch:
        channels, height, width = (int(n) for n in patch.groups())
        return Image(height, width, channels, (0.0,) * channels, (1.0,) * channels, "bilinear")
    absent = [key for key in ("input_size", "mean", "std", "interpolation") if key not in plain]
    if absent:
        raise SourceError(f"{path} does not say what the network expects: {first_few(absent)} missing. Add them.")
    if len(plain["input_size"]) != 3 or not len(plain["mean"]) == len(plain["std"]) == plain["input_size"][0]:
        raise SourceError(
            f"{path}: input_size must be [channels, height, width], with a mean and a std for each channel."
        )
    channels, height, width = plain["input_size"]
    return Image(height, width, channels, tuple(plain["mean"]), tuple(plain["std"]), plain["interpolation"])


def _sound(plain: Mapping[str, Any], mel: Mel, path: Path) -> Audio:
    """Read how long a sound is that makes one of the patches which the network was trained on."""
    samples = plain["front_end"].get("patch_samples")
    if not isinstance(samples, int) or mel.frames(samples) < 1:
        raise SourceError(f"{path}: front_end must say patch_samples, at least {mel.window_samples}.")
    return Audio(mel.sample_rate, samples / mel.sample_rate)


def _labels(plain: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    """Read the class names: a line each, or the last column of a table; () where the file is not there."""
    named = plain.get("label_file")
    file = path.parent.parent / named if named else None
    if file is None or not file.resolve().is_relative_to(path.parent.parent.resolve()) or not file.is_file():
        return ()
    with file.open(encoding="utf-8", newline="") as lines:
        if file.suffix == ".csv":
            labels = tuple(row[-1] for row in list(csv.reader(lines))[1:])
        else:
            labels = tuple(line.rstrip("\r\n") for line in lines)
    if len(labels) != plain.get("num_classes", len(labels)):
        raise SourceError(f"{file} has {len(labels)} labels; {path.name} says {plain['num_classes']} classes.")
    return labels
