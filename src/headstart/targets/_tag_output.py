"""What a head's numbers mean for tags of words: the loss, and the likeliest tags that write entities. Imports torch."""

from __future__ import annotations

import torch
from torch.nn import functional

from headstart.core.types import Labels, LossOptions
from headstart.targets._outputs import Output

SURE = 255  # the byte of a probability of 1


class TagOutput(Output):
    """A tag for each word: numbers [B, T, C + 1], of which the last says which words are seen; labels [B, W], -1 none.

    The loss is cross-entropy, summed over words and divided by the words of a usual text, so that each word counts
    alike and the mean over a batch is that of its micro-batches.
    """

    usual: torch.Tensor

    def __init__(self, *, entities: bool) -> None:
        super().__init__()
        self.entities = entities
        self.register_buffer("usual", torch.ones(()))

    def start(self, labels: Labels) -> None:
        """Take the mean number of words of a training text."""
        self.usual.fill_(max(1.0, sum(map(len, labels)) / max(1, len(labels))))

    def loss(self, out: torch.Tensor, y: torch.Tensor, options: LossOptions) -> torch.Tensor:
        """Compute the cross-entropy of the words that are seen."""
        logits, seen = out[..., :-1].float(), out[..., -1] > 0.5  # [B, T, C], [B, T]
        wanted = functional.pad(y, (0, max(0, out.shape[1] - y.shape[1])), value=-1)[:, : out.shape[1]]
        wanted = wanted.where(seen, -1)
        each = functional.cross_entropy(
            logits.transpose(1, 2), wanted, ignore_index=-1, label_smoothing=options.label_smoothing, reduction="sum"
        )
        return each / (len(out) * self.usual)

    def decode(self, out: torch.Tensor) -> torch.Tensor:
        """Return of each word its tag's place plus 1 (0 where it is not seen) and the tag's probability in 255ths:
        [B, T, 2] uint8.
        """
        logs, seen = out[..., :-1].float().log_softmax(dim=2), out[..., -1] > 0.5
        tags = viterbi(logs, seen) if self.entities else logs.argmax(dim=2)
        sure = logs.gather(2, tags.unsqueeze(2)).squeeze(2).exp()
        found = torch.stack([tags + 1, (sure * SURE).round().long()], dim=2)
        return (found * seen.unsqueeze(2)).to(torch.uint8)


def viterbi(logs: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """Find the likeliest tags of IOB2 in which every I- follows B- or I- of its class (Viterbi 1967, no transitions
    but these).

    Args:
        logs: Log-probabilities of the tags O, B-1, I-1, B-2, I-2, … of each word, [B, T, 2C + 1].
        seen: Which words are seen, [B, T]; the others are O.

    Returns:
        [B, T] int64.
    """
    never = torch.finfo(logs.dtype).min / 4
    logs = logs.masked_fill(~seen.unsqueeze(2), never)
    logs[..., 0] = logs[..., 0].where(seen, 0.0)
    score = logs[:, 0].clone()
    score[:, 2::2] = never
    back = []
    for step in logs.unbind(dim=1)[1:]:
        best, came = score.max(dim=1, keepdim=True)
        came = came.expand_as(score).clone()
        before, inside = score[:, 1::2], score[:, 2::2]
        places = torch.arange(1, score.shape[1], 2, device=score.device).expand_as(before)
        came[:, 2::2] = torch.where(inside > before, places + 1, places)
        score = best + step
        score[:, 2::2] = torch.maximum(inside, before) + step[:, 2::2]
        back.append(came)
    tags = [score.argmax(dim=1, keepdim=True)]
    for came in reversed(back):
        tags.append(came.gather(1, tags[-1]))
    return torch.cat(tags[::-1], dim=1)
