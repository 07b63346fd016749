"""Boxes are shown as their pictures are: a drawn square's box stays that of the square in every view."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from headstart.core.types import Stream
from headstart.data.rows import Rows
from headstart.data.streams import BatchStream, Labelling
from headstart.data.transforms import make_transform
from headstart.inputs.image import Image
from headstart.targets._box_labels import SEEN, shown_boxes
from headstart.targets.detection import Detection

EXPECTS = Image(height=96, width=64, mean=(0.0,) * 3, std=(1.0,) * 3, interpolation="nearest")
ROWS, TARGET = 8, Detection(("boxes",), ("square",))


def squares(channels: int = 3) -> Rows:
    """A white square on black in pictures of several shapes, with its box."""
    rng, pictures, boxes = np.random.default_rng(0), [], []
    for row in range(ROWS):
        height, width = (120, 200) if row % 2 else (230, 90)
        picture = np.zeros((height, width, channels), np.uint8)
        x, y, side = rng.integers(0, width - 60), rng.integers(0, height - 60), rng.integers(20, 60)
        picture[y : y + side, x : x + side] = 255
        pictures.append(picture)
        corners = [x / width, y / height, (x + side) / width, (y + side) / height]
        boxes.append(np.array([[*corners, 0, 0]], dtype=np.float32))
    return Rows([f"r{row}" for row in range(ROWS)], pictures, {"target": boxes})


@pytest.mark.parametrize(
    ("view", "whole"), [("weak", True), ("weak", False), ("mirror", True), ("mirror", False), ("plain", True)]
)
def test_a_box_follows_its_square_through_a_view(view: str, whole: bool) -> None:
    labelling, asked = Labelling.of({"target": TARGET}), Stream("train", views={"x": view})
    transform = make_transform(replace(EXPECTS, whole=whole), asked.views)
    stream = BatchStream(squares(), transform, stream=asked, batch_size=ROWS, seed=1, labelling=labelling)
    compared, moved = 0, set()
    for batch in islice(stream.batches(), 4):
        for pixels, boxes in zip(batch.x[:, 0], batch.y, strict=True):
            rows, columns = torch.where(pixels > 0.5)
            if not len(rows):
                assert (boxes[:, 4] < 0).all() or _thin(boxes)
                continue
            seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert boxes[:, 4].tolist() == [0.0]
            found = (boxes[0, :4] * torch.tensor([64, 96, 64, 96])).tolist()
            assert found == pytest.approx([float(side) for side in seen], abs=1.6), "the box is not around its square"
            compared += 1
            moved.add(tuple(found))
    assert compared > 2 * ROWS and (view != "weak" or len(moved) > ROWS)


def _thin(boxes: torch.Tensor) -> bool:
    """Return whether no box of a class has a pixel of its own."""
    sides = (boxes[:, 2:4] - boxes[:, :2]) * torch.tensor([64, 96])
    return bool((sides.amin(dim=1)[boxes[:, 4] >= 0] < 1).all())


def shift(share: float) -> Any:
    """Show the right part of a picture, from a share of its width on."""

    def show(picture: Any) -> np.ndarray:
        start = round(share * picture.width)
        return np.asarray(picture)[:, start : start + picture.width // 2]

    return show


def test_what_is_cut_off_is_gone_and_what_is_nearly_cut_off_is_a_crowd() -> None:
    label = np.array(
        [[0.0, 0.0, 0.2, 1.0, 0, 0], [0.1, 0, 0.3, 1, 1, 0], [0.1, 0, 0.7, 0.5, 2, 0], [0.3, 0, 0.4, 1, 3, 1]],
        dtype=np.float32,
    )
    shown = shown_boxes(label, shift(0.26))
    assert shown[:, 4].tolist() == [1, 2, 3]
    assert SEEN == 0.25 and shown[:, 5].tolist() == [1, 0, 1]  # a fifth of the first is left; a crowd stays one
    assert shown[1, :4].tolist() == pytest.approx([0, 0, 0.88, 0.5], abs=0.005)


def test_a_turned_picture_has_boxes_around_the_turned_ones() -> None:
    label = np.array([[0.1, 0.2, 0.3, 0.6, 0, 0]], dtype=np.float32)
    turned = shown_boxes(label, lambda picture: np.asarray(picture.transpose(Pillow.Transpose.ROTATE_90)))
    assert turned[0, :4].tolist() == pytest.approx([0.2, 0.7, 0.6, 0.9], abs=0.005)


def test_a_picture_without_boxes_stays_one() -> None:
    nothing = np.zeros((0, 6), dtype=np.float32)
    assert shown_boxes(nothing, shift(0.0)).shape == (0, 6)
    made = TARGET.collate([nothing, np.ones((2, 6), np.float32)])
    assert made.shape == (2, 2, 6) and made[0, :, 4].tolist() == [-1, -1]
    assert TARGET.collate([nothing]).shape == (1, 1, 6)
