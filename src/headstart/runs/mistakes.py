"""The rows that a model got most wrong, with their pictures or texts, as plain data."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from headstart.core.types import Task
from headstart.data.images import open_image
from headstart.data.rows import Rows
from headstart.evaluation.report.facts import Mistake

MOST = 12
SIDE = 160  # pixels of a thumbnail
TINY = 48  # pixels a side below which a picture is kept as it is
MOST_SIGNS = 400  # of a text
MOST_NUMBERS = 8  # of a row


def worst(
    task: Task, name: str, rows: Rows, outputs: np.ndarray, thresholds: Mapping[str, float]
) -> tuple[int, list[Mistake]]:
    """Find the wrong rows that are furthest from their label.

    Args:
        task: What was predicted.
        name: Of the target.
        rows: Labelled rows.
        outputs: Its calibrated probabilities [N, C] or values [N, T].
        thresholds: By which classes are decided.

    Returns:
        How many rows are wrong (for numbers, all of them), and the worst of them, the worst one first.
    """
    target, labels = task.targets[name], rows.labels[name]
    places = target.mistakes(labels, outputs, thresholds)
    shown: list[Any] = [
        {
            **target.explain(labels[i], outputs[i].astype(np.float64), thresholds)._asdict(),
            "id": rows.ids[i],
            **_shown(task, rows, i),
        }
        for i in places[:MOST]
    ]
    return len(places), shown


def thumbnail(item: Any) -> tuple[str, bool]:
    """Make a data URI of a small picture of an image, and say whether the image itself is tiny."""
    image = open_image(item, near=SIDE)
    tiny = max(image.size) <= TINY
    buffer = io.BytesIO()
    if tiny:
        image.save(buffer, "PNG")
    else:
        image.thumbnail((SIDE, SIDE))
        image.save(buffer, "JPEG", quality=75)
    content = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"data:image/{'png' if tiny else 'jpeg'};base64,{content}", tiny


def _shown(task: Task, rows: Rows, place: int) -> dict[str, Any]:
    item = rows.inputs[place]
    if task.modality == "image":
        picture, tiny = thumbnail(item)
        return {"image": picture, "tiny": tiny}
    if task.modality == "text":
        texts = [item] if isinstance(item, str) else list(item)
        return {"text": " ⏎ ".join(_cut(text) for text in texts)}
    names = task.inputs if len(task.inputs) == len(item) else [str(column) for column in range(len(item))]
    numbers = [f"{name} = {value:.4g}" for name, value in zip(names, item, strict=True)]
    return {"text": ", ".join(numbers[:MOST_NUMBERS]) + (", …" if len(numbers) > MOST_NUMBERS else "")}


def _cut(text: str) -> str:
    return text if len(text) <= MOST_SIGNS else text[: MOST_SIGNS - 1] + "…"
