"""A network of transformers as a backbone: encoders of texts, images and sounds, without their task heads."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from headstart.core.errors import SourceError, first_few
from headstart.core.types import Card, Features, Prefix
from headstart.inputs._tokens import ANSWERS
from headstart.inputs.audio import Audio
from headstart.inputs.image import Image
from headstart.inputs.text import Text
from headstart.models import hf_continuing, hf_decoder, hf_packing, hf_sound, stages
from headstart.models.dryrun import FAILURES
from headstart.models.model import Backbone
from headstart.models.parts import misfit_of
from headstart.models.pooling import mean_over_tokens
from headstart.models.prefix import prefix_of
from headstart.models.weights import misfit

_NUMBER = re.compile(r"\d+")
REAL = 10_000  # rows of embeddings from which on a vocabulary is one of a language, and no toy
LEAST_KNOWN = 0.9  # share of them that a tokenizer must have; a few are there to make the number round
STILL = {  # what is of no use here: the memory of past tokens, masks and left-out layers of other random generators
    "use_cache": False,
    "apply_spec_augment": False,
    "mask_time_prob": 0.0,
    "mask_feature_prob": 0.0,
    "layerdrop": 0.0,
    "encoder_layerdrop": 0.0,
}
REFUSED = {
    "auto_map": "Python code that comes with the model; Headstart runs no such code",
    "quantization_config": "quantised weights; take the model's full weights",
}


class TextBackbone(Backbone):
    """Tokens of a text encoder, pooled by their mean or by the first one.

    Args:
        net: The network, without a head.
        card: What is known of it.
        pooling: How tokens are pooled.

    Attributes:
        packs: Whether texts with answers behind them may share a sequence in training.
    """

    packs: bool = False

    def __init__(self, net: nn.Module, card: Card, pooling: Literal["cls", "mean"]) -> None:
        super().__init__()
        self.net = net
        self.card = card
        self.pooling = pooling
        config: Any = net.config
        self.dim = int(config.hidden_size)
        # GPT-2 would add the embedding of word 0 or 1; RoBERTa has a single type and fails on pairs
        self._takes_types = (getattr(config, "type_vocab_size", 0) or 0) > 1 and "token_type_ids" in _arguments(
            net.forward
        )

    def stages(self) -> dict[str, tuple[str, ...]]:
        return stages.prefixed(stages.from_layers(self.net), "net.")

    def forward(self, x: Mapping[str, torch.Tensor]) -> Features:  # each [B, T]
        mask = x["attention_mask"]
        types = {"token_type_ids": x["token_type_ids"]} if self._takes_types and "token_type_ids" in x else {}
        if self.card.input.lays and self.packs and self.training:
            return _with_laid(hf_packing.states_of(self.net, x["input_ids"], mask), x)
        tokens = self.net(input_ids=x["input_ids"], attention_mask=mask, **types).last_hidden_state  # [B, T, D]
        if self.card.input.lays:
            return _with_laid(tokens, x)
        pooled = tokens[:, 0] if self.pooling == "cls" else mean_over_tokens(tokens, mask)
        return Features(pooled=pooled, tokens=tokens, mask=mask)


def _with_laid(tokens: torch.Tensor, x: Mapping[str, torch.Tensor]) -> Features:
    """Give tokens of prompts, and of answers behind them where there are some; only those of prompts are pooled."""
    mask, answers = x["attention_mask"], x.get(ANSWERS, torch.zeros_like(x["attention_mask"]))
    laid = torch.stack([x["input_ids"], answers], dim=2)
    return Features(pooled=mean_over_tokens(tokens, mask - answers), tokens=tokens, mask=mask, laid=laid)


class VisionBackbone(Backbone):
    """Maps of a convolutional network or tokens of a transformer, pooled by the model, its class token or the mean."""

    def __init__(self, net: nn.Module, card: Card) -> None:
        super().__init__()
        self.net = net
        self.card = card
        self._has_class_token = any(name.endswith("cls_token") for name, _ in net.named_parameters())
        self.prefix: Prefix = prefix_of(net)
        self.dim = _measure(self, card)

    def stages(self) -> dict[str, tuple[str, ...]]:
        return stages.prefixed(stages.from_layers(self.net), "net.")

    def forward(self, x: torch.Tensor) -> Features:  # [B, C, H, W]
        out = self.net(pixel_values=x)
        last = out.last_hidden_state
        pooled = getattr(out, "pooler_output", None)
        if last.ndim == 4:  # [B, D, H, W]
            return Features(pooled=last.mean(dim=(2, 3)) if pooled is None else pooled.flatten(1), maps=[last])
        if pooled is None:
            pooled = last[:, 0] if self._has_class_token else last.mean(dim=1)
        return Features(pooled=pooled.flatten(1), tokens=last, prefix=self.prefix)  # [B, T, D]


def config_of(architecture: Mapping[str, Any], where: str) -> Any:
    """Build transformers' config from plain data.

    Args:
        architecture: "config" is what config.json holds.
        where: The model's name, for messages.

    Returns:
        The config.

    Raises:
        SourceError: transformers does not know this kind of model, or the values are wrong.
    """
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig

    # a choice of attention changes no result, and transformers would fetch code for one that it does not know
    plain = {key: value for key, value in architecture["config"].items() if not key.endswith("attn_implementation")}
    kind = plain.pop("model_type", None)
    refused = [f"{key} ({why})" for key, why in REFUSED.items() if key in plain]
    if refused:
        raise SourceError(f"{where} cannot be used: its config asks for {first_few(refused)}.")
    try:
        config = AutoConfig.for_model(kind, **plain)
    except (ValueError, TypeError, AttributeError, KeyError, StrictDataclassError) as error:
        why = str(error).partition(" Should contain one of")[0]  # a list of hundreds
        raise SourceError(f"{where}: transformers cannot use its config (model_type {kind!r}): {why}") from error
    for name, value in STILL.items():
        if hasattr(config, name):
            setattr(config, name, value)
    return config


def writing_config(card: Card) -> Any:
    """Return the config of the encoder-decoder that a card's backbone is a half of; None where it is of none."""
    if card.builder != "hf" or not card.architecture["config"].get("is_encoder_decoder", False):
        return None
    config = config_of(card.architecture, card.name)
    return config if hf_decoder.class_of(config) is not None else None


