from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from headstart.core.choice import Choice
from headstart.core.recipe import Recipe, Stage
from headstart.selection import trial


class Asked(Exception):
    """Ends the work at the place that is asked about."""


def test_a_small_network_is_planned_with_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def make_plan(*given: Any, **more: Any) -> Any:
        seen.append(torch.get_num_threads())
        raise Asked

    monkeypatch.setattr(trial, "make_plan", make_plan)
    card = SimpleNamespace(params=1000, sha256="")
    monkeypatch.setattr(trial, "load_backbone", lambda *given, **more: SimpleNamespace(card=card))
    setup: Any = SimpleNamespace(dataset=None, loaded={}, views={}, known=None)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(Asked):
            trial.planned(Recipe(stages=(Stage(strategy=Choice("full")),)), setup)
    finally:
        torch.set_num_threads(before)
    assert seen == [1]
