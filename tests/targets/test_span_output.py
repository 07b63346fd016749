"""The loss of answers and the search for the best one, by values that were worked out by hand."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from headstart.core.types import LossOptions
from headstart.targets._span_output import BEST, SpanOutput

ENDS = [-1, 0, 0, 2, 5, 5, 9, 0]  # first token, two of the question, "ab", a sign of two tokens, "efgh", a mark
STARTS = [0, 0, 0, 0, 3, 3, 5, 0]


def numbers(start: list[float], end: list[float]) -> torch.Tensor:
    return torch.tensor([[start, end, STARTS, ENDS]], dtype=torch.float32).transpose(1, 2)


ZERO = [0.0] * 8


def test_the_loss_is_the_mean_of_both_cross_entropies_over_the_tokens_of_the_context() -> None:
    start = [9.0, 9, 9, math.log(3), 0, 0, 0, 9]  # 3 of 6: what is not of the context does not count
    out = numbers(start, ZERO)
    wanted = (math.log(2) + math.log(4)) / 2
    assert SpanOutput(unanswerable=False).loss(out, torch.tensor([[0, 9]]), LossOptions()).item() == pytest.approx(
        wanted
    )
    either = SpanOutput(unanswerable=False).loss(out, torch.tensor([[3, 5]]), LossOptions())
    assert either.item() == pytest.approx((math.log(3) + math.log(2)) / 2), "both tokens of the sign are right"


def test_no_answer_is_the_first_token_where_it_is_learnt() -> None:
    none = torch.tensor([[-1, -1]])
    start = [math.log(2), 9, 9, 0, 0, 0, 0, 9.0]  # 2 of 6
    loss = SpanOutput(unanswerable=True).loss(numbers(start, ZERO), none, LossOptions())
    assert loss.item() == pytest.approx((math.log(3) + math.log(5)) / 2)
    assert SpanOutput(unanswerable=False).loss(numbers(start, ZERO), none, LossOptions()).item() == 0


def test_an_answer_that_is_cut_off_counts_as_0_to_the_mean_over_the_batch() -> None:
    out = numbers(ZERO, ZERO).expand(2, -1, -1).clone().requires_grad_()
    loss = SpanOutput(unanswerable=False).loss(out, torch.tensor([[0, 2], [7, 12]]), LossOptions())
    assert loss.item() == pytest.approx(math.log(4) / 2)
    loss.backward()
    assert out.grad is not None and not out.grad[1].any() and torch.isfinite(out.grad).all()


def test_an_answer_never_ends_before_it_begins() -> None:
    """Start 5 and end 2 are the likeliest by themselves: what is left is the best of the spans that can be."""
    found = SpanOutput(unanswerable=False).decode(numbers([0, 9, 9, 0, 0, 0, 5, 9], [0, 9, 9, 4, 0, 0, 1, 9]))
    assert found.shape == (1, BEST, 3) and found[0, 0, :2].tolist() == [5, 9]
    assert found[0, 0, 2].item() == pytest.approx(
        math.exp(5) / (3 + math.exp(5)) * math.exp(1) / (math.exp(4) + 2 + math.exp(1)), rel=1e-5
    )


@pytest.mark.parametrize("unanswerable", [False, True])
@pytest.mark.parametrize("most", [1, 2, 30])
def test_the_best_answers_are_those_of_all_spans(most: int, unanswerable: bool) -> None:
    out = torch.randn(6, 8, 4, generator=torch.Generator().manual_seed(most))
    out[..., 2], out[..., 3] = torch.tensor(STARTS, dtype=torch.float32), torch.tensor(ENDS, dtype=torch.float32)
    for row, found in zip(out, SpanOutput(unanswerable=unanswerable).best(out, most), strict=True):
        tokens = [place for place, end in enumerate(ENDS) if end > 0]
        can = [*([0] if unanswerable else []), *tokens]
        logs = [row[can, side].log_softmax(dim=0) for side in (0, 1)]
        sure = [dict(zip(can, own.tolist(), strict=True)) for own in logs]
        spans = {(a, b): sure[0][a] + sure[1][b] for a, b in itertools.product(tokens, tokens) if 0 <= b - a < most}
        ranked = sorted(((v, (STARTS[a], ENDS[b])) for (a, b), v in spans.items()), reverse=True)
        if unanswerable:
            ranked = sorted([*ranked, (sure[0][0] + sure[1][0], (0, 0))], reverse=True)
        wanted = ranked[:BEST]
        assert [tuple(each[:2]) for each in found.tolist()[: len(wanted)]] == [place for _, place in wanted]
        assert found[: len(wanted), 2].tolist() == pytest.approx([math.exp(v) for v, _ in wanted], rel=1e-4)


def test_without_any_token_of_the_context_there_is_no_answer() -> None:
    out = numbers(ZERO, ZERO)
    out[..., 3] = out[..., 3].clamp(max=0)
    assert not SpanOutput(unanswerable=False).decode(out).any()
    assert SpanOutput(unanswerable=True).decode(out)[0, 0].tolist() == [0, 0, 1]
