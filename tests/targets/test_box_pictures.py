"""Boxes are drawn where they are, in the colours of their classes, and their texts can be read."""

from __future__ import annotations

import base64
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from headstart.targets._box_pictures import drawn, overlay, placed
from headstart.targets._mask_pictures import colours

GREY = (128, 128, 128)
NAMES = ("RBC", "WBC")


def found(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 6)


def inked(picture: Image.Image, shade: np.ndarray) -> np.ndarray:
    return (np.asarray(picture) == shade).all(axis=2)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_box_is_drawn_on_its_own_pixels(mode: str) -> None:
    """Shares 0.1 to 0.5 of 200 pixels are 20 to 99, 0.5 to 0.75 of 160 are 80 to 119."""
    before = Image.new("RGB", (200, 160), GREY).convert(mode)
    made = drawn(before, found((0.1, 0.5, 0.5, 0.75, 0.93, 1)), NAMES)
    assert made.size == before.size and before.mode == mode and len(before.convert("RGB").getcolors() or []) == 1
    ink = inked(made, colours(2)[1])[80:]  # below the text
    rows, columns = np.nonzero(ink)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (0, 39, 20, 99)
    assert ink[0, 20:100].all() and ink[39, 20:100].all() and ink[:40, 20].all() and ink[:40, 99].all()
    assert ink.sum() == 2 * 80 + 2 * 38 and inked(made, np.array(GREY))[81:119, 21:99].all()


def test_lines_and_texts_grow_with_the_picture() -> None:
    small, large = (
        drawn(Image.new("RGB", (s, s), GREY), found((0.2, 0.5, 0.8, 0.8, 0.5, 0)), NAMES) for s in (200, 1600)
    )
    shade = colours(2)[0]
    assert inked(small, shade)[130, :100].sum() == 1 and inked(large, shade)[1040, :800].sum() == 5
    heights = [inked(each, shade)[: each.height // 2].any(axis=1).sum() for each in (small, large)]
    assert heights[0] >= 9 and heights[1] > 2 * heights[0]


@pytest.mark.parametrize("corner", [(0.0, 0.0), (0.95, 0.0), (0.0, 0.95), (0.95, 0.95)])
def test_the_text_stays_inside(corner: tuple[float, float]) -> None:
    """As many pixels are changed beside the box as in the middle."""

    def changed(x: float, y: float) -> int:
        made = np.asarray(drawn(Image.new("RGB", (400, 400), GREY), found((x, y, x, y, 0.93, 0)), NAMES))
        return int((made != 128).any(axis=2).sum())

    assert abs(changed(*corner) - changed(0.5, 0.5)) <= 4  # the box itself, and what is grey by chance


def test_labels_lie_beneath_wider_and_white() -> None:
    label = found((0.25, 0.25, 0.75, 0.75, 1, 0))
    made = drawn(Image.new("RGB", (100, 100), "white"), found((0.25, 0.25, 0.75, 0.75, 0.9, 0)), NAMES, label)
    across = [tuple(np.asarray(made)[50, x].tolist()) for x in range(22, 29)]
    white, black = (255, 255, 255), (0, 0, 0)
    assert across == [white, black, white, tuple(colours(2)[0].tolist()), white, black, white]


def test_weak_and_unused_boxes_are_left_out() -> None:
    many = found((0, 0, 0.5, 0.5, 0.6, 0), (0.5, 0.5, 1, 1, 0.4, 1), (0.2, 0.2, 0.3, 0.3, 0, 1))
    blank = Image.new("RGB", (100, 100), GREY)
    assert np.array_equal(np.asarray(drawn(blank, many, NAMES, least=0.5)), np.asarray(drawn(blank, many[:1], NAMES)))
    assert np.array_equal(np.asarray(drawn(blank, many, NAMES)), np.asarray(drawn(blank, many[:2], NAMES)))
    assert len(rects(overlay(found(), many, 2, (100, 100), least=0.5))) == 1
    assert len(rects(overlay(found(), many, 2, (100, 100)))) == 2


def test_better_scores_lie_on_top() -> None:
    made = drawn(Image.new("RGB", (100, 100)), found((0, 0, 1, 1, 0.9, 0), (0, 0, 1, 1, 0.8, 1)), NAMES)
    assert inked(made, colours(2)[0])[50, [0, 99]].all() and inked(made, colours(2)[0])[2, 2]


def test_boxes_that_reach_beyond_end_at_the_edge() -> None:
    assert placed(np.array([-0.2, 0.5, 1.3, 2.0]), (100, 80)) == (0, 40, 99, 79)
    assert placed(np.array([1.0, 0.5, 1.0, 0.5]), (100, 80)) == (99, 40, 99, 40)


def test_an_overlay_has_the_proportions_of_its_picture() -> None:
    """320 by 80 pixels at 160 by 40: decided boxes in colour first, then labels, dashed white between black."""
    uri = overlay(found((0, 0.5, 1, 1, 0, 0)), found((0.25, 0.25, 0.75, 0.5, 0.9, 1)), 2, (320, 80))
    made = rects(uri)
    assert [made[0][key] for key in ("x", "y", "width", "height")] == ["40.0", "10.0", "80.0", "10.0"]
    assert made[0]["stroke"] == f"#{bytes(colours(2)[1].tolist()).hex()}"
    assert [each["stroke"] for each in made[1:]] == ["black", "white"]
    assert all(
        [each[key] for key in ("x", "y", "width", "height")] == ["0.0", "20.0", "160.0", "20.0"] for each in made[1:]
    )
    assert parsed(uri).attrib["viewBox"] == "0 0 160 40"


def parsed(uri: str) -> ElementTree.Element:
    return ElementTree.fromstring(base64.b64decode(uri.partition("base64,")[2]))


def rects(uri: str) -> list[dict[str, str]]:
    return [each.attrib for each in parsed(uri)]
