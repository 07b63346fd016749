"""Claims of the counter-based randomness."""

from __future__ import annotations

import torch

from headstart.core.seeding import mix, numpy_generator, seed_torch, torch_seeded


def test_equal_parts_give_equal_seeds_and_others_do_not() -> None:
    assert mix(1, "a", 2) == 9066666090510628820  # the same on every machine
    assert len({mix(0, e, r) for e in range(50) for r in range(50)}) == 2500
    assert mix(1, 23) != mix(12, 3)


def test_the_global_generator_is_put_back() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    with torch_seeded(1, "x"):
        inside = torch.rand(1)
    assert torch.equal(torch.rand(1), expected)
    with torch_seeded(1, "x"):
        assert torch.equal(torch.rand(1), inside)


def test_numpy_is_seeded_by_the_parts() -> None:
    assert numpy_generator(1, "a").random() == numpy_generator(1, "a").random() != numpy_generator(1, "b").random()


def test_seeding_torch_notes_nothing_down() -> None:
    torch.manual_seed(mix(1, "step", 2))
    expected = torch.rand(3)
    waiting = len(torch.cuda._queued_calls)
    seed_torch(1, "step", 2)
    assert torch.equal(torch.rand(3), expected)
    with torch_seeded(1):
        pass
    assert len(torch.cuda._queued_calls) == waiting
