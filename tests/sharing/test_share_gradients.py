"""Claim of shared gradients: with all of them copies stay equal, with none each is alone."""

from __future__ import annotations

from pathlib import Path

import torch
from divided import own, stages, trained


def test_shared_gradients_keep_copies_equal_and_do_what_shared_weights_do(tmp_path: Path) -> None:
    model = trained(tmp_path / "gradients", "share_gradients common=1 share=1")
    other = trained(tmp_path / "weights", "share_weights common=1")
    common = set(next(iter(stages().values())))
    for name in common:
        torch.testing.assert_close(own(model, "first")[name], own(model, "second")[name], rtol=0, atol=0)
        torch.testing.assert_close(own(model, "first")[name], own(other, "first")[name], rtol=1e-5, atol=1e-7)
    apart = trained(tmp_path / "apart", "share_gradients common=1 share=0")
    assert all(not torch.equal(own(apart, "first")[name], own(apart, "second")[name]) for name in common)
