"""The words of `headstart fit` and `hs.fit`: each is a short name for a place in the recipe."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from headstart.core.errors import UsageError, WrongValue, first_few, unknown
from headstart.core.interface import option
from headstart.core.ranges import check_numbers
from headstart.core.recipe import Recipe, is_word

NONE: Mapping[str, Any] = MappingProxyType({})
PATHS = {
    "source": "source",
    "weights": "source.weights",
    "head": "head",
    "seed": "seed",
    "reader": "data.reader",
    "encoding": "data.reader.encoding",
    "label": "data.labels",
    "input": "data.inputs",
    "task": "data.task",
    "modality": "data.modality",
    "separator": "data.separator",
    "group": "data.group",
    "validation": "data.validation",
    "test": "data.test",
    "source_domain": "data.source_domain",
    "target_domain": "data.target_domain",
    "target": "data.target",
    "target_labels": "data.target_labels",
    "transductive": "data.transductive",
    "unseen": "data.unseen",
    "unlabelled": "data.unlabelled",
    "blank_labels": "data.blank_labels",
    "skip_bad": "data.skip_bad",
    "strategy": "stages.0.strategy",
    "objective": "stages.0.objective",
    "sharing": "stages.0.sharing",
    "combine": "stages.0.combine",
    "criterion": "stages.0.criterion",
    "epochs": "stages.0.epochs",
    "steps": "stages.0.steps",
    "lr": "stages.0.lr",
    "batch_size": "stages.0.batch_size",
    "augment": "stages.0.augment",
    "views": "stages.0.views",
    "imbalance": "stages.0.imbalance",
    "refit": "refit",
    "keep_better": "keep_better",
    "budget": "budget",
    "device": "device",
    "precision": "precision",
    "workers": "workers",
}


def option_of(path: str) -> str:
    """Name a setting as the user does.

    Args:
        path: Its path in the recipe, such as "stages.0.strategy.name".

    Returns:
        The option or argument that stands for it, `--strategy` or `strategy=`; of an option of a plug-in both, such as
        `k of --strategy`; where there is none, the path, and of a stage its words: `weight decay of stage 2`.
    """
    parts = ("data.target" if path == "main" else path).split(".")
    for count in range(len(parts), 0, -1):
        words = [word for word, own in PATHS.items() if own == ".".join(parts[:count])]
        if words:
            rest = [part for part in parts[count:] if part != "name"]
            known = option(words[0].replace("_", "-"))
            return f"{'.'.join(rest)} of {known}" if rest else known
    if parts[0] == "stages" and len(parts) > 2:
        told = " ".join(part for part in parts[2:] if part != "name").replace("_", " ")
        return told if parts[1] == "0" else f"{told} of stage {int(parts[1]) + 1}"
    return path


def recipe_of(
    words: Mapping[str, Any],
    *,
    recipe: Recipe | str | Path | None = None,
    surgery: str | Sequence[str] = (),
    load_layers: str | None = None,
    settings: Mapping[str, Any] | None = None,
    tasks: Mapping[str, str | None] = NONE,
) -> Recipe:
    """Make a recipe of what a user names.

    Args:
        words: By the names in `PATHS`; what is None is not named.
        recipe: A recipe or its file, which the words change; None is the empty recipe.
        surgery: Operations on the network, each as "cut after=layer3".
        load_layers: The layers whose weights are taken over; names or patterns with commas between.
        settings: Any other setting by its path, such as {"stages.0.l2": 0.01}.
        tasks: The paths of several data sets by name, None for one in memory. Words about the data hold for each.

    Returns:
        The recipe.

    Raises:
        UsageError: There is no such word or setting, or a value is none that it can have.
    """
    for word in words:
        if word not in PATHS:
            raise unknown("setting", word, list(PATHS))
    named = {word: value for word, value in words.items() if value is not None}
    check_numbers(named)
    target = named.pop("target", None)
    found = {PATHS[word]: str(value) if isinstance(value, Path) else value for word, value in named.items()}
    if "encoding" in named and "reader" not in named:
        found["data.reader.name"] = "table"
    if recipe is None:
        plan = Recipe.from_plain({"tasks": {name: {} for name in tasks}} if tasks else {})
    else:
        plan = recipe if isinstance(recipe, Recipe) else Recipe.read(Path(recipe))
    names = {**(plan.tasks or {}), **tasks}.keys()
    if names:
        found = {each: value for path, value in found.items() for each in of_each(path, names)}
        found |= {f"tasks.{name}.path": path for name, path in tasks.items()}
    operations = [surgery] if isinstance(surgery, str) else list(surgery)
    if load_layers:
        operations.append(f"load_layers layers={load_layers}")
    try:
        made = plan.with_surgery(operations).with_settings({**found, **(settings or {})})
        return made if target is None else made.with_settings({_path_of_target(str(target), made): str(target)})
    except WrongValue as error:  # named as the user wrote it, where it is one of the words
        places = error.where.removeprefix("the recipe, ").replace(", ", ".")
        word = next((word for word in named if PATHS[word] == places), None)
        if word is None:
            raise
        raise UsageError(f"{option(word.replace('_', '-'), error.value)} is not right: {error.why}.") from error


def _path_of_target(target: str, recipe: Recipe) -> str:
    """Say whether `--target` names one of several targets, or a path: the target domain's own data."""
    targets = [*(recipe.tasks or recipe.data.targets or recipe.data.labels)]
    if recipe.tasks or (len(targets) > 1 and (target in targets or (is_word(target) and not Path(target).exists()))):
        return "main"
    return PATHS["target"]


def of_each(path: str, tasks: Collection[str]) -> list[str]:
    """Return the paths of a setting: one about the data stands at each of several tasks, if there are any."""
    part, _, rest = path.partition(".")
    return [f"tasks.{name}.{rest}" for name in tasks] if part == "data" and tasks else [path]


def named_tasks(words: Sequence[str]) -> tuple[str | None, dict[str, str]]:
    """Tell the kind of the target from tasks with their data.

    Args:
        words: What was given with `--task`: a kind, or NAME=DATA, each perhaps several times.

    Returns:
        The kind, if any, and the data by the names of the tasks.

    Raises:
        UsageError: There are two kinds, a name comes twice or is no word, or a name has no data.
    """
    kinds = [word for word in words if "=" not in word]
    if len(kinds) > 1:
        raise UsageError(f"{option('task')} names one kind of target, and {first_few(kinds)} are named.")
    tasks: dict[str, str] = {}
    for name, _, data in (word.partition("=") for word in words if "=" in word):
        if not is_word(name) or not data:
            raise UsageError(
                f"{option('task', f'{name}={data}')} is not right: a task is NAME=DATA, and its name a word of "
                "letters, digits, _ and -."
            )
        if name in tasks:
            raise UsageError(f"The task '{name}' is named twice: with {tasks[name]} and with {data}.")
        tasks[name] = data
    return next(iter(kinds), None), tasks


def crossed(plan: Recipe, words: Mapping[str, Any], settings: Mapping[str, Any] | None) -> Recipe:
    """Set no test rows apart where nobody asked for some: in cross-validation each row is tested in its fold."""
    if plan.tasks or words.get("test") is not None or "data.test" in (settings or {}):
        return plan
    return dataclasses.replace(plan, data=dataclasses.replace(plan.data, test=0.0))
