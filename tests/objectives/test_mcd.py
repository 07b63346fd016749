"""Claims: classifiers learn to disagree, features to make them agree.

Each update moves its own part alone; no target label is seen.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, cast

import pytest
import torch

import toys
from headstart.core.recipe import Stage
from headstart.core.types import MODEL_PARTS, Stepper
from headstart.inputs.vector import Vector
from headstart.models.model import Head, Model
from headstart.objectives.mcd import Mcd, discrepancy

STAGE = Stage(steps=1, batch_size=8, lr=1e-2, warmup=0.0, weight_decay=0.0)


def parts() -> tuple[Model, torch.nn.Module, Any]:
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(), data)
    torch.manual_seed(0)
    extra = Mcd().modules(model)
    source, target = (torch.from_numpy(data.pools[name].inputs[:8]) for name in ("source", "target"))
    y = torch.from_numpy(data.pools["source"].y[:8])  # pyright: ignore[reportOptionalSubscript]
    return model, extra, {"source": toys.batch(source, y), "target": toys.batch(target)}


def disagreement(model: Model, extra: torch.nn.Module, batches: Any) -> torch.Tensor:
    features = model.features(batches["target"].x)
    second = cast(Head, extra)
    return discrepancy(model.head, second, model.head(features), second(features))


def test_a_step_is_the_source_then_the_classifiers_then_the_features() -> None:
    objective = Mcd(agree=3)
    assert isinstance(objective, Stepper)
    assert [update.learn for update in objective.updates] == [MODEL_PARTS, ("heads", "extra"), *[("backbone",)] * 3]


def test_the_second_classifier_starts_elsewhere() -> None:
    model, extra, _ = parts()
    assert not torch.equal(model.head.trunk.weight, cast(Head, extra).trunk.weight)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(("number", "grows"), [(1, True), (2, False)])
def test_the_classifiers_part_and_the_features_bring_them_together(number: int, grows: bool) -> None:
    model, extra, batches = parts()
    before = disagreement(model, extra, batches).item()
    update = Mcd().updates[number]
    learning = [*model.heads.parameters(), *extra.parameters()] if grows else list(model.backbone.parameters())
    optimiser = torch.optim.SGD(learning, lr=0.3)
    for _ in range(20):
        optimiser.zero_grad()
        losses = update.losses(model, extra, batches, 0.5)
        name = "disagreement" if grows else "discrepancy"
        losses[name].value.backward(inputs=learning)
        optimiser.step()
    after = disagreement(model, extra, batches).item()
    assert after > 1.5 * before if grows else after < 0.5 * before


def test_each_update_moves_its_own_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(), data)
    snapshots: list[dict[str, torch.Tensor]] = []
    step = torch.optim.AdamW.step

    def watched(self: Any, *arguments: Any) -> Any:
        snapshots.append(toys.snapshot(model))
        return step(self, *arguments)

    monkeypatch.setattr(torch.optim.AdamW, "step", watched)
    toys.train(tmp_path, model, data, "full", Mcd(agree=2), stage=STAGE)
    snapshots.append(toys.snapshot(model))
    moved = [
        {n.partition(".")[0] for n in before if not torch.equal(before[n], after[n])}
        for before, after in itertools.pairwise(snapshots)
    ]
    assert moved == [{"backbone", "heads"}, {"heads"}, {"backbone"}, {"backbone"}]


def test_with_a_fixed_backbone_nothing_of_it_moves(tmp_path: Path) -> None:
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(), data)
    before = toys.snapshot(model)
    toys.train(tmp_path, model, data, "linear_probe", "mcd", stage=Stage(steps=3, batch_size=8, lr=1e-2))
    assert {name.partition(".")[0] for name in toys.moved(before, model)} == {"heads"}


def test_the_target_stream_has_no_labels() -> None:
    assert [(s.name, s.labelled) for s in Mcd().streams] == [("source", True), ("target", False)]
    with pytest.raises(ValueError, match="agree must be at least 1"):
        Mcd(agree=0)


def test_both_classifiers_weigh_rare_classes_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(), data)
    seconds: list[Any] = []
    make = Mcd.modules

    def modules(self: Mcd, model: Any) -> Any:
        seconds.append(make(self, model))
        return seconds[-1]

    monkeypatch.setattr(Mcd, "modules", modules)
    toys.train(tmp_path, model, data, "full", "mcd", stage=Stage(steps=1, batch_size=8, lr=1e-2, imbalance="focal"))
    balance = cast(Any, model.head.output).balance
    assert balance.focus and seconds[0].output.balance == balance
