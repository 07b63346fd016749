"""What numbers of tokens mean for answers that are pieces of a context (Devlin et al. 2019, arXiv:1810.04805,
sections 4.2 and 4.3). Imports torch.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from headstart.core.types import LossOptions
from headstart.targets._outputs import Output

NEVER = -1e9  # the logarithm of what cannot be
BEST = 5  # answers that are given for each row
USUAL = 30  # tokens of an answer at most, as in BERT's code for SQuAD


class SpanOutput(Output):
    """Two numbers for each token and its place in the context, [B, T, 4]; labels [B, 2], a start and an end.

    The softmax over tokens is over those of the context, and over the first one, which is "no answer", where that is
    learnt. The loss is the mean of the cross-entropies of start and end; rows whose answer was cut off count as 0.

    Args:
        unanswerable: Whether some questions have no answer.
    """

    def __init__(self, *, unanswerable: bool) -> None:
        super().__init__()
        self.unanswerable = unanswerable

    def loss(self, out: torch.Tensor, y: torch.Tensor, options: LossOptions) -> torch.Tensor:
        """Compute the loss; a place that several tokens hold, as the bytes of a sign, is that of any of them."""
        starts, ends = out[..., 2], out[..., 3]
        none = self._none(out)
        asked = y[:, 1:] < 0  # has no answer
        begins = torch.where(asked, none, (ends > 0) & (starts <= y[:, :1]) & (y[:, :1] < ends))
        closes = torch.where(asked, none, (ends > 0) & (starts < y[:, 1:]) & (y[:, 1:] <= ends))
        sure = [
            logs.masked_fill(~right, NEVER).logsumexp(dim=1)
            for logs, right in zip(self._logs(out), (begins, closes), strict=True)
        ]
        seen = begins.any(dim=1) & closes.any(dim=1)
        return -((sure[0] + sure[1]) / 2 * seen).sum() / len(out)

    def decode(self, out: torch.Tensor) -> torch.Tensor:
        """Find the best answers of the usual length."""
        return self.best(out, USUAL)

    def best(self, out: torch.Tensor, most: int) -> torch.Tensor:
        """Find the likeliest answers that end where they begin or behind that.

        Args:
            out: Numbers and places of tokens, [B, T, 4].
            most: Tokens of an answer.

        Returns:
            Start, end and probability of each, [B, `BEST`, 3] float32, the likeliest first; an end of 0 is no answer.
        """
        (begins, closes), (starts, ends) = self._logs(out), (out[..., 2], out[..., 3])
        tokens, most = out.shape[1], min(most, out.shape[1])
        inside, none = ends > 0, self._none(out)
        begin, close = (logs.masked_fill(~inside, NEVER) for logs in (begins, closes))
        behind = functional.pad(close, (0, most - 1), value=NEVER).unfold(1, most, 1)  # [B, T, most]
        spans = begin.unsqueeze(2) + behind
        nothing = (begins + closes).masked_fill(~none, NEVER).amax(dim=1, keepdim=True)
        every = torch.cat([nothing, spans.flatten(1)], dim=1)
        sure, places = every.topk(min(BEST, every.shape[1]), dim=1)
        first = (places - 1).clamp(min=0) // most
        last = (first + (places - 1).clamp(min=0) % most).clamp(max=tokens - 1)
        found = torch.stack([starts.gather(1, first), ends.gather(1, last), sure.exp()], dim=2)
        found = found * ((places > 0) & (sure > NEVER / 2)).unsqueeze(2) + (
            functional.pad((sure.exp() * (places == 0)).unsqueeze(2), (2, 0))
        )
        return functional.pad(found, (0, 0, 0, BEST - found.shape[1]))

    def _none(self, out: torch.Tensor) -> torch.Tensor:
        """Return which token is "no answer", [B, T] bool; none where that is not learnt."""
        return (out[..., 3] < 0) & self.unanswerable

    def _logs(self, out: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return log-probabilities of start and end, [B, T] each."""
        can = (out[..., 3] > 0) | self._none(out)
        start, end = (out[..., place].masked_fill(~can, NEVER).log_softmax(dim=1) for place in (0, 1))
        return start, end
