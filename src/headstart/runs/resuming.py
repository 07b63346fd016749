"""What a run was begun with, found again from any folder; this imports nothing slow."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headstart.artifact.find import RUN_STATE
from headstart.core.choice import Choice
from headstart.core.errors import UsageError
from headstart.core.interface import call, on_command_line, option
from headstart.core.recipe import DataPlan, Recipe

FOLDS = "folds"  # of the runs of a cross-validation, in its folder
OF_PATHS = ("local", "run")  # sources that are named by a path


def begun_recipe(folder: str | Path, data: object = None) -> Recipe:
    """Read the recipe that the run in a folder goes on with.

    Args:
        folder: The folder of the run.
        data: The data that is named anew; None takes that of the run.

    Returns:
        That of the run's state; its paths lead to where they led.

    Raises:
        UsageError: There is none, or the data is no longer where it was.
    """
    if not Path(folder).is_dir():
        raise UsageError(f"There is no folder {folder} of a run to go on with.")
    plain = _state(folder).get("recipe")
    recipe = placed(Recipe.from_plain(plain) if plain else Recipe.read(Path(folder) / "recipe.toml"), folder)
    if data is None:
        for name, plan in recipe.plans.items():
            again = {"task": f"{name}=DATA"} if name else {}
            check_there(plan.path, call("fit", None if name else "DATA", resume=str(folder), **again))
    return recipe


def folds_recipe(resume: str | Path) -> Recipe:
    """Read the recipe of a cross-validation to go on with.

    Args:
        resume: Its folder.

    Returns:
        The recipe as it was given; its paths lead to where they led.

    Raises:
        UsageError: The folder holds no cross-validation, or the recipe is lost.
    """
    path = Path(resume) / FOLDS / "recipe.toml"
    if path.is_file():
        return placed(Recipe.read(path), resume)
    if path.parent.is_dir():
        chosen = Path(resume) / "recipe.toml"
        action = "fit" if on_command_line() else "cross_validate"
        again = call(action, "DATA", resume=str(resume), folds="K", recipe="FILE")
        raise UsageError(
            f"{path} is lost, the recipe that the folds are made by. Go on with the recipe that it was begun with: "
            f"{again}. {chosen} will do for FILE too: the folds then take what the final run chose."
        )
    raise UsageError(
        f"{resume} holds no cross-validation to go on with: there is no {path}. Leave out {option('folds')}."
    )


def placed(recipe: Recipe, folder: str | Path) -> Recipe:
    """Make the paths of a run's recipe lead to where they led when it was begun in another folder than this one."""
    place = _state(folder).get("place")
    return absolute(recipe, place) if place and Path(place) != Path.cwd() else recipe


def absolute(recipe: Recipe, place: str | Path) -> Recipe:
    """Make the paths of a recipe absolute that are found from a folder: of the data, of more rows, of the source.

    Args:
        recipe: The recipe.
        place: The folder that they are relative to.

    Returns:
        The recipe; what is no path of something that is there stays as it is.
    """
    tasks = recipe.tasks and {name: _absolute(plan, place) for name, plan in recipe.tasks.items()}
    source = recipe.source
    if source is not None:
        kind, colon, name = source.name.partition(":")
        named = f"{kind}:{_from(place, name)}" if colon and kind in OF_PATHS else source.name
        source = Choice(named, {key: _from(place, value) for key, value in source.options.items()})
    return dataclasses.replace(recipe, data=_absolute(recipe.data, place), tasks=tasks, source=source)


def _absolute(plan: DataPlan, place: str | Path) -> DataPlan:
    named = ("path", "target", "target_labels", "unlabelled")
    return dataclasses.replace(plan, **{name: _from(place, getattr(plan, name)) for name in named})


def check_there(path: object, again: str) -> None:
    """Check that the data of a run is where it was.

    Args:
        path: Where it was; no text is data in memory.
        again: The command that names it anew.

    Raises:
        UsageError: It is not.
    """
    if isinstance(path, str) and not Path(path).exists():
        raise UsageError(f"The data of the run is no longer at {path}. Name where it is now: {again}.")


def _state(folder: str | Path) -> Mapping[str, Any]:
    try:
        plain = json.loads((Path(folder) / RUN_STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # told where the state itself is needed
        return {}
    return plain if isinstance(plain, dict) else {}


def _from(place: str | Path, value: Any) -> Any:
    if not isinstance(value, str) or not value:
        return value
    path = Path(place, value)
    return str(path) if path.exists() else value
