"""`run:FOLDER`: the backbone of an own earlier run, to pass its knowledge on to the next task."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from headstart.core.errors import SourceError
from headstart.core.storage import sha256, verify
from headstart.core.types import TARGET, Card
from headstart.models import load
from headstart.models.cards import read_card
from headstart.models.model import Backbone
from headstart.models.weights import classifier_in, load_exactly, read_safetensors


@dataclass(frozen=True)
class Run:
    """The backbone of a saved model: the folder of a run, or the folder `model` in it."""

    def names(self, query: str) -> list[str]:
        """List the runs in the folder that the query names; what follows the last / is part of the run's name."""
        start = Path(query or ".")
        folder, part = (start, "") if start.is_dir() else (start.parent, start.name)
        runs = sorted(folder.iterdir()) if folder.is_dir() else []
        return [str(run) for run in runs if part in run.name and _model_folder(run) is not None]

    def load(self, name: str) -> Backbone:
        """Load the backbone of the model that a run saved.

        Args:
            name: The folder of a run, or of a saved model.

        Returns:
            The backbone.

        Raises:
            SourceError: The folder holds no saved model, or its card is damaged.
        """
        folder = _model_folder(Path(name))
        if folder is None:
            raise SourceError(f"{name} holds no saved model: neither model.json nor model/model.json is there.")
        verify(folder)
        card = read_card(folder)
        backbone = load.rebuild(card)
        weights = folder / "model.safetensors"
        tensors = read_safetensors(weights)
        prefix = "backbone."
        own = {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}
        load_exactly(backbone, own, str(weights))
        labels = backbone.card.labels
        class_lists = _class_lists(folder)
        for target, classes in class_lists.items():
            found = classifier_in(tensors, (f"heads.{target}.trunk",), backbone.dim)
            if found is not None and len(class_lists) > 1 and len(found[0]) != len(classes):
                continue  # a regression beside a classifier
            if found is not None:
                backbone.source_classifier, labels = found, classes
                break
        backbone.card = replace(
            backbone.card, name=f"run:{Path(name).name}", labels=labels, sha256=sha256(weights), revision=""
        )
        return backbone

    def rebuild(self, card: Card) -> Backbone:
        """Refuse: the card of a run's backbone names the source that built it first."""
        raise SourceError(
            f"{card.name}: 'run' builds nothing; the card must name the source that the backbone was first built by."
        )


def _model_folder(path: Path) -> Path | None:
    return next((folder for folder in (path, path / "model") if (folder / "model.json").is_file()), None)


def _class_lists(folder: Path) -> dict[str, tuple[str, ...]]:
    """Read the run's own class list of each target: the rows of its classifier."""
    task = json.loads((folder / "model.json").read_text(encoding="utf-8")).get("task", {})
    targets = task.get("targets", {TARGET: task})  # version 0.1 had one target without a name
    return {name: tuple(plain.get("classes", ())) for name, plain in targets.items()}
