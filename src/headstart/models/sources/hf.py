"""`hf:FOLDER` or `hf:OWNER/NAME`: a text encoder, vision model or network of sounds of transformers.

Of an encoder-decoder the encoder is the backbone, and the decoder goes along for heads that write texts.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from headstart.core.errors import SourceError
from headstart.core.offer import Offer, Stored, covers
from headstart.core.storage import refuse_pickle, sha256
from headstart.core.types import Card, Task
from headstart.inputs import by_name
from headstart.inputs._tokens import has_tokenizer, load_tokenizer
from headstart.inputs.audio import Audio
from headstart.inputs.image import Image
from headstart.inputs.text import Text
from headstart.models import hf_folder, hub, hub_cache

if TYPE_CHECKING:  # torch comes with these: to list what is on this machine takes none
    from torch import nn

    from headstart.models.model import Backbone

CLASSIFIERS = ("classifier", "classifier.1")


@dataclass(frozen=True)
class Hf:
    """A text encoder, vision model or network of sounds of transformers.

    revision: branch, tag or commit of the hub's repository; the commit is written into the card.
    max_length: the most tokens of a text; by default the least of the model's positions, what the
    folder's sentence-transformers file says, and 256. pooling: how tokens are pooled; "auto" is what the
    folder's 1_Pooling/config.json says, else the mean. prefix: what the encoder was trained to find before each
    text, for example "query: ". seconds: how much of a sound is heard; by default the longest training sound's.
    """

    revision: str | None = None
    max_length: int | None = None
    pooling: Literal["auto", "cls", "mean"] = "auto"
    prefix: str = ""
    seconds: float | None = None

    def names(self, query: str) -> list[str]:
        """List the models in the hub's cache whose name contains the query."""
        return hub.cached(query)

    def load(self, name: str) -> Backbone:
        """Load a folder, or a repository of the hub.

        Args:
            name: A folder, or OWNER/NAME on the hub.

        Returns:
            The backbone.

        Raises:
            SourceError: It is missing, damaged, has pickled weights only, or brings its own code.
        """
        from headstart.models import hf_backbone, hf_continuing, hf_decoder
        from headstart.models.weights import classifier_in, read_safetensors

        folder, commit = self._find(name)
        weights = hf_folder.check_safe(folder)
        tensors = {
            key: tensor
            for file in weights
            for key, tensor in read_safetensors(file).items()
            if key.startswith((*CLASSIFIERS, hf_continuing.LAYER))
        }
        architecture: dict[str, Any] = {"config": _config(folder)}
        config = hf_backbone.config_of(architecture, name)
        kind = hf_backbone.input_of(config, name)
        net = hf_backbone.read_net(folder, config)
        decoder = hf_decoder.taken(net)
        if decoder is not None:
            generation = hf_folder.read_json(folder / "generation_config.json")
            architecture["config"] = hf_decoder.written_config(config, architecture["config"], generation)
        net, spelling = hf_decoder.encoder_of(net), ""
        if kind is Text:
            architecture["pooling"] = hf_folder.pooling(folder) if self.pooling == "auto" else self.pooling
            limit = hf_backbone.token_limit(net)
            tokenizer = load_tokenizer(str(folder), ())
            hf_backbone.check_tokenizer(net, tokenizer, name)
            spelling = hf_decoder.spelling_of(tokenizer)
            longest = hf_folder.max_length(folder, limit, self.max_length)
            expected = Text(str(folder), longest, prefix=self.prefix, positions=limit)
        elif kind is Audio:
            from headstart.models import hf_sound

            found = hf_sound.hearing(folder, config, self.seconds)
            expected, architecture["front_end"] = found.expects, found.front_end
            architecture["config"] |= found.config
            hf_sound.shorten(net, found.config.get("max_source_positions"))
            if decoder is not None and has_tokenizer(folder):
                spelling = hf_decoder.spelling_of(load_tokenizer(str(folder), ()))
        else:
            expected = hf_folder.image_input(folder, getattr(config, "num_channels", 3))
        card = Card(
            name=f"hf:{name}",
            family=config.model_type,
            params=sum(parameter.numel() for parameter in net.parameters()),
            input=expected,
            builder="hf",
            architecture=architecture,
            source_task=", ".join(
                filter(None, [_saved_as(config), hf_folder.left_out(folder) if kind is Text else ""])
            ),
            labels=_labels(config),
            licence=hf_folder.licence(folder),
            sha256=_hash(weights),
            revision=commit,
        )
        backbone = _backbone(net, card)
        backbone.source_decoder = None if decoder is None else (decoder, spelling)
        backbone.source_layer = hf_continuing.layer_of(config, tensors)
        if kind is Image:  # a text model's classifier stands on a pooler, which is no part of the backbone
            backbone.source_classifier = classifier_in(tensors, CLASSIFIERS, backbone.dim)
        return backbone

    def rebuild(self, card: Card) -> Backbone:
        """Build the network of a card with random weights."""
        from headstart.models import hf_backbone

        config = hf_backbone.config_of(card.architecture, card.name)
        hf_backbone.input_of(config, card.name)
        return _backbone(hf_backbone.random_net(config, card.name), card)

    @classmethod
    def stored(cls) -> list[Stored]:
        """List the models in the hub's cache."""
        return [found.stored(f"hf:{found.name}") for found in hub_cache.models() if not found.network]

    @classmethod
    def offers(cls, task: Task, inputs: Any) -> list[Offer]:
        """Offer the sentence encoders in the hub's cache that were made for the languages of the rows, the small first.

        Args:
            task: What is to be predicted.
            inputs: The training rows'.

        Returns:
            The offers.
        """
        if by_name(task.modality) is not Text:
            return []
        found = [model for model in hub_cache.models() if model.sentences and model.size <= hub_cache.LARGE]
        spoken = Text.languages(inputs) if found else ()
        return [
            Offer(_with_prefix(model.name), why="a sentence encoder in the hub's cache")
            for model in sorted(found, key=lambda model: model.size)
            if covers(model.languages, spoken)
        ][: hub_cache.MOST]

    @classmethod
    def remote_offers(cls, task: Task, inputs: Any) -> list[Offer]:
        """Offer a small sentence encoder of the hub, which would be fetched: one for English, or for every language."""
        if by_name(task.modality) is not Text:
            return []
        english = covers(("en",), Text.languages(inputs))
        name = "sentence-transformers/all-MiniLM-L6-v2" if english else "intfloat/multilingual-e5-small"
        return [Offer(_with_prefix(name), why="a small sentence encoder of the hub")]

    def _find(self, name: str) -> tuple[Path, str]:
        """Find the folder, and the commit where it is from the hub."""
        path = Path(name).expanduser()
        if path.is_dir():
            return path.resolve(), ""
        refuse_pickle(path)
        if path.is_file():
            raise SourceError(f"{name} is a file. Name the folder that holds config.json and model.safetensors.")
        if path.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
            raise SourceError(f"{name} is not there. Name a folder, or a model OWNER/NAME of the hub.")
        snapshot = hub.fetch(name, hf_folder.WANTED, self.revision)
        return snapshot.folder, snapshot.commit