def continuing_config(card: Card) -> Any:
    """Return the config of a card's backbone that goes on with texts (a causal language model); None of another one."""
    if card.builder != "hf" or "pooling" not in card.architecture:
        return None
    config = config_of(card.architecture, card.name)
    return config if hf_continuing.class_of(config) is not None else None


def input_of(config: Any, where: str) -> type[Text] | type[Image] | type[Audio]:
    """Find what a model takes: text, images or sounds.

    Args:
        config: transformers' config.
        where: The model's name, for messages.

    Returns:
        The class of its input.

    Raises:
        SourceError: It is none of those, or has two towers or a decoder that writes no texts.
    """
    cls = _class_of(config, where)
    if config.model_type in hf_sound.KINDS:
        return Audio
    writes = hf_decoder.class_of(config) is not None
    if hasattr(config, "text_config") or (getattr(config, "is_encoder_decoder", False) and not writes):
        raise SourceError(
            f"{where} is a {cls.__name__}, with two networks in one. Take an encoder, such as BERT or ViT, or an "
            "encoder-decoder of texts, such as T5."
        )
    kinds: dict[str, type[Text] | type[Image]] = {"input_ids": Text, "pixel_values": Image}
    if cls.main_input_name not in kinds:
        raise SourceError(
            f"{where} is a {cls.__name__}, which takes {cls.main_input_name}; text and images are known, and sounds of "
            f"{first_few(hf_sound.KINDS)}."
        )
    return kinds[cls.main_input_name]


def random_net(config: Any, where: str) -> nn.Module:
    """Build the network with random weights, in float32, without a pooler where its class can do without."""
    from transformers import AutoModel

    net = AutoModel.from_config(config, dtype=torch.float32, trust_remote_code=False, **_pooler(config, where))
    return hf_decoder.encoder_of(net)


