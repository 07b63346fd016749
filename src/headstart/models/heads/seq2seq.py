"""A decoder that writes texts, looking at the backbone's tokens: the source's own, or a small new one.

A causal language model has none: the backbone itself goes on with its text (`_continuing.py`). A decoder's cross-
attention is that of Vaswani et al. (2017, arXiv:1706.03762, section 3.2.3). It learns by teacher forcing: each token of
a label from the ones before it. Answers are searched for with beams by transformers' `generate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional

from headstart.core.counting import agree, counted
from headstart.core.errors import UsageError
from headstart.core.input import Cut
from headstart.core.interface import option
from headstart.core.types import Labels, LossOptions, Target
from headstart.models import hf_backbone, hf_decoder
from headstart.models.heads._continuing import Continuing
from headstart.models.heads._spelling import Bytes, Spelling, Words
from headstart.models.heads._tokens import TokensHead
from headstart.models.model import Backbone, Head
from headstart.targets._text_output import TextOutput, lengths_of
from headstart.targets._written_texts import texts_of

LONGEST = 512  # tokens of an answer, where the decoder has no limit of its own
HEAD_WIDTH = 64  # of attention, in the small decoder
IGNORED = -100  # of tokens that no loss counts


@dataclass(frozen=True)
class Seq2seq:
    """A decoder that writes texts, looking at the backbone's tokens: the source's own, or a small new one.

    decoder: "auto" takes over that of an encoder-decoder (T5, BART, Marian, Whisper), lets a causal language model
    (GPT-2, Llama) go on by itself, and makes a small new one of bytes behind other networks; "small" always does.
    beams: answers that are followed at a time. longest: most tokens of an answer; by default what the decoder can take,
    up to 512. prompt: special tokens before each answer, such as "<|en|><|transcribe|><|notimestamps|>"; by default
    those that the tokenizer begins with. width, layers: of a small decoder.
    """

    decoder: Literal["auto", "small"] = "auto"
    beams: int = 1
    longest: int | None = None
    prompt: str = ""
    width: int = 256
    layers: int = 2

    def __post_init__(self) -> None:
        for name in ("beams", "longest", "layers"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}.")
        if self.width < HEAD_WIDTH or self.width % HEAD_WIDTH:
            raise ValueError(f"width must be a multiple of {HEAD_WIDTH}, not {self.width}.")

    def build(self, dim: int, target: Target) -> Head:
        """Make the head; its decoder comes once the backbone is known (`Head.fit_to`)."""
        return Seq2seqHead(self, target)


class Seq2seqHead(TokensHead):
    """A head that writes texts token by token."""

    output: TextOutput

    def __init__(self, options: Seq2seq, target: Target) -> None:
        super().__init__("seq2seq", target)
        self.options = options

    def fit_to(self, backbone: Backbone) -> None:
        """Make the decoder. UsageError: the backbone gives no tokens, or has no room for answers."""
        if self.options.decoder == "auto" and hf_backbone.continuing_config(backbone.card) is not None:
            self.starts_new = False
            self.output = Continuing(backbone, self.options, self.target.outputs)
            return
        dim = self.width_of(backbone)
        config = None if self.options.decoder == "small" else hf_backbone.writing_config(backbone.card)
        if config is None:
            self.trunk = nn.Linear(dim, self.options.width)
            config, spelling = _small(self.options), Bytes()
        else:
            self.starts_new = False
            spelling = Words(config, self.options.prompt)
        self.output = Writer(hf_decoder.random_decoder(config), spelling, self.options, self.target.outputs)

    def start(self, backbone: Backbone) -> None:
        """Take the source's decoder over. UsageError: it is not there, or its tokenizer cannot be kept."""
        if self.starts_new:
            return
        if isinstance(self.output, Continuing):
            self.output.take(backbone)
            return
        assert isinstance(self.output, Writer) and isinstance(self.output.spelling, Words)
        if backbone.source_decoder is None:
            small = option("head", "seq2seq decoder=small")
            raise UsageError(f"{backbone.card.name} comes without its decoder. Take a new one ({small}).")
        tensors, tokenizer = backbone.source_decoder
        if not tokenizer:
            raise UsageError(
                f"The tokenizer of {backbone.card.name} cannot be kept with the decoder: put its tokenizer.json there."
            )
        self.output.net.load_state_dict(tensors)
        self.output.spelling.learn(tokenizer)

    def cut(self, labels: Labels) -> Cut | None:
        """Find labels of more tokens than an answer may have."""
        assert isinstance(self.output, Writer | Continuing)
        most, tokens = self.output.limit, self.output.tokens
        places = [place for place, text in enumerate(texts_of(labels)) if len(tokens(text)) >= most]
        be = agree(len(places), "are")
        return Cut(places, f"{be} longer than {counted(most - 1, 'tokens')} and {be} cut") if places else None


