"""Prompt tuning: learnt tokens beside the example's own steer a frozen transformer (Jia et al. 2022, arXiv:2203.12119).

Images: VPT-deep, new prompt tokens in each layer. Texts (Lester et al. 2021, arXiv:2104.08691): prompts
before the embedded words, which shifts the words' positions. The prompts' own outputs are dropped, so that
features keep their shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.core.types import Defaults, ParamGroup, Tuning
from headstart.inputs import require
from headstart.inputs.text import Text
from headstart.models.hf_backbone import TextBackbone, token_limit
from headstart.models.layers import Removed
from headstart.models.model import Backbone, Model, device_of
from headstart.models.taps import first, probe, with_first
from headstart.strategies._groups import head_group
from headstart.strategies._insert import insert_once


@dataclass(frozen=True)
class Prompt:
    """`tokens` prompts and the head learn; the prompts, for images a set in each layer, stay in the model.

    It needs a backbone of tokens.
    """

    tokens: int = 10
    defaults: ClassVar[Defaults] = Defaults(lr=1e-2, epochs=10)

    def __post_init__(self) -> None:
        if self.tokens < 1:
            raise ValueError(f"tokens must be at least 1; it is {self.tokens}.")

    def prepare(self, model: Model) -> Tuning:
        """Insert the prompts; let them and the heads learn. UsageError: the backbone gives no tokens, or takes no more
        of them.
        """
        return Tuning([ParamGroup(list(self.insert(model.backbone).parameters())), head_group(model)])

    def insert(self, backbone: Backbone) -> nn.Module:
        """Insert the prompts.

        Args:
            backbone: Takes the tokens.

        Returns:
            The module that holds them.

        Raises:
            UsageError: The backbone gives no tokens, or takes no more of them.
        """
        return insert_once(backbone, self, self._make)

    def _make(self, backbone: Backbone) -> nn.Module:
        name = backbone.card.name
        if backbone.card.input.lays:
            raise UsageError(f"prompt: its tokens would come before each token that {name} writes. Take lora.")
        before = probe(backbone).get("tokens")
        if before is None:
            raise UsageError(f"prompt needs a backbone that gives tokens, such as ViT or BERT; {name} gives none.")
        if backbone.card.input.ragged:
            made = _text(backbone, self.tokens)
        else:
            made = _layers(backbone, self.tokens)
        made.to(device_of(backbone))
        try:
            after = probe(backbone).get("tokens")
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise UsageError(f"prompt: {name} does not take more tokens than its own ({error}).") from error
        assert after is not None and after.shape == before.shape
        return made


class LayerPrompt(nn.Module):
    """Prompt tokens [P, D] at the end of one layer's input [B, T, D]; after the first layer they replace those."""

    def __init__(self, tokens: int, dim: int, is_first: bool) -> None:
        super().__init__()
        self.tokens = nn.Parameter(torch.empty(tokens, dim))
        nn.init.uniform_(self.tokens, -((3 / dim) ** 0.5), (3 / dim) ** 0.5)
        self.is_first = is_first

    def before(self, _: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Stand before a layer, as its forward pre-hook."""
        hidden: torch.Tensor = args[0]
        own = hidden if self.is_first else hidden[:, : -len(self.tokens)]
        prompts = self.tokens.to(hidden.dtype).expand(len(hidden), -1, -1)
        return (torch.cat([own, prompts], dim=1), *args[1:])

    def after(self, _: nn.Module, __: Any, output: Any) -> Any:
        """Stand behind the last layer, as its forward hook: drop the prompts."""
        return with_first(output, first(output)[:, : -len(self.tokens)])


class WordPrompt(nn.Module):
    """Prompt tokens [P, D] before the embedded words."""

    def __init__(self, words: nn.Embedding, tokens: int) -> None:
        super().__init__()
        self.tokens = nn.Parameter(torch.empty(tokens, words.embedding_dim))
        nn.init.normal_(self.tokens, std=float(words.weight.detach().std()))

    def before(self, net: nn.Module, args: tuple[Any, ...], given: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Stand before the network, as its forward pre-hook."""
        words = net.get_input_embeddings()(given["input_ids"])  # pyright: ignore[reportCallIssue]  # [B, T, D]
        prompts = self.tokens.to(words.dtype).expand(len(words), -1, -1)
        changed = {name: value for name, value in given.items() if name != "input_ids"}
        changed["inputs_embeds"] = torch.cat([prompts, words], dim=1)
        for name, fill in (("attention_mask", 1), ("token_type_ids", 0)):
            if name in given:
                prefix = given[name].new_full((len(words), len(self.tokens)), fill)
                changed[name] = torch.cat([prefix, given[name]], dim=1)
        return args, changed

    def after(self, _: nn.Module, __: Any, output: Any) -> Any:
        """Stand behind the network, as its forward hook: drop the prompts."""
        output.last_hidden_state = output.last_hidden_state[:, len(self.tokens) :]
        return output


def _text(backbone: Backbone, tokens: int) -> nn.Module:
    if not isinstance(backbone, TextBackbone):
        raise UsageError(
            f"prompt knows how text goes into networks of transformers (hf:); {backbone.card.name} is none."
        )
    if "forward" in vars(backbone):
        raise UsageError(
            f"prompt needs a text network that runs to its end; {backbone.card.name} was cut (surgery). Use bottleneck "
            "or lora."
        )
    expects = require(backbone.card.input, Text, "prompt puts its tokens before words")
    limit = token_limit(backbone.net)
    if limit is not None and expects.max_length + tokens > limit:
        raise UsageError(
            f"prompt, tokens={tokens}: {backbone.card.name} has positions for {limit} tokens and texts take up to "
            f"{expects.max_length}. Set max_length to at most {limit - tokens}: "
            f"{option('surgery', f'adapt_input max_length={limit - tokens}')}."
        )
    words: Any = backbone.net.get_input_embeddings()  # pyright: ignore[reportCallIssue]
    prompt = WordPrompt(words, tokens)
    backbone.net.register_forward_pre_hook(prompt.before, with_kwargs=True)
    backbone.net.register_forward_hook(prompt.after)
    return prompt


def _layers(backbone: Backbone, tokens: int) -> nn.Module:
    """Put prompts into each layer of an image transformer: the largest list of modules of one class."""
    lists = [
        [layer for layer in m if not isinstance(layer, Removed)]  # by surgery
        for m in backbone.modules()
        if isinstance(m, nn.ModuleList | nn.Sequential) and len(m) > 1
    ]
    lists = [layers for layers in lists if len({type(layer) for layer in layers}) == 1]
    layers = max(lists, key=lambda found: sum(p.numel() for layer in found for p in layer.parameters()), default=[])
    if not layers:
        raise UsageError(f"prompt needs a transformer's list of layers; {backbone.card.name} has none.")
    prompts = nn.ModuleList(LayerPrompt(tokens, backbone.dim, place == 0) for place in range(len(layers)))
    for layer, prompt in zip(layers, prompts, strict=True):
        layer.register_forward_pre_hook(prompt.before)  # pyright: ignore[reportArgumentType]
    layers[-1].register_forward_hook(prompts[-1].after)  # pyright: ignore[reportArgumentType]
    return prompts
