"""A network divided between two targets, for the tests of schemes: a class and a number of the same rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import toys
from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.recipe import Recipe, Stage
from headstart.core.seeding import torch_seeded
from headstart.core.types import Strategy, Task
from headstart.data.rows import Dataset, Rows
from headstart.inputs.vector import Vector
from headstart.models.model import Backbone, Model
from headstart.models.paths import paths_of
from headstart.runs.network import build_model


def two() -> Dataset:
    """Make a class and a number of the same rows."""
    data, more = toys.dataset(Vector(6), "multiclass"), toys.dataset(Vector(6), "regression")
    targets = {"first": data.task.target, "second": more.task.target}

    def both(rows: Rows, others: Rows) -> Rows:
        return Rows(rows.ids, rows.inputs, {"first": rows.y, "second": others.y}, rows.digests)

    splits = {name: both(rows, more.splits[name]) for name, rows in data.splits.items()}
    return Dataset(Task("vector", ("x",), targets), splits, {"train": splits["train"]}, fingerprint="two")


class Three(toys.Tiny):
    """A third layer, so that of what learns by `partial k=2` one stage may be common and one not."""

    def __init__(self) -> None:
        super().__init__()
        self.third = torch.nn.Linear(5, 5)

    def stages(self) -> dict[str, tuple[str, ...]]:
        return {**super().stages(), "third": ("third.weight", "third.bias")}

    def forward(self, x: torch.Tensor) -> Any:
        return {"pooled": self.third(torch.relu(super().forward(x)["pooled"]))}


def three() -> Three:
    """Make a seeded `Three`."""
    with torch_seeded("three"):
        return Three()


def trained(
    folder: Path,
    sharing: str | None,
    strategy: str | Strategy = "full",
    network: Callable[[], Backbone] = toys.tiny,
    **settings: Any,
) -> Model:
    data = two()
    model = build_model(Recipe(), data, network())
    train = {
        key: settings.pop(key) for key in ("resume", "checkpoint", "stop", "listen", "precision") if key in settings
    }
    options = {"steps": 4, "batch_size": 8, "lr": 1e-2, "optimiser": "sgd", "clip": 0.0} | settings
    stage = Stage(sharing=None if sharing is None else Choice.parse(sharing, "sharing"), **options)
    toys.train(folder, model, data, strategy, "supervised", stage=stage, **train)
    return model


def own(model: Model, target: str) -> dict[str, torch.Tensor]:
    """Return a target's tensors of the backbone, by the network's names."""
    paths = paths_of(model.backbone)
    assert paths is not None
    every = {n: t for n, t in model.backbone.state_dict().items() if not n.startswith("inserted_")}
    return every | paths.of(target)


def moved(model: Model, target: str) -> set[str]:
    before = toys.tiny().state_dict()
    return {name for name, tensor in own(model, target).items() if not torch.equal(tensor, before[name])}


def stages() -> dict[str, tuple[str, ...]]:
    return toys.tiny().stages()


def rebuild_toy(model: Model) -> Model:
    """Make the network anew as a saved model's card says, then load the weights."""
    from headstart.models.load import insert_shared

    fresh = toys.tiny()
    for entry in model.backbone.card.inserted:
        if entry.get("kind") == "sharing":
            insert_shared(fresh, entry)
        else:
            options = {key: value for key, value in entry.items() if key != "name"}
            plugins.build("strategies", str(entry["name"]), options).insert(fresh)
    again = build_model(Recipe(), two(), fresh)
    again.load_state_dict(model.state_dict())
    return again
