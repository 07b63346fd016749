"""GradDrop: each element has one sign of its gradients, as often as the purity says; all where they agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from combine.matrices import rule, some
from headstart.core.errors import UsageError
from headstart.core.seeding import torch_seeded

ONES = torch.ones(3)


def combined(gradients: torch.Tensor, **options: Any) -> torch.Tensor:
    with torch_seeded("graddrop"):
        return rule("graddrop", **options).combine(gradients, ONES)


def test_elements_whose_signs_agree_are_added_and_others_take_one_sign() -> None:
    gradients = torch.from_numpy(some(3, 200))
    made = combined(gradients)
    plus, minus = gradients.clamp(min=0).sum(dim=0), gradients.clamp(max=0).sum(dim=0)
    is_plus, is_minus = torch.isclose(made, plus), torch.isclose(made, minus)
    assert (is_plus | is_minus).all() and is_plus.any() and is_minus.any()
    assert is_minus[plus == 0].all() and is_plus[minus == 0].all() and (plus == 0).any() and (minus == 0).any()


def test_a_sign_is_drawn_by_its_purity() -> None:
    gradients = torch.tensor([[3.0], [-1.0], [0.0]]).expand(3, 20_000)  # purity (1 + 2 / 4) / 2 = 0.75
    made = combined(gradients)
    assert set(made.tolist()) == {3.0, -1.0}
    assert float((made > 0).double().mean()) == pytest.approx(0.75, abs=0.02)


def test_a_leak_keeps_a_part_of_the_sum() -> None:
    gradients = torch.from_numpy(some(3, 20))
    assert combined(gradients, leak=1.0) == pytest.approx(gradients.sum(dim=0), abs=1e-6)
    half = 0.5 * combined(gradients) + 0.5 * gradients.sum(dim=0)
    assert combined(gradients, leak=0.5) == pytest.approx(half, abs=1e-6)


def test_it_follows_the_seed_and_keeps_the_type() -> None:
    gradients = torch.from_numpy(some(3, 50)).bfloat16()
    assert torch.equal(combined(gradients), combined(gradients)) and combined(gradients).dtype == torch.bfloat16
    assert combined(torch.zeros(3, 4)).tolist() == [0.0] * 4
    assert not np.array_equal(rule("graddrop").combine(gradients, ONES), rule("graddrop").combine(gradients, ONES))


def test_a_leak_above_one_is_refused() -> None:
    with pytest.raises(UsageError, match="leak is between 0 and 1"):
        rule("graddrop", leak=1.5)
