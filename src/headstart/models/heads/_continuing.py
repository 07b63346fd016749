"""A network that goes on with a text writes the answer itself (a causal language model).

In training answers are laid behind their prompts (`Input.behind`), and one pass gives the scores of all tokens. Only
those of answers have a loss: the mean of -log p(token | prompt, answer before it) (Radford et al. 2018, eq. 1; for
answers alone Ouyang et al. 2022, arXiv:2203.02155, section 3.5). Prompts have weight 0. New answers are written from
the prompt alone by transformers' `generate`, which keeps keys and values of past tokens.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from torch.nn import functional

from headstart.core.errors import UsageError
from headstart.core.types import Labels, LossOptions
from headstart.inputs._tokens import load_tokenizer
from headstart.inputs.text import Text
from headstart.models import hf_backbone, hf_continuing, hf_packing
from headstart.models.model import Backbone
from headstart.targets._text_output import TextOutput, lengths_of
from headstart.targets._written_texts import scored, texts_of

LONGEST = 512  # tokens of an answer
MORE = 3  # numbers beside each token: its own, whether it is an answer's, and the mask
TRIED = 8  # tokens
TOLERANCE = 1e-3  # of scores, by the greatest one


class Options(Protocol):
    """What it reads of a head's options."""

    @property
    def beams(self) -> int:
        """Answers that are followed at a time."""
        ...

    @property
    def longest(self) -> int | None:
        """Most tokens of an answer."""
        ...


class Continuing(TextOutput):
    """Hidden states of a network with the tokens that they stand for, [B, T, D + 3], to texts.

    Args:
        backbone: Goes on with texts; from now on answers are laid behind its examples.
        options: The head's.
        width: Bytes of an answer.

    Raises:
        UsageError: No answer has room.
    """

    usual: torch.Tensor
    most: torch.Tensor

    def __init__(self, backbone: Backbone, options: Options, width: int) -> None:
        super().__init__(width)
        config = hf_backbone.continuing_config(backbone.card)
        expects = cast(Text, backbone.card.input)
        self.expects = expects.with_answers(options.longest, LONGEST)
        backbone.card = replace(backbone.card, input=self.expects)
        self.beams, self.limit = options.beams, self.expects.answers
        net = cast(Any, backbone).net
        self.layer = hf_continuing.OutputLayer(net, tied=config.tie_word_embeddings)
        self._whole = (hf_continuing.whole(config, net, self.layer),)  # its parts are the backbone's, not this module's
        self.register_buffer("usual", torch.ones(()))
        self.register_buffer("most", torch.tensor(self.limit))

    def take(self, backbone: Backbone) -> None:
        """Take the source's output layer. UsageError: it is not there, or its scores are made in another way."""
        if backbone.source_layer is None:
            raise UsageError(f"{backbone.card.name} comes without its output layer ({hf_continuing.LAYER}).")
        for name, tensor in backbone.source_layer.items():
            getattr(self.layer, name).copy_(tensor)
        whole: Any = self._whole[0]
        net, ids = cast(Any, backbone).net, torch.arange(1, TRIED)[None]  # the first may be padding, which is all zeros
        was_training = net.training
        net.eval()
        with torch.no_grad():
            wanted = whole(input_ids=ids).logits
            states = net(input_ids=ids).last_hidden_state
            part = net(input_ids=ids[:, :2]).last_hidden_state
            cast(Any, backbone).packs = hf_packing.packs(net)
        net.train(was_training)
        off = (self.layer(states) - wanted).abs().max() > TOLERANCE * wanted.abs().max()
        if off or not torch.allclose(part, states[:, :2], atol=TOLERANCE):
            raise UsageError(
                f"{backbone.card.name} makes the scores of its tokens in a way that is not known here: take another "
                "causal language model, such as GPT-2 or Llama."
            )

    def start(self, labels: Labels) -> None:
        """Take the usual length of an answer in tokens, by which the loss is divided, and the greatest one."""
        mean, most = lengths_of([self.expects.spelt(text) for text in texts_of(labels)])
        self.usual.fill_(mean)
        self.most.fill_(min(self.limit, 2 * most))

    def tokens(self, text: str) -> list[int]:
        """Spell an answer, without its end."""
        return self.expects.tokens_of(text)

    def loss(self, out: torch.Tensor, y: torch.Tensor, options: LossOptions) -> torch.Tensor:
        """Sum the cross-entropy of the tokens of each answer, and divide it by their usual number."""
        _, scores, wanted = self._scores(out)
        if not len(wanted):
            raise UsageError("No answer stands behind these prompts: this objective shows examples without labels.")
        smoothing = options.label_smoothing
        summed = functional.cross_entropy(scores, wanted, label_smoothing=smoothing, reduction="sum")
        return summed / (len(out) * self.usual)

    def decode(self, out: torch.Tensor) -> torch.Tensor:
        """Write the answers, [B, width] uint8; where labels are laid behind the prompts, with how likely they are."""
        ids, answers, mask = _parts(out)
        prompts = [row[own] for row, own in zip(ids, mask & ~answers, strict=True)]
        written = self._write(prompts)
        rows = self.as_rows([self.expects.written(tokens) for tokens in written]).to(out.device)
        if not answers.any():
            return rows
        places, scores, wanted = self._scores(out)
        nats = functional.cross_entropy(scores, wanted, reduction="none")
        summed = nats.new_zeros(len(out)).index_add_(0, places, nats)
        return scored(rows, summed, answers.sum(dim=1))

    def comparable(self, out: torch.Tensor) -> torch.Tensor:
        """Compare the mean of the prompts' states, [B, D]."""
        _, answers, mask = _parts(out)
        return super().comparable(torch.cat([out[..., :-MORE], (mask & ~answers).unsqueeze(2)], dim=2))

    def save(self, backbone: Backbone, folder: Path) -> None:
        """Write the network with its tokenizer as transformers does. UsageError: it is not the one of its config."""
        net = cast(Any, backbone).net
        hf_continuing.save(hf_backbone.continuing_config(backbone.card), net, self.layer, folder)
        load_tokenizer(self.expects.tokenizer, self.expects.added).save_pretrained(folder)

    def _scores(self, out: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Compute of each token of an answer its row, the scores from the state before it, [n, V], and its number."""
        ids, answers, _ = _parts(out)
        asked = answers[:, 1:]
        scores = self.layer(out[:, :-1, :-MORE][asked]).float()
        return asked.nonzero()[:, 0], scores, ids[:, 1:][asked]

    def _write(self, prompts: list[torch.Tensor]) -> list[list[int]]:
        """Go on with prompts."""
        from transformers import GenerationConfig

        longest = max(map(len, prompts))
        given = prompts[0].new_full((len(prompts), longest), self.expects.end)
        known = torch.zeros_like(given)
        for row, prompt in enumerate(prompts):
            given[row, longest - len(prompt) :] = prompt
            known[row, longest - len(prompt) :] = 1
        asked = GenerationConfig(
            eos_token_id=self.expects.end,
            pad_token_id=self.expects.end,
            num_beams=self.beams,
            max_new_tokens=int(self.most),
            do_sample=False,
            use_cache=True,
        )
        whole: Any = self._whole[0]
        return whole.generate(given, attention_mask=known, generation_config=asked)[:, longest:].tolist()


def _parts(out: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the numbers of tokens, which are of answers, and which are there at all, each [B, T]."""
    ids, answers, mask = out[..., -MORE:].unbind(dim=2)
    return ids.round().long(), answers > 0, mask > 0
