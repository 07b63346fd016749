"""The folder of a run: every process gets the same claim, or an error of the same kind."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

import toys
from headstart.core.errors import HeadstartError, StorageError, UsageError
from headstart.core.lock import locked
from headstart.core.recipe import Recipe
from headstart.core.types import VectorInput, silent
from headstart.engine.distributed import World
from headstart.runs.folder import Claim, claimed

DATA = toys.dataset(VectorInput(6))
RECIPE = Recipe().with_settings({"source": "vector:mlp", "stages.0.strategy": "full"})


@dataclass(frozen=True)
class Wire(World):
    """One of two processes that share what the writer sends as text."""

    sent: list[str] = field(default_factory=list)

    def from_writer(self, value: Any) -> Any:
        if self.is_writer:
            self.sent.append(json.dumps(value))
        return json.loads(self.sent[-1])


def claim(folder: Path, recipe: Recipe, world: World) -> Claim:
    """Claim the folder in one process."""
    with claimed(folder, recipe, DATA, world, torch.device("cpu"), silent) as found:
        return found


def in_both(folder: Path, recipe: Recipe) -> list[Claim | HeadstartError]:
    """Claim the folder in two processes, and return what each of them gets."""
    first = Wire(0, 2)
    outcomes: list[Claim | HeadstartError] = []
    for world in (first, dataclasses.replace(first, rank=1)):
        try:
            outcomes.append(claim(folder, recipe, world))
        except HeadstartError as error:
            outcomes.append(error)
    return outcomes


def test_both_get_the_same_claim(tmp_path: Path) -> None:
    one, other = in_both(tmp_path, RECIPE)
    assert isinstance(one, Claim) and one == other


def test_another_recipe_is_wrong_usage_in_every_process(tmp_path: Path) -> None:
    in_both(tmp_path, RECIPE)
    errors = in_both(tmp_path, RECIPE.with_settings({"seed": 1}))
    assert [type(error) for error in errors] == [UsageError, UsageError]
    assert str(errors[0]) == str(errors[1]) and "seed: 0 -> 1" in str(errors[0])
    assert [error.exit_code for error in errors if isinstance(error, HeadstartError)] == [2, 2]


def test_a_folder_in_use_is_a_matter_of_storage_in_every_process(tmp_path: Path) -> None:
    with locked(tmp_path, print):
        errors = in_both(tmp_path, RECIPE)
    assert [type(error) for error in errors] == [StorageError, StorageError]
    assert "in use by process" in str(errors[1])