def _config(folder: Path) -> dict[str, Any]:
    """Read config.json without what is true on one machine only."""
    plain = hf_folder.read_json(folder / "config.json")
    return {key: value for key, value in plain.items() if key not in {"_name_or_path", "transformers_version"}}


def _labels(config: Any) -> tuple[str, ...]:
    """Return the source task's class names, where they are more than transformers' own LABEL_0, LABEL_1 …"""
    names = [str(config.id2label[place]) for place in sorted(config.id2label or {})]
    return () if all(name == f"LABEL_{place}" for place, name in enumerate(names)) else tuple(names)


def _saved_as(config: Any) -> str:
    return ", ".join(config.architectures or ())


def _hash(weights: list[Path]) -> str:
    """Hash the weights file; of several, the list of their hashes."""
    hashes = [sha256(file) for file in weights]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256(json.dumps(hashes).encode()).hexdigest()


def _backbone(net: nn.Module, card: Card) -> Backbone:
    from headstart.models import hf_sound
    from headstart.models.hf_backbone import TextBackbone, VisionBackbone

    if "pooling" in card.architecture:
        return TextBackbone(net, card, card.architecture["pooling"])
    if "front_end" in card.architecture:
        return hf_sound.backbone(net, card)
    return VisionBackbone(net, card)


def _with_prefix(name: str) -> str:
    """Write a model as `--source` takes it. The encoders of the family E5 were trained with a prefix."""
    query = "-e5-" in name and "instruct" not in name
    return f"hf:{name} prefix='query: '" if query else f"hf:{name}"
