"""Pictures, and their boxes as files of COCO, Pascal VOC and YOLO write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image

NAMES = ("cell", "plate")
SIZE = (64, 48)


def picture(path: Path, size: tuple[int, int] = SIZE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (sum(map(ord, path.stem)) % 255, 80, 90)).save(path)
    return path


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def coco(images: dict[str, list[Any]], **more: Any) -> dict[str, Any]:
    """Make the content of a file of COCO; ids of categories are not in order."""
    found = [{"id": 10 + n, "file_name": name, "width": 64, "height": 48} for n, name in enumerate(images)]
    boxes = [
        {"id": 7, "image_id": 10 + n, "category_id": 5 - place, "bbox": [x0, y0, x1 - x0, y1 - y0]}
        for n, own in enumerate(images.values())
        for place, (x0, y0, x1, y1) in own
    ]
    categories = [{"id": 5 - place, "name": name} for place, name in enumerate(NAMES)]
    return {"images": found, "annotations": boxes, "categories": categories} | more


def xml(boxes: list[Any], size: tuple[int, int] = SIZE, before: str = "") -> str:
    objects = "".join(
        f"<object><name>{NAMES[place]}</name><bndbox><xmin>{x0 + 1}</xmin><ymin>{y0 + 1}</ymin><xmax>{x1}</xmax>"
        f"<ymax>{y1}</ymax></bndbox></object>"
        for place, (x0, y0, x1, y1) in boxes
    )
    width, height = size
    return f"{before}<annotation><size><width>{width}</width><height>{height}</height></size>{objects}</annotation>"


def lines(boxes: list[Any]) -> str:
    return "".join(
        f"{place} {(x0 + x1) / 128:.6f} {(y0 + y1) / 96:.6f} {(x1 - x0) / 64:.6f} {(y1 - y0) / 48:.6f}\n"
        for place, (x0, y0, x1, y1) in boxes
    )