def read_net(folder: Path, config: Any) -> nn.Module:
    """Load the network from a folder that was checked.

    Args:
        folder: A folder in the Hugging Face layout with safetensors.
        config: Its config.

    Returns:
        The network with its weights in float32, an encoder-decoder with the layer that names the tokens. What else the
        file has, the source task's head, is left out.

    Raises:
        SourceError: Tensors are missing, of another shape or of layers that the config does not have; the first few
            of each kind are named.
    """
    from transformers import AutoModel

    whole = hf_decoder.class_of(config)
    try:
        with _quiet():
            net, report = (whole or AutoModel).from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # to list them all below
                **({} if whole else {"trust_remote_code": False, **_pooler(config, str(folder))}),
            )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        why = f"its files lack {error}, fetch them again" if isinstance(error, KeyError) else error
        raise SourceError(f"transformers cannot load {folder}: {why}") from error
    missing = [f"{name}: missing" for name in sorted(report["missing_keys"])]
    shapes = [f"{m[0]}: shape {list(m[1])} instead of {list(m[2])}" for m in sorted(report["mismatched_keys"])]
    more = [f"{name}: unexpected" for name in _more_layers(net, report["unexpected_keys"])]
    if missing or shapes or more:
        raise misfit(str(folder), f"the {type(net).__name__} of its config.json", missing, shapes, more)
    return net


def _more_layers(net: nn.Module, names: Iterable[str]) -> list[str]:
    """Find tensors of further layers of the kind that the network has: its config says fewer than were saved."""
    prefix = f"{getattr(net, 'base_model_prefix', '')}."
    known = {_NUMBER.sub("#", name) for name in net.state_dict() if _NUMBER.search(name)}
    return sorted(name for name in names if _NUMBER.sub("#", name.removeprefix(prefix)) in known)


def check_tokenizer(net: nn.Module, tokenizer: Any, where: str) -> None:
    """Check that a tokenizer is the one that a text network was made for.

    Args:
        net: The network.
        tokenizer: transformers'.
        where: The model's name, for the message.

    Raises:
        SourceError: It has more tokens than the network has embeddings, far fewer, or pads with another token.
    """
    config: Any = net.config
    rows, tokens = getattr(config, "vocab_size", None), len(tokenizer)
    listed = bool(tokenizer.vocab_files_names)  # one of characters or bytes has no list
    if listed and isinstance(rows, int) and (tokens > rows or (rows >= REAL and tokens < LEAST_KNOWN * rows)):
        raise SourceError(
            f"{where}: its tokenizer has {tokens:,} tokens, and config.json says vocab_size = {rows:,}: they are "
            "of two models. Put the tokenizer's files of the same model into the folder."
        )
    start, pad = position_padding(net), tokenizer.pad_token_id
    if start is not None and pad is not None and pad != start:
        raise SourceError(
            f"{where}: its tokenizer pads with token {pad} ({tokenizer.pad_token}), and the network takes token "
            f"{start} for padding: they are of two models. Put the tokenizer's files of the same model into the folder."
        )


def token_limit(net: nn.Module) -> int | None:
    """Find the most tokens that a network's positions allow; None where they allow any number."""
    config: Any = net.config
    positions = getattr(config, "max_position_embeddings", None)
    if not positions or positions < 1:
        return None
    start = position_padding(net)
    return positions if start is None else positions - start - 1


def position_padding(net: nn.Module) -> int | None:
    """Return the token of padding where positions are counted from its number + 1 on, as RoBERTa and its kin do."""
    for name, module in net.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            return module.padding_idx
    return None


def _pooler(config: Any, where: str) -> dict[str, bool]:
    return {"add_pooling_layer": False} if "add_pooling_layer" in _arguments(_class_of(config, where).__init__) else {}


def _class_of(config: Any, where: str) -> Any:
    from transformers import MODEL_MAPPING

    if type(config) not in MODEL_MAPPING:
        raise SourceError(f"{where}: transformers has no plain network for {type(config).__name__}.")
    cls = MODEL_MAPPING[type(config)]
    return cls[0] if isinstance(cls, list | tuple) else cls


def _arguments(function: Any) -> set[str]:
    return set(inspect.signature(function).parameters)


def _measure(backbone: Backbone, card: Card) -> int:
    backbone.eval()
    try:
        with torch.no_grad():
            pooled = backbone(card.input.blank(1))["pooled"]
    except FAILURES as error:
        raise misfit_of(card.name, card.input.describe(), error) from error
    backbone.train()
    return pooled.shape[1]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' loading bar and report off the terminal: what matters of it is raised."""
    from transformers.utils import logging

    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()
