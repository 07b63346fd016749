"""Features that are learnt from: of a source as its heads see them, of a model of embeddings as its head gives them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from headstart.artifact.load import load
from headstart.core.recipe import Recipe
from headstart.core.types import Listener
from headstart.data.rows import Dataset, Rows
from headstart.data.transforms import make_transform
from headstart.engine.machine import choose_device, choose_threads, place, threads
from headstart.engine.predict import embed
from headstart.runs.features import known_features
from headstart.runs.network import build_model, load_backbone

BLOCK = 4096  # rows that go through a head at a time


def features_of(
    start: str, run: Path | None, data: Dataset, rows: Rows, recipe: Recipe, listen: Listener
) -> np.ndarray:
    """Compute features; those that took long are kept on disk.

    Args:
        start: A source.
        run: The folder of a saved model, which takes the source's place.
        data: What the rows are of.
        rows: N of them.
        recipe: Says how much may be on disk, and on which device.
        listen: Is told what goes on.

    Returns:
        [N, D]. Of a model of embeddings they are its embeddings, before these are brought to length 1.
    """
    known = known_features(recipe, listen)
    if run is None:
        own = recipe.with_settings({"source": start})
        backbone = load_backbone(own, data, listen)
        model, transform = build_model(own, data, backbone), make_transform(backbone.card.input, once=True)
        place(model, choose_device(recipe.device))
        with threads(choose_threads(backbone.card.params)):
            return embed(model, rows, transform, workers=recipe.workers or 0, known=known)
    predictor = load(run, device=recipe.device)
    features = predictor.features(rows.unlabelled(), workers=recipe.workers or 0, known=known)
    if next(iter(predictor.task.predicted.values())).form != "embeddings":
        return features
    head, found = predictor.model.head.cpu(), []
    with torch.inference_mode():
        for start_ in range(0, len(features), BLOCK):
            pooled = torch.from_numpy(features[start_ : start_ + BLOCK])
            found.append(head({"pooled": pooled, "tokens": pooled[:, None]}).numpy())
    return np.concatenate(found)
