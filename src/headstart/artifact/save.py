"""Write a trained model as an artefact: a folder that loads without the data, the network or the source."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from headstart.artifact.find import DESCRIPTION
from headstart.artifact.reference import write as write_reference
from headstart.core import options, storage
from headstart.core.recipe import Recipe
from headstart.core.types import Calibration, Task
from headstart.models.cards import card_to_plain
from headstart.models.model import Model

FORMAT = 2  # 1, of version 0.1, had one target without a name
WEIGHTS = "model.safetensors"


def save(
    folder: Path,
    model: Model,
    task: Task,
    recipe: Recipe,
    *,
    fingerprint: str,
    precision: str,
    calibrations: Mapping[str, Calibration] | None = None,
    reference: np.ndarray | None = None,
) -> None:
    """Save a model.

    Args:
        folder: The folder to make; it must not exist.
        model: The trained model.
        task: What it predicts.
        recipe: The recipe that it was trained by, with everything chosen.
        fingerprint: Hash of the data that it was trained on.
        precision: The number format that its figures were measured in.
        calibrations: What the probabilities of each target go through; a target without leaves them as they are.
        reference: Features [N, D] of rows that it has not learnt, which new rows are compared with.

    Raises:
        StorageError: The folder exists.
        DiskError: The disk refuses.
    """
    card = model.backbone.card
    tensors = _tensors(model)
    needed = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    with storage.new_folder(folder, needed) as temporary:
        description = {
            "format": FORMAT,
            "card": card_to_plain(dataclasses.replace(card, input=card.input.pack(temporary))),
            "task": task.plain(),
            "head": recipe.head.plain(),
            "recipe": recipe.to_plain(),
            "precision": precision,
            "calibration": calibrations_to_plain(task, calibrations or {}),
            "data": {"fingerprint": fingerprint},
            "versions": {
                name: importlib.metadata.version(name) for name in ("headstart", "torch", "timm", "transformers")
            },
            "python": platform.python_version(),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        save_file(tensors, temporary / WEIGHTS)
        write_reference(temporary, reference)
        (temporary / DESCRIPTION).write_text(json.dumps(description, indent=1, ensure_ascii=False), encoding="utf-8")


def calibrations_to_plain(task: Task, calibrations: Mapping[str, Calibration]) -> dict[str, Any]:
    """Return the entry "calibration" of `model.json`: of the only target, or of several by name."""
    plain = {name: calibrations.get(name, Calibration()).to_plain() for name in task.predicted}
    return next(iter(plain.values()), {}) if len(task.targets) < 2 else plain


def read_calibrations(task: Task, plain: Mapping[str, Any], where: str) -> dict[str, Calibration]:
    """Read the entry "calibration" of `model.json`.

    Args:
        task: Says whether it is of one target or of several.
        plain: The entry.
        where: The file, for messages.

    Returns:
        Calibrations by target.

    Raises:
        UsageError: The entry is not as `calibrations_to_plain` makes it.
    """
    named = dict.fromkeys(task.predicted, plain) if len(task.targets) < 2 else plain
    return {name: options.build(Calibration, entry, where) for name, entry in named.items()}


def _tensors(model: Model) -> dict[str, torch.Tensor]:
    """Copy all tensors to plain memory; shared ones are stored once a name."""
    return {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in model.state_dict().items()
    }
