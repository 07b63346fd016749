"""Claims of soft sharing: copies are pulled together, and without a weight targets do not know of each other."""

from __future__ import annotations

from pathlib import Path

import torch
from divided import own, trained, two

import toys
from headstart.core.recipe import Recipe, Stage
from headstart.core.types import Task
from headstart.data.rows import Dataset
from headstart.runs.network import build_model


def test_without_a_share_targets_are_as_if_each_was_alone(tmp_path: Path) -> None:
    both = trained(tmp_path / "both", "soft weight=0")
    data = two()
    for target in ("first", "second"):
        task = Task("vector", ("x",), {target: data.task.targets[target]})
        splits = {name: rows.of(target) for name, rows in data.splits.items()}
        alone = Dataset(task, splits, {"train": splits["train"]}, fingerprint=target)
        model = build_model(Recipe(), alone, toys.tiny())
        stage = Stage(steps=4, batch_size=8, lr=1e-2, optimiser="sgd", clip=0.0)
        toys.train(tmp_path / target, model, alone, "full", "supervised", stage=stage)
        for name, tensor in model.backbone.state_dict().items():
            torch.testing.assert_close(own(both, target)[name], tensor, rtol=1e-5, atol=1e-7)


def test_soft_pulls_copies_together(tmp_path: Path) -> None:
    def apart(weight: float) -> float:
        model = trained(tmp_path / str(weight), f"soft weight={weight}", steps=12)
        pairs = zip(own(model, "first").values(), own(model, "second").values(), strict=True)
        return sum(float((one - other).detach().square().sum()) for one, other in pairs)

    assert apart(0.0) > 2 * apart(10.0) > 0
