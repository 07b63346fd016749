"""`run:FOLDER`: the backbone of an own earlier run, to pass its knowledge on to the next task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.errors import SourceError
from headstart.core.recipe import LINEAR
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
        backbone.card = replace(backbone.card, name=f"run:{Path(name).name}", sha256=sha256(weights), revision="")
        _take_head(backbone, json.loads((folder / "model.json").read_text(encoding="utf-8")), tensors)
        return backbone

    def rebuild(self, card: Card) -> Backbone:
        """Refuse: the card of a run's backbone names the source that built it first."""
        raise SourceError(
            f"{card.name}: 'run' builds nothing; the card must name the source that the backbone was first built by."
        )


def _model_folder(path: Path) -> Path | None:
    return next((folder for folder in (path, path / "model") if (folder / "model.json").is_file()), None)


def _take_head(backbone: Backbone, plain: dict[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
    """Take the run's first classifier for the source's, with its class list, hidden layers of heads, and a decoder."""
    head, task = Choice.parse(plain.get("head", LINEAR.plain()), "head"), plain.get("task", {})
    if head.options.get("pooling", "auto") != "auto":
        return  # it stands on other features than a backbone gives by itself
    known = head.name in plugins.names("heads")  # an own one may not be here
    inner: str = getattr(plugins.build("heads", head.name, head.options), "hidden_layer", "") if known else ""
    if backbone.card.input.lays:
        expects: Any = backbone.card.input
        backbone.card = replace(backbone.card, input=expects.without_answers())
        backbone.source_layer = {
            name.rpartition(".")[2]: each for name, each in tensors.items() if name.endswith(".output.layer.names")
        }
    for target in task.get("targets", {}):  # the first that has a decoder with a tokenizer of its own
        at = f"heads.{target}.output."
        if backbone.source_decoder is None and (written := tensors.get(f"{at}spelling.written")) is not None:
            decoder = {name.removeprefix(f"{at}net."): each for name, each in tensors.items() if f"{at}net." in name}
            backbone.source_decoder = (decoder, written.numpy().tobytes().decode())
    for target, own in task.get("targets", {TARGET: task}).items():  # version 0.1 had one target without a name
        found = classifier_in(tensors, (f"heads.{target}.trunk",), backbone.dim)
        classes = tuple(own.get("classes", ()))
        if found is not None and (not own or len(found[0]) == len(classes)):  # no regression, whose answer is no class
            backbone.source_classifier, backbone.card = found, replace(backbone.card, labels=classes)
            backbone.source_form = _form(own.get("kind", "")) or backbone.source_form
            return
        hidden = classifier_in(tensors, (f"heads.{target}.{inner}",), backbone.dim) if inner else None
        if hidden is not None and hidden[1] is not None and backbone.source_hidden is None:
            backbone.source_hidden = (hidden[0], hidden[1])


def _form(kind: str) -> str:
    """Return the form of a kind of target; "" of an own one that is not here."""
    return plugins.load("targets", kind).form if kind in plugins.names("targets") else ""
