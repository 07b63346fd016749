"""Load an artefact: checked against its manifest, no pickle, no network, no training data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from headstart.artifact.find import DESCRIPTION, find, made_again
from headstart.artifact.predictor import Predictor
from headstart.artifact.reference import read as read_reference
from headstart.artifact.save import FORMAT, WEIGHTS, read_calibrations
from headstart.core import plugins, storage
from headstart.core.choice import Choice
from headstart.core.errors import StorageError
from headstart.core.recipe import Recipe
from headstart.core.types import Task
from headstart.engine.machine import choose_device, place
from headstart.models.cards import read_card
from headstart.models.load import rebuild
from headstart.models.model import Model
from headstart.models.weights import load_exactly, read_safetensors

READABLE = (1, FORMAT)


def load(folder: str | Path, *, device: str = "auto") -> Predictor:
    """Load a saved model.

    Args:
        folder: An artefact, or the folder of a run.
        device: "auto", "cpu", "cuda" …

    Returns:
        The model with what it takes to use it.

    Raises:
        StorageError: A file is missing or changed, or a newer Headstart wrote it.
        UsageError: There is no such folder.
        SourceError: The network cannot be built: its code is the user's own and is not there.
    """
    path = find(folder)
    try:
        storage.verify(path)
    except StorageError as error:
        raise StorageError(f"{error}\n{made_again(path) or 'Copy it anew from where it was saved.'}") from error
    description = json.loads((path / DESCRIPTION).read_text(encoding="utf-8"))
    if description.get("format") not in READABLE:
        raise StorageError(
            f"{path} has format {description.get('format')}; this Headstart reads format {FORMAT}. "
            f"It was written by headstart {description.get('versions', {}).get('headstart', '?')}: use that version."
        )
    separator = description["recipe"].get("data", {}).get("separator")  # which format 1 does not keep with the task
    task = Task.parse({"separator": separator, **description["task"]}, str(path / DESCRIPTION))
    model = _model(path, description, task)
    place(model, choose_device(device)).eval()
    recipe = Recipe.from_plain(description["recipe"])
    calibrations = read_calibrations(task, description.get("calibration", {}), str(path / DESCRIPTION))
    return Predictor(
        model,
        task,
        recipe,
        precision=description["precision"],
        fingerprint=description["data"]["fingerprint"],
        calibrations=calibrations,
        reference=read_reference(path),
    )


def _model(path: Path, description: dict[str, Any], task: Task) -> Model:
    with torch.random.fork_rng(devices=[]):
        backbone = rebuild(read_card(path))
        head_choice = Choice.parse(description["head"], "head")
        choice = plugins.build("heads", head_choice.name, head_choice.options)
        heads = {name: choice.build(backbone.dim, target) for name, target in task.predicted.items()}
        for head in heads.values():
            head.fit_to(backbone)
    model = Model(backbone, heads)
    load_exactly(model, read_safetensors(path / WEIGHTS), str(path / WEIGHTS))
    return model
