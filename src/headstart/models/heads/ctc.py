"""A character or a blank for each token of the backbone, from which the text follows, as for speech (CTC).

Connectionist temporal classification: the loss is the likelihood of all ways to lay a text over the tokens (Graves et
al. 2006, ICML, equations 3 to 8). The answer is that of the likeliest way, or with beams the likeliest text (prefix
search: Hannun et al. 2014, arXiv:1408.2873, algorithm 1, without a language model).
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from headstart.core.counting import agree
from headstart.core.input import Cut
from headstart.core.types import Labels, LossOptions, Target
from headstart.models.heads._sized import Dense
from headstart.models.heads._tokens import TokensHead
from headstart.models.model import Backbone, Head
from headstart.models.weights import AnyShape
from headstart.targets._text_output import TextOutput, lengths_of
from headstart.targets._written_texts import texts_of

BLANK = 0  # the first output; that of a character is one more than its place


@dataclass(frozen=True)
class Ctc:
    """A character or a blank for each token of the backbone, as for speech: no decoder, and no order of its own.

    beams: texts that are followed at a time; 1 takes the likeliest character of each token.
    """

    beams: int = 1

    def __post_init__(self) -> None:
        if self.beams < 1:
            raise ValueError(f"beams must be at least 1, not {self.beams}.")

    def build(self, dim: int, target: Target) -> Head:
        """Make the head; its layer gets its size from the characters of the training labels."""
        return CtcHead(self, target)


class CtcHead(TokensHead):
    """A head that names the characters of a text in the order of the tokens."""

    output: CtcOutput

    def __init__(self, options: Ctc, target: Target) -> None:
        super().__init__("ctc", target)
        self.options = options

    def fit_to(self, backbone: Backbone) -> None:
        """Make the layer for the backbone's tokens. UsageError: it gives none."""
        self.output = CtcOutput(self.width_of(backbone), self.options.beams, self.target.outputs)

    def cut(self, labels: Labels) -> Cut | None:
        """Find labels with characters that no training label has."""
        known = {*self.output.alphabet.text}
        places = [place for place, text in enumerate(texts_of(labels)) if not {*text} <= known]
        have = agree(len(places), "have")
        return Cut(places, f"{have} characters that training has not: they cannot be written") if places else None

    def needs(self, labels: Labels) -> np.ndarray:
        """Count the tokens that each label needs, [N]: its characters, and a blank between two that are the same."""
        return np.array([_needed(text) for text in texts_of(labels)])


class Alphabet(AnyShape):
    """The characters that can be written, as code points: a buffer of any length."""

    points: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("points", torch.zeros(1, dtype=torch.int64))

    @property
    def text(self) -> str:
        """The characters in order."""
        return "".join(map(chr, self.points.tolist()))


class CtcOutput(TextOutput):
    """Tokens with their mask, [B, T, D + 1], to texts.

    Args:
        dim: Width D of the tokens.
        beams: Texts that are followed at a time.
        width: Bytes of an output.
    """

    usual: torch.Tensor

    def __init__(self, dim: int, beams: int, width: int) -> None:
        super().__init__(width)
        self.beams, self.alphabet = beams, Alphabet()
        self.layer = Dense(torch.zeros(2, dim), torch.zeros(2), learns=True)
        self.norm = nn.LayerNorm(dim)  # tokens of some networks are far from one in size
        self.register_buffer("usual", torch.ones(()))

    def start(self, labels: Labels) -> None:
        """Find the characters of the training labels, and their usual number, by which the loss is divided."""
        texts = texts_of(labels)
        found = sorted({character for text in texts for character in text})
        self.alphabet.points = torch.tensor([ord(character) for character in found])
        outputs, dim = 1 + len(found), self.layer.weight.shape[1]
        self.layer = Dense(torch.zeros(outputs, dim), torch.zeros(outputs), learns=True)  # an even guess
        self.usual.fill_(lengths_of([[*map(ord, text)] for text in texts])[0])

    def loss(self, out: torch.Tensor, y: torch.Tensor, options: LossOptions) -> torch.Tensor:
        """Sum the negative log-likelihood of the labels, and divide it by their usual length."""
        place = {character: number for number, character in enumerate(self.alphabet.text, BLANK + 1)}
        spelt = [[place[each] for each in text if each in place] for text in texts_of(y.cpu().numpy())]
        joined = torch.tensor([number for each in spelt for number in each], dtype=torch.int64, device=out.device)
        counts = torch.tensor([len(each) for each in spelt], device=out.device)
        scores, lengths = self._scores(out)
        each = functional.ctc_loss(
            scores.transpose(0, 1), joined, lengths, counts, BLANK, reduction="none", zero_infinity=True
        )
        return each.sum() / (len(out) * self.usual)

    def decode(self, out: torch.Tensor) -> torch.Tensor:
        """Write the answers, [B, width] uint8."""
        scores, lengths = self._scores(out)
        text = self.alphabet.text
        rows = [row[:length] for row, length in zip(scores.detach().cpu().numpy(), lengths.tolist(), strict=True)]
        found = [searched(row, self.beams) if self.beams > 1 else collapsed(row.argmax(axis=1)) for row in rows]
        return self.as_rows(["".join(text[number - 1] for number in each).strip() for each in found]).to(out.device)

    def _scores(self, out: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute log-probabilities of blank and characters, [B, T, 1 + C], tokens that count first; their number."""
        mask = out[..., -1] > 0
        order = torch.argsort((~mask).long(), dim=1, stable=True)
        states = out[..., :-1].gather(1, order[..., None].expand(-1, -1, out.shape[2] - 1))
        return self.layer(self.norm(states)).log_softmax(dim=2), mask.sum(dim=1)


def collapsed(path: np.ndarray) -> list[int]:
    """Leave out what comes again at once, then blanks."""
    kept = np.concatenate([[True], path[1:] != path[:-1]]) if len(path) else np.zeros(0, dtype=bool)
    return [int(number) for number in path[kept] if number != BLANK]


def searched(scores: np.ndarray, beams: int) -> list[int]:
    """Search for the likeliest text, whose probability is the sum over the ways to lay it over the tokens.

    Args:
        scores: Log-probabilities [T, 1 + C].
        beams: Texts that are kept after each token.

    Returns:
        The numbers of its characters.
    """
    kept: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, -math.inf)}  # that end with a blank, and do not
    for row in scores.tolist():
        found: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [-math.inf, -math.inf])

        for text, (blank, letter) in kept.items():
            both = float(np.logaddexp(blank, letter))
            _add(found[text], 0, both + row[BLANK])
            for number, score in enumerate(row[1:], 1):
                again = text[-1:] == (number,)
                if again:
                    _add(found[text], 1, letter + score)
                _add(found[*text, number], 1, (blank if again else both) + score)
        ends = {text: (blank, letter) for text, (blank, letter) in found.items()}
        best = sorted(ends, key=lambda text: -float(np.logaddexp(ends[text][0], ends[text][1])))[:beams]
        kept = {text: ends[text] for text in best}
    return list(next(iter(kept)))


def _add(ends: list[float], place: int, score: float) -> None:
    ends[place] = float(np.logaddexp(ends[place], score))


def _needed(text: str) -> int:
    return len(text) + sum(one == other for one, other in pairwise(text))
