"""Write a trained model as an artefact: a folder that loads without the data, the network or the source."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import platform
from datetime import UTC, datetime
from pathlib import Path

import torch
from safetensors.torch import save_file

from headstart.core import storage
from headstart.core.recipe import Recipe
from headstart.core.types import Task
from headstart.evaluation.calibrate import Calibration
from headstart.models.cards import card_to_plain
from headstart.models.model import Model

FORMAT = 2  # 1, of version 0.1, had one target without a name
WEIGHTS = "model.safetensors"
DESCRIPTION = "model.json"


def save(
    folder: Path,
    model: Model,
    task: Task,
    recipe: Recipe,
    *,
    fingerprint: str,
    precision: str,
    calibration: Calibration | None = None,
) -> None:
    """Save a model.

    Args:
        folder: The folder to make; it must not exist.
        model: The trained model.
        task: What it predicts.
        recipe: The recipe that it was trained by, with everything chosen.
        fingerprint: Hash of the data that it was trained on.
        precision: The number format that its figures were measured in.
        calibration: What its probabilities go through; None leaves them as they are.

    Raises:
        StorageError: The folder exists, or the disk refuses.
    """
    card = model.backbone.card
    with storage.new_folder(folder) as temporary:
        description = {
            "format": FORMAT,
            "card": card_to_plain(dataclasses.replace(card, input=card.input.pack(temporary))),
            "task": task.plain(),
            "head": recipe.head.plain(),
            "recipe": recipe.to_plain(),
            "precision": precision,
            "calibration": (calibration or Calibration()).to_plain(),
            "data": {"fingerprint": fingerprint},
            "versions": {
                name: importlib.metadata.version(name) for name in ("headstart", "torch", "timm", "transformers")
            },
            "python": platform.python_version(),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        save_file(_tensors(model), temporary / WEIGHTS)
        (temporary / DESCRIPTION).write_text(json.dumps(description, indent=1, ensure_ascii=False), encoding="utf-8")


def _tensors(model: Model) -> dict[str, torch.Tensor]:
    """Copy all tensors to plain memory; shared ones are stored once a name."""
    return {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in model.state_dict().items()
    }
