"""What a run's folder says of the run: which one it is, how far it got, and with what it was made."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from headstart.artifact.find import RUN_STATE as NAME
from headstart.core import options, storage
from headstart.core.errors import StorageError, UsageError, first_few
from headstart.core.interface import call, option
from headstart.core.recipe import Recipe
from headstart.core.types import Score, Task
from headstart.data.rows import Dataset
from headstart.runs.resuming import absolute

if TYPE_CHECKING:  # torch is slow to import
    import torch

    from headstart.engine.job import Outcome

FORMAT = 1
FREE = {"workers", "cache_gb", "checkpoint", "data.path"}  # settings that may change: the weights do not depend on them


@dataclass(frozen=True)
class RunState:
    """The file `state.json` of a run.

    Attributes:
        recipe: The recipe with everything chosen, as plain data.
        fingerprint: Hash of all rows and labels.
        classes: The class list.
        made_with: What the last bits of the weights depend on: versions, device, threads, processes.
        status: "training" until steps and penalties are chosen, then perhaps "refitting" on all labelled rows,
            "trained" from when the model is saved until the results are, then "finished".
        outcome: How training ended, once it did.
        place: The folder that the recipe's paths are relative to.
    """

    recipe: dict[str, Any]
    fingerprint: str
    classes: list[str]
    made_with: dict[str, Any]
    status: Literal["training", "refitting", "trained", "finished"] = "training"
    outcome: dict[str, Any] | None = None
    place: str = ""

    def write(self, folder: Path) -> None:
        """Write the file."""
        plain = {"format": FORMAT, **dataclasses.asdict(self)}
        storage.write_text(folder / NAME, json.dumps(plain, indent=1, ensure_ascii=False))

    def with_outcome(self, outcome: Outcome, *, refits: bool) -> RunState:
        """Return the state after training has ended, or where it is done once more on all rows after choosing it."""
        best = None if outcome.best is None else outcome.best.to_plain()
        plain = dataclasses.asdict(dataclasses.replace(outcome, looked={})) | {"best": best}
        del plain["looked"]
        return dataclasses.replace(self, status="refitting" if refits else "trained", outcome=plain)

    @property
    def ended(self) -> Outcome:
        """How training ended."""
        from headstart.engine.job import Outcome

        assert self.outcome is not None
        best = Score.from_plain(self.outcome["best"])
        given = {name: value for name, value in self.outcome.items() if name != "best"}
        lists = {name: tuple(given.get(name, ())) for name in ("endings", "kept", "levelled", "once")}
        lists["solved"] = tuple(given.get("solved", [{} for _ in lists["kept"]]))  # there is none in older files
        return Outcome(best, **{**given, **lists})


def describe(recipe: Recipe, dataset: Dataset, *, device: torch.device, processes: int) -> RunState:
    """Describe a run that is about to start."""
    import torch

    made_with = {
        "headstart": importlib.metadata.version("headstart"),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "processes": processes,
    }
    classes = _classes(dataset.task)
    return RunState(recipe.to_plain(), dataset.fingerprint, classes, made_with, place=str(Path.cwd()))


def _classes(task: Task) -> list[str]:
    """List the classes of all targets; where there are several, by name: "mood: calm"."""
    if len(task.targets) == 1:
        return list(task.target.classes)
    return [f"{name}: {label}" for name, target in task.targets.items() for label in target.classes]


def read(folder: Path) -> RunState | None:
    """Read the state of a run; None where the folder holds no run.

    Args:
        folder: Folder of the run.

    Returns:
        The state.

    Raises:
        StorageError: The file is damaged, or another version of Headstart wrote it.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        found = plain.pop("format")
    except (ValueError, KeyError, AttributeError) as error:
        raise StorageError(f"{path} is damaged. {_anew(folder)}") from error
    if found != FORMAT:
        raise StorageError(f"{path} has format {found}; this Headstart reads {FORMAT}. Use the version that wrote it.")
    plain["recipe"].setdefault("refit", "no")  # of version 0.1
    if plain["recipe"].get("keep_better", "auto") == "auto":  # of older versions, and of a trial that becomes a run
        plain["recipe"]["keep_better"] = "no"
    if plain["recipe"].get("precision", "auto") == "auto":  # of versions that chose it by the device alone
        plain["recipe"]["precision"] = "float32" if plain["made_with"].get("device") == "cpu" else "bfloat16"
    return options.build(RunState, plain, str(path))


def lost(folder: Path) -> str:
    """Say that a folder holds no run to go on with, and what can be done with it.

    Args:
        folder: A folder without the state of a run.

    Returns:
        The message.
    """
    return f"{folder} holds no run to go on with: there is no {NAME} in it. {_anew(folder)}".rstrip()


def _anew(folder: Path) -> str:
    """Say how to make a run again whose state is lost; "" where its recipe is lost too."""
    recipe = folder / "recipe.toml"
    if not recipe.is_file():
        return ""
    again = call("fit", "DATA", recipe=str(recipe), out="ANOTHER")
    predicts = "A model that is saved in it still predicts. " if (folder / "model").is_dir() else ""
    return f"{predicts}Make the run again, to the same weights: {again}."


def check_same(folder: Path, before: RunState, now: RunState) -> list[str]:
    """Check that a run goes on as what it was begun.

    Args:
        folder: Folder of the run, for the message.
        before: What the folder says.
        now: What was asked for.

    Returns:
        Warnings: what may change the last bits of the weights.

    Raises:
        UsageError: The recipe, the data or the classes are others; every difference is named.
    """
    began, goes_on = (absolute(Recipe.from_plain(each.recipe), each.place).to_plain() for each in (before, now))
    differences = [*_differences(began, goes_on)]
    if before.classes != now.classes:
        gone, new = set(before.classes) - set(now.classes), set(now.classes) - set(before.classes)
        named = [*(f"-{name}" for name in sorted(gone)), *(f"+{name}" for name in sorted(new))]
        differences.append(f"classes: {first_few(named) or 'in another order'}")
    if before.fingerprint != now.fingerprint:
        differences.append("data: the rows or their labels have changed")
    if differences:
        listing = first_few(differences, "\n  ")
        raise UsageError(
            f"{folder} holds a run of another recipe or of other data; it cannot go on with this one. Different are "
            f"(run -> now):\n  {listing}\nName another folder with {option('out')}, or put these back as they were."
        )
    return [
        f"this run began with {name} {before.made_with.get(name)}, and goes on with {value}: "
        "the weights may differ in their last bits from an undisturbed run's"
        for name, value in now.made_with.items()
        if before.made_with.get(name) != value
    ]


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    one, other = dict(_leaves(before)), dict(_leaves(now))
    for path in sorted({*one, *other} - FREE):
        if path.startswith("tasks.") and path.endswith(".path"):  # as data.path
            continue
        if one.get(path) != other.get(path):
            yield f"{path}: {_shown(one, path)} -> {_shown(other, path)}"


def _leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        children: Any = node.items()
    elif isinstance(node, list) and any(isinstance(item, Mapping) for item in node):
        children = enumerate(node)
    else:
        yield path, node
        return
    for key, value in children:
        yield from _leaves(value, f"{path}.{key}" if path else str(key))


def _shown(leaves: Mapping[str, Any], path: str) -> str:
    return json.dumps(leaves[path], ensure_ascii=False) if path in leaves else "not set"
