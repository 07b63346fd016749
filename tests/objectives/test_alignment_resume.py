"""Claim: a run that is cut off goes on bit-identically where an adversary learns along: its weights, maps and schedule.

So does one whose objective keeps a copy of the network (adda), which is made again, running centroids (shot), or a
projection with the rows of earlier steps (contrastive, clustering).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import toys
from headstart.core import plugins
from headstart.core.recipe import Stage
from headstart.core.types import Event
from headstart.inputs.vector import Vector

STAGE = Stage(steps=5, batch_size=8, lr=1e-2, evaluate=2, patience=0)


class Cut(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("name", ["dann", "cdan", "mdd", "adda", "shot", "contrastive", "clustering"])
def test_an_adversary_is_resumed_bit_identically(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("headstart.core.storage.sync_file", lambda path: None)
    monkeypatch.setattr("headstart.core.storage._sync_folder", lambda path: None)
    monkeypatch.setattr("headstart.objectives.cdan.WIDEST", 10)  # the random map, which has to be the same one
    kind = plugins.load("objectives", name)
    kept: list[torch.nn.Module] = []

    def after_step(self: Any, model: Any, extra: Any) -> None:
        kept.append(extra)

    monkeypatch.setattr(kind, "after_step", after_step)

    def run(folder: str, cut_at: int = 0, *, resume: bool = False) -> tuple[dict[str, torch.Tensor], ...]:
        def listen(event: Event) -> None:
            if event.kind == "step" and event.values["step"] == cut_at:
                raise Cut

        data = toys.dataset(Vector(6))
        model = toys.make_model(toys.tiny(dropout=0.5), data)
        how = {"stage": STAGE, "validate": True, "checkpoint": 0, "listen": listen}
        toys.train(tmp_path / folder, model, data, "full", kind(), resume=resume, **how)
        return toys.snapshot(model), toys.snapshot(kept[-1])

    whole = run("whole")
    with pytest.raises(Cut):
        run("cut", cut_at=3)
    began = toys.snapshot(kept[-1])
    again = run("cut", resume=True)
    for one, other in zip(whole, again, strict=True):
        assert one.keys() == other.keys() and all(torch.equal(tensor, other[key]) for key, tensor in one.items())
    assert any(not torch.equal(tensor, whole[1][key]) for key, tensor in began.items()), "the adversary learns"
    assert ("of_features" in whole[1]) == (name == "cdan")
