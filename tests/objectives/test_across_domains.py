"""Rows without labels may be those of another domain: semi-supervised objectives are some across domains, too."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

import toys
from headstart.core import plugins
from headstart.core.recipe import Stage
from headstart.inputs.vector import Vector
from headstart.objectives._unlabelled import Unlabelled

NAMES = [name for name in plugins.names("objectives") if issubclass(plugins.load("objectives", name), Unlabelled)]


@pytest.mark.parametrize("name", NAMES)
def test_the_rows_without_labels_are_those_of_the_pool_that_is_named(tmp_path: Path, name: str) -> None:
    kind: Any = plugins.load("objectives", name)
    data = toys.dataset(Vector(6))
    pools = {pool: rows for pool, rows in data.pools.items() if pool != "unlabelled"}
    seen: set[str] = set()

    @dataclasses.dataclass(frozen=True)
    class Watched(kind):
        def losses(self, model: Any, extra: Any, batches: Any, progress: float) -> Any:
            seen.update(batches["unlabelled"].ids)
            return super().losses(model, extra, batches, progress)

    model = toys.make_model(toys.tiny(), data)
    stage = Stage(steps=2, batch_size=6, lr=1e-2, augment="plain")
    toys.train(tmp_path, model, dataclasses.replace(data, pools=pools), "full", Watched(pool="target"), stage=stage)
    assert seen and seen <= set(data.pools["target"].ids)
    assert all(torch.isfinite(tensor).all() for tensor in toys.snapshot(model).values())