class Writer(TextOutput):
    """Tokens of an encoder with their mask, [B, T, D + 1], to texts.

    Args:
        net: A decoder of transformers with its output layer.
        spelling: Of its tokens.
        options: The head's.
        width: Bytes of an output.
    """

    usual: torch.Tensor
    most: torch.Tensor

    def __init__(self, net: nn.Module, spelling: Spelling, options: Seq2seq, width: int) -> None:
        super().__init__(width)
        self.net, self.spelling, self.beams = net, spelling, options.beams
        config: Any = net.config
        positions = getattr(config, "max_target_positions", None) or getattr(config, "max_position_embeddings", None)
        self.limit = min(options.longest or LONGEST, positions or LONGEST)
        self.register_buffer("usual", torch.ones(()))
        self.register_buffer("most", torch.tensor(self.limit))

    def start(self, labels: Labels) -> None:
        """Take the usual length of a label in tokens, by which the loss is divided, and the greatest one."""
        mean, most = lengths_of([self._spelt(text) for text in texts_of(labels)])
        self.usual.fill_(mean)
        self.most.fill_(min(self.limit, 2 * most))

    def loss(self, out: torch.Tensor, y: torch.Tensor, options: LossOptions) -> torch.Tensor:
        """Sum the cross-entropy of the tokens of each label, and divide it by their usual number."""
        spelt, first = [self._spelt(text) for text in texts_of(y.cpu().numpy())], [self.spelling.start]
        before = [*self.spelling.before]
        given = _padded([first + before + ids[:-1] for ids in spelt], self.spelling.padding, out)
        wanted = _padded(spelt, IGNORED, out)
        states, mask = out[..., :-1], out[..., -1].long()
        found = self.net(encoder_outputs=_encoded(states), attention_mask=mask, decoder_input_ids=given)
        logits = found.logits[:, len(before) :].float()
        smoothing = options.label_smoothing
        summed = functional.cross_entropy(
            logits.flatten(0, 1), wanted.flatten(), ignore_index=IGNORED, label_smoothing=smoothing, reduction="sum"
        )
        return summed / (len(out) * self.usual)

    def decode(self, out: torch.Tensor) -> torch.Tensor:
        """Write the answers, [B, width] uint8."""
        from transformers import GenerationConfig
        from transformers.generation.utils import (
            GenerationMixin,
        )  # Whisper's own `generate` is for half a minute of sound

        first = torch.tensor([[self.spelling.start, *self.spelling.before]], device=out.device).expand(len(out), -1)
        asked = GenerationConfig(
            decoder_start_token_id=self.spelling.start,
            eos_token_id=self.spelling.end,
            pad_token_id=self.spelling.padding,
            suppress_tokens=[self.spelling.padding] if self.spelling.padding != self.spelling.end else None,
            num_beams=self.beams,
            max_new_tokens=int(self.most),
            do_sample=False,
            use_cache=True,
        )
        generate: Any = vars(GenerationMixin)["generate"]
        written = generate(
            self.net,
            generation_config=asked,
            encoder_outputs=_encoded(out[..., :-1]),
            attention_mask=out[..., -1].long(),
            decoder_input_ids=first,
        )
        return self.as_rows(self.spelling.read(written[:, first.shape[1] :])).to(out.device)  # type: ignore[index]

    def tokens(self, text: str) -> list[int]:
        """Spell a text, without its end."""
        return self.spelling.tokens(text)

    def _spelt(self, text: str) -> list[int]:
        """Spell a text, cut to what an answer may have, with its end."""
        return [*self.spelling.tokens(text)[: self.limit - 1], self.spelling.end]


def _small(options: Seq2seq) -> Any:
    """Make the config of a small decoder of bytes: that of T5 (Raffel et al. 2020, arXiv:1910.10683, section 2.1)."""
    from transformers import T5Config

    config = T5Config(
        vocab_size=Bytes.size,
        d_model=options.width,
        d_kv=HEAD_WIDTH,
        num_heads=options.width // HEAD_WIDTH,
        d_ff=4 * options.width,
        num_layers=1,
        num_decoder_layers=options.layers,
    )
    config.decoder_start_token_id = Bytes.start
    return config


def _encoded(states: torch.Tensor) -> Any:
    from transformers.modeling_outputs import BaseModelOutput

    return BaseModelOutput(last_hidden_state=states)  # type: ignore[arg-type]


def _padded(rows: list[list[int]], padding: int, like: torch.Tensor) -> torch.Tensor:
    """Make a tensor of rows of tokens, on the device of another one."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[padding] * (longest - len(row))] for row in rows], device=like.device)
