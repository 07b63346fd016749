"""Labels that lie over pictures are shown as these are: a drawn square stays over its square in every view."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from headstart.core.errors import UsageError
from headstart.core.types import Stream
from headstart.data.rows import Rows
from headstart.data.streams import BatchStream, Labelling, in_order
from headstart.data.transforms import make_transform
from headstart.inputs.image import Image
from headstart.inputs.vector import Vector

NEAREST = Image(height=24, width=24, mean=(0.0,) * 3, std=(1.0,) * 3, interpolation="nearest")
ROWS = 6


def png(pixels: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, "PNG")
    return np.frombuffer(file.getvalue(), dtype=np.uint8)


def squares(blank: tuple[int, ...] = ()) -> Rows:
    """White squares on black, and masks that are 7 where they are."""
    rng, pictures, masks = np.random.default_rng(0), [], []
    for row in range(ROWS):
        picture = np.zeros((40, 56, 3), np.uint8)
        x, y = rng.integers(0, 30), rng.integers(0, 20)
        picture[y : y + 14, x : x + 20] = 255
        pictures.append(picture)
        masks.append(png((picture[:, :, 0] // 255 * 7).astype(np.uint8))[: 0 if row in blank else None])
    known = {"mask": np.array([row not in blank for row in range(ROWS)])} if blank else {}
    return Rows([f"r{row}" for row in range(ROWS)], pictures, {"mask": masks}, known=known)


def shown(label: np.ndarray, show: Any) -> np.ndarray:
    return show(Pillow.open(io.BytesIO(label.tobytes())) if len(label) else Pillow.new("L", (1, 1), 255))


def collate(masks: list[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(masks))


LABELLING = Labelling({"mask": collate}, {"mask": shown})


def stream(view: str, expects: Image = NEAREST, rows: Rows | None = None, **more: Any) -> BatchStream:
    asked = Stream("train", views={"x": view})
    transform = make_transform(expects, asked.views)
    given = {"batch_size": ROWS, "seed": 3, "labelling": LABELLING, **more}
    return BatchStream(rows or squares(), transform, stream=asked, **given)


@pytest.mark.parametrize("view", ["weak", "mirror", "plain"])
@pytest.mark.parametrize("whole", [False, True])
def test_a_mask_follows_its_picture_through_a_view(view: str, whole: bool) -> None:
    looks = list(islice(stream(view, replace(NEAREST, whole=whole)).batches(), 4))
    for batch in looks:
        same = (batch.y == (batch.x[:, 0] > 0.5) * 7).float().mean()
        twice = whole and view == "plain"  # the picture is resized twice, the mask once
        assert same > 0.97 if twice else same == 1, "a pixel of the mask is not over its own"
        assert 0 < (batch.y == 7).float().mean() < 1
    again = {name: batch.y[place] for batch in looks[:2] for place, name in enumerate(batch.ids)}
    varied = any(not torch.equal(again[name], looks[2].y[place]) for place, name in enumerate(looks[2].ids))
    assert varied == (view == "weak"), "the draws are of the row and the epoch"


def test_no_value_is_mixed_where_the_picture_is_smoothed() -> None:
    smooth = replace(NEAREST, interpolation="bicubic")
    batch = next(stream("weak", smooth).batches())
    assert set(batch.y.unique().tolist()) == {0, 7}
    inside = (batch.x[:, 0] > 0.5) == (batch.y == 7)
    assert inside.float().mean() > 0.97  # but for the borders


def test_worker_processes_show_the_same_labels() -> None:
    alone, helped = (next(stream("weak", workers=count).batches()) for count in (0, 1))
    assert torch.equal(alone.y, helped.y) and torch.equal(alone.x, helped.x)


def test_in_order_shows_labels_plainly() -> None:
    places, batch = next(in_order(squares(), make_transform(NEAREST), batch_size=ROWS, labelling=LABELLING))
    assert list(places) == list(range(ROWS)) and torch.equal(batch.y, (batch.x[:, 0] > 0.5) * 7)


def test_rows_without_a_label_have_a_blank_one() -> None:
    batch = next(stream("weak", rows=squares(blank=(2,))).batches())
    missing = batch.ids.index("r2")
    assert batch.known["mask"].tolist() == [name != "r2" for name in batch.ids]
    assert (batch.y[missing] == 255).all() and batch.y.shape == (ROWS, 24, 24)


def test_views_that_change_colours_and_several_views_are_refused() -> None:
    with pytest.raises(UsageError, match=r"changes more than places\. Use a view that only moves"):
        stream("strong")
    both = Stream("train", views={"a": "weak", "b": "weak"})
    with pytest.raises(UsageError, match="shows each row in 2 views"):
        BatchStream(
            squares(), make_transform(NEAREST, both.views), stream=both, batch_size=2, seed=0, labelling=LABELLING
        )


def test_nothing_lies_over_rows_of_numbers() -> None:
    rows = Rows(["a"], np.zeros((1, 3), np.float32), {"mask": [png(np.zeros((2, 2), np.uint8))]})
    asked = Stream("train", views={"x": "plain"})
    made = BatchStream(
        rows, make_transform(Vector(), asked.views), stream=asked, batch_size=1, seed=0, labelling=LABELLING
    )
    with pytest.raises(UsageError, match="lies over an image, not over"):
        next(made.batches())
