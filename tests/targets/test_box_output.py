"""Which place learns which box, the losses, and the boxes that are decided, each by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from headstart.core.types import LossOptions
from headstart.models.heads.fcos import places
from headstart.targets._box_output import BOXES, PLACES, SAME, BoxOutput, assigned

# two levels over a picture of 64 x 64: strides of 8 and of 16 pixels
GRID = torch.cat([places(torch.zeros(1, 1, 8, 8)), places(torch.zeros(1, 1, 4, 4))])[None]


def boxes(*rows: tuple[float, ...]) -> torch.Tensor:
    """Boxes in pixels of 64, with class and crowd."""
    return torch.tensor([[*(side / 64 for side in row[:4]), *row[4:]] for row in rows], dtype=torch.float32)[None]


def learnt(y: torch.Tensor) -> list[tuple[int, int]]:
    told = assigned(GRID, y)
    return [(place, int(told.classes[0, place])) for place in torch.where(told.classes[0] >= 0)[0].tolist()]


def answers(*found: tuple[int, int, tuple[float, ...]], classes: int = 2) -> torch.Tensor:
    """Numbers of a head that says nothing but at some places: place, class, box in pixels."""
    out = torch.full((1, GRID.shape[1], 9 + classes), -12.0)
    out[..., :4], out[..., 4:8] = GRID, 1.0
    for place, kind, box in found:
        centre, stride = GRID[0, place, :2], GRID[0, place, 2:]
        corners = torch.tensor(box) / 64
        out[0, place, 4:8] = torch.cat([(centre - corners[:2]) / stride, (corners[2:] - centre) / stride])
        out[0, place, 8], out[0, place, 9 + kind] = 12.0, 12.0
    return out


def test_the_middle_of_a_box_learns_it_on_the_level_of_its_size() -> None:
    # 24 x 24 around (28, 28): within 12 pixels of the middle in both directions there are 3 x 3 places of stride 8
    assert learnt(boxes((16, 16, 40, 40, 1, 0))) == [(8 * y + x, 1) for y in (2, 3, 4) for x in (2, 3, 4)]
    # strides of 4 and of 8: from the middle of the whole picture its furthest side is 34 pixels away at least, more
    # than 8 strides of 4; of 8 it is 4.5, and those of more than 4 learn it
    grid = torch.cat([places(torch.zeros(1, 1, 16, 16)), places(torch.zeros(1, 1, 8, 8))])[None]
    for side, coarse in ((64, {True}), (48, {False})):
        told = assigned(grid, boxes((0, 0, side, side, 0, 0)))
        assert {place >= 16 * 16 for place in torch.where(told.classes[0] == 0)[0].tolist()} == coarse


def test_of_two_boxes_a_place_learns_the_smaller_one() -> None:
    both = learnt(boxes((8, 8, 56, 56, 0, 0), (24, 24, 40, 40, 1, 0)))
    assert [kind for place, kind in both if place == 8 * 3 + 3] == [1]


def test_how_central_a_place_is_and_what_does_not_count() -> None:
    told = assigned(GRID, boxes((16, 16, 40, 40, 1, 0), (40, 40, 64, 64, 0, 1), (0, 0, 0, 0, -1, 0)))
    assert told.central[0, 8 * 3 + 3] == pytest.approx(1.0)
    # at (20, 28): 4 to the left, 20 to the right, 12 up and 12 down
    assert told.central[0, 8 * 3 + 2] == pytest.approx((4 / 20) ** 0.5)
    assert not told.counts[0, 8 * 6 + 6] and told.counts[0, 0]  # in a crowd; outside of all
    assert (told.classes[0] == 0).sum() == 0


def test_the_loss_by_hand() -> None:
    y, output = boxes((16, 16, 40, 40, 1, 0)), BoxOutput()
    right = [(8 * row + column, 1, (16, 16, 40, 40)) for row in (2, 3, 4) for column in (2, 3, 4)]
    central = assigned(GRID, y).central[0, [place for place, _, _ in right]]
    out = answers(*right)
    for (place, _, _), value in zip(right, central, strict=True):
        out[0, place, 8] = torch.logit(value.clamp(max=1 - 1e-6))
    entropy = torch.special.entr(central) + torch.special.entr(1 - central)  # the least a soft label costs
    assert output.loss(out, y, LossOptions()).item() == pytest.approx(entropy.sum().item() / PLACES, abs=1e-3)
    wrong = answers(*right)  # one of the boxes is half as wide: its IoU is 0.5, and so is its GIoU
    wrong[0, right[4][0], [4, 6]] = torch.tensor([1.5, 0.0])
    wrong[..., 8] = out[..., 8]
    more = output.loss(wrong, y, LossOptions()) - output.loss(out, y, LossOptions())
    assert more.item() == pytest.approx(2 * 0.5 * central[4].item() / PLACES, abs=1e-3)


def test_the_loss_of_a_batch_is_the_mean_of_its_pictures() -> None:
    y = torch.cat([boxes((16, 16, 40, 40, 1, 0)), boxes((0, 0, 64, 64, 0, 0)), torch.full((1, 1, 6), -1.0)])
    out = torch.cat([GRID.expand(3, -1, -1), torch.randn(3, GRID.shape[1], 7)], dim=2)
    out[..., 4:8] = out[..., 4:8].exp()
    output = BoxOutput()
    output.start([np.zeros((3, 6), np.float32), np.zeros((2, 6), np.float32)])
    each = [output.loss(out[row : row + 1], y[row : row + 1], LossOptions()).item() for row in range(3)]
    assert output.loss(out, y, LossOptions()).item() == pytest.approx(np.mean(each), rel=1e-5)
    assert output.usual.item() == 2.5
    plain = BoxOutput().loss(out, y, LossOptions()).item()
    assert plain == pytest.approx(2.5 * np.mean(each), rel=1e-5)


def test_a_crowd_is_neither_learnt_nor_background() -> None:
    sure = answers((8 * 3 + 3, 0, (16, 16, 40, 40)))
    output = BoxOutput()
    crowd = output.loss(sure, boxes((16, 16, 40, 40, 0, 1)), LossOptions()).item()
    nothing = output.loss(sure, torch.full((1, 1, 6), -1.0), LossOptions()).item()
    assert crowd == pytest.approx(0.0, abs=1e-3) and nothing > 0.5


def test_what_is_decided() -> None:
    shifted = (18.0, 16.0, 42.0, 40.0)  # an IoU of 22 / 26 with the first: the same box
    first: tuple[float, ...] = (16.0, 16.0, 40.0, 40.0)
    out = answers((8 * 3 + 3, 1, first), (8 * 3 + 4, 1, shifted), (8 * 3 + 2, 0, first))
    out[0, 8 * 3 + 4, 10] = 2.0
    assert SAME < 22 / 26
    found: Any = BoxOutput().decode(out)
    assert found.shape == (1, BOXES, 6) and found.dtype == torch.float32
    kept = found[0][found[0, :, 4] > 0]
    assert sorted(kept[:, 5].tolist()) == [0, 1]  # one of each class, and the surer of the two
    assert torch.allclose(kept[:, :4] * 64, torch.tensor(first).expand(2, 4), atol=1e-3)
    assert (found[0, len(kept) :] == 0).all()
    low = BoxOutput().decode(answers((8 * 3 + 3, 1, (-10.0, 5.0, 40.0, 80.0))))[0, 0]
    assert (low[:4] * 64).tolist() == pytest.approx([0, 5, 40, 64], abs=1e-3)  # cut to the picture
