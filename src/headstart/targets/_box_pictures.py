"""Pictures of boxes: drawn into a picture for a file, or to lie over an example of the report."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from xml.etree import ElementTree

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from headstart.targets._mask_pictures import SIDE, colours

PER_LINE, PER_TEXT = 320, 45  # pixels of a picture's longer side for one of a line's width, of a text's height
SMALLEST = 10  # pixels of text
BRIGHT = 140  # of 255: colours from here on carry black text
DASH = 4  # of an overlay's pixels
Box = tuple[int, int, int, int]


def drawn(
    picture: Image.Image,
    found: np.ndarray,
    classes: Sequence[str],
    label: np.ndarray | None = None,
    least: float = 0.0,
) -> Image.Image:
    """Draw boxes into a picture, each in the colour of its class, with class and score.

    Args:
        picture: Any; it stays as it is.
        found: Boxes [k, 6]: x0, y0, x1, y1 as shares of the picture, score, place of the class. Best scores lie on top.
        classes: Names of the classes.
        label: Boxes that are right, [n, 6]: they lie beneath, wider and white between black lines.
        least: The score from which on boxes are drawn; those of 0 are unused.

    Returns:
        A picture in RGB of the same size.
    """
    made = picture.convert("RGB")
    pen, longer = ImageDraw.Draw(made), max(made.size)
    line = max(1, round(longer / PER_LINE))
    for corners in () if label is None else label:
        x0, y0, x1, y1 = placed(corners, made.size)
        for wider, shade in ((2, "black"), (1, "white")):
            more = max(1, line // 2) * wider
            pen.rectangle((x0 - more, y0 - more, x1 + more, y1 + more), outline=shade, width=line + 2 * more)
    shades = colours(len(classes))
    kept = used(found, least)[::-1]
    boxes = [(placed(box, made.size), tuple(shades[int(box[5])].tolist())) for box in kept]
    for box, shade in boxes:
        pen.rectangle(box, outline=shade, width=line)
    font = ImageFont.load_default(max(SMALLEST, round(longer / PER_TEXT)))
    for (box, shade), row in zip(boxes, kept, strict=True):
        _tagged(pen, font, f"{classes[int(row[5])]} {row[4]:.2f}", box, shade, made.size)
    return made


def overlay(label: np.ndarray, found: np.ndarray, classes: int, size: tuple[int, int], least: float = 0.0) -> str:
    """Draw a clear picture of boxes that lies over an example.

    Args:
        label: Boxes that are right, [n, 6]; they are dashed in white and black.
        found: Boxes [k, 6] with score and class; they are drawn in the colours of their classes, beneath.
        classes: How many there are.
        size: Width and height of the example, of which only the proportion counts.
        least: The score from which on boxes are drawn; those of 0 are unused.

    Returns:
        A data URI of an SVG.
    """
    scale = SIDE / max(size)
    width, height = (max(1, round(side * scale)) for side in size)
    shape = {"xmlns": "http://www.w3.org/2000/svg", "width": f"{width}", "height": f"{height}", "fill": "none"}
    svg, shades = ElementTree.Element("svg", shape | {"viewBox": f"0 0 {width} {height}"}), colours(classes)

    def add(row: np.ndarray, shade: str, line: float, **more: str) -> None:
        x0, y0, x1, y1 = row[:4].clip(0, 1) * (width, height, width, height)
        corners = zip(("x", "y", "width", "height"), (x0, y0, x1 - x0, y1 - y0), strict=True)
        places = {name: f"{value:.1f}" for name, value in corners}
        ElementTree.SubElement(svg, "rect", places | {"stroke": shade, "stroke-width": f"{line:g}"} | more)

    for row in used(found, least)[::-1]:
        add(row, f"#{bytes(shades[int(row[5])].tolist()).hex()}", 3)
    for row in label:
        for shade, offset in (("black", 0), ("white", DASH)):
            add(row, shade, 1, **{"stroke-dasharray": f"{DASH}", "stroke-dashoffset": f"{offset}"})
    return f"data:image/svg+xml;base64,{base64.b64encode(ElementTree.tostring(svg)).decode('ascii')}"


def used(found: np.ndarray, least: float) -> np.ndarray:
    """Keep the boxes of a score above 0 that is at least so high."""
    return found[(found[:, 4] > 0) & (found[:, 4] >= least)]


def placed(box: np.ndarray, size: tuple[int, int]) -> Box:
    """Find the first and the last pixel of a box in both directions: x0, y0, x1, y1, inside a picture of that size."""
    low = [min(max(round(float(box[axis]) * size[axis]), 0), size[axis] - 1) for axis in (0, 1)]
    high = [min(max(round(float(box[axis + 2]) * size[axis]) - 1, low[axis]), size[axis] - 1) for axis in (0, 1)]
    return low[0], low[1], high[0], high[1]


def _tagged(
    pen: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    text: str,
    box: Box,
    shade: tuple[int, ...],
    size: tuple[int, int],
) -> None:
    """Write a text above a box, on the colour of the box; lower or further left where it would leave the picture."""
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    wide, high = round(right - left) + 4, round(bottom - top) + 4
    x, y = max(0, min(box[0], size[0] - wide)), max(0, min(box[1] - high, size[1] - high))
    pen.rectangle((x, y, x + wide - 1, y + high - 1), fill=shade)
    bright = np.dot(shade, (0.299, 0.587, 0.114)) >= BRIGHT
    pen.text((x + 2 - left, y + 2 - top), text, fill="black" if bright else "white", font=font)
