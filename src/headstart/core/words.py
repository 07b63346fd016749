"""The words of `headstart fit` and `hs.fit`: each is a short name for a place in the recipe."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headstart.core.errors import UsageError, WrongValue, unknown
from headstart.core.interface import option
from headstart.core.ranges import check_numbers
from headstart.core.recipe import Recipe

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
    parts = path.split(".")
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
) -> Recipe:
    """Make a recipe of what a user names.

    Args:
        words: By the names in `PATHS`; what is None is not named.
        recipe: A recipe or its file, which the words change; None is the empty recipe.
        surgery: Operations on the network, each as "cut after=layer3".
        load_layers: The layers whose weights are taken over; names or patterns with commas between.
        settings: Any other setting by its path, such as {"stages.0.l2": 0.01}.

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
    found = {PATHS[word]: str(value) if isinstance(value, Path) else value for word, value in named.items()}
    if "encoding" in named and "reader" not in named:
        found["data.reader.name"] = "table"
    plan = recipe if isinstance(recipe, Recipe) else Recipe() if recipe is None else Recipe.read(Path(recipe))
    operations = [surgery] if isinstance(surgery, str) else list(surgery)
    if load_layers:
        operations.append(f"load_layers layers={load_layers}")
    try:
        return plan.with_surgery(operations).with_settings({**found, **(settings or {})})
    except WrongValue as error:  # named as the user wrote it, where it is one of the words
        places = error.where.removeprefix("the recipe, ").replace(", ", ".")
        word = next((word for word in named if PATHS[word] == places), None)
        if word is None:
            raise
        raise UsageError(f"{option(word.replace('_', '-'), error.value)} is not right: {error.why}.") from error


def crossed(plan: Recipe, words: Mapping[str, Any], settings: Mapping[str, Any] | None) -> Recipe:
    """Set no test rows apart where nobody asked for some: in cross-validation each row is tested in its fold."""
    if words.get("test") is not None or "data.test" in (settings or {}):
        return plan
    return dataclasses.replace(plan, data=dataclasses.replace(plan.data, test=0.0))
