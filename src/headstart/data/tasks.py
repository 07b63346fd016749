"""Several data sets, each a task of one run: every one is read by itself, then their rows are put together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from headstart.core.counting import agree, counted
from headstart.core.errors import DataError, Problem, UsageError, first_few
from headstart.core.interface import option
from headstart.core.packed import packed
from headstart.core.recipe import DataPlan, Recipe
from headstart.core.types import Input, Task
from headstart.data.find import named_data
from headstart.data.inference import needs_labels
from headstart.data.left_out import Bad
from headstart.data.pools import UNLABELLED
from headstart.data.read import read
from headstart.data.readers.memory import is_table
from headstart.data.rows import Dataset, Rows, concatenate
from headstart.data.splits import crossed
from headstart.data.tables import SPLITS
from headstart.inputs import by_name


def paths_of(data: Any) -> dict[str, str | None]:
    """Return the paths of tasks by name, None for one in memory; nothing where the data is a single data set."""
    if not are_tasks(data):
        return {}
    return {str(name): str(own) if isinstance(own, str | Path) else None for name, own in data.items()}


def are_tasks(data: Any) -> bool:
    """Return whether data in Python is several data sets by name: paths, frames, pairs, or dicts of splits."""
    if type(data) is not dict or any(str(name).lower() in SPLITS for name in data):
        return False
    return bool(data) and all(isinstance(own, str | Path) or _is_data_set(own) for own in data.values())


def _is_data_set(data: Any) -> bool:
    if isinstance(data, Mapping):
        return bool(data) and all(str(name).lower() in SPLITS for name in data)
    return is_table(data) and not (isinstance(data, tuple) and not hasattr(data[0], "__len__"))  # two numbers are cells


def named(data: Any, recipe: Recipe) -> Any:
    """Return what is to be read, once its paths are there: a look that takes no time.

    Args:
        data: What the user gave, with tasks by name; None takes the paths of the recipe.
        recipe: Has the plan of the data, or of each task.

    Returns:
        The data; with tasks that of each by name.

    Raises:
        UsageError: Nothing is named, there is no such path, or a data set is named beside tasks.
    """
    if not recipe.tasks:
        if are_tasks(data):
            raise UsageError(f"Several data sets are named ({first_few(data)}), and this takes one; fit takes several.")
        return named_data(data, recipe.data)
    if data is not None and not isinstance(data, Mapping):
        what = str(data) if isinstance(data, str | Path) else f"a {type(data).__name__}"
        raise UsageError(
            f"The data {what} and the tasks {first_few(recipe.tasks)} are both named, and a run learns either. Make "
            f"the data a task too ({option('task', 'NAME=DATA')}), or leave it away."
        )
    given = data or {}
    return {name: _named(name, given.get(name), plan) for name, plan in recipe.tasks.items()}


def told(data: Any) -> str:
    """Write what is read, as `named` gives it: a path, or the tasks with theirs."""
    if not isinstance(data, Mapping):
        return str(data)
    return first_few(f"{name} ({own})" for name, own in data.items())


def _named(name: str, data: Any, plan: DataPlan) -> Any:
    if data is None and plan.path is None:
        raise UsageError(f"Name the data of the task '{name}': {option('task', f'{name}=DATA')}, or tasks.{name}.path.")
    with _telling(name, settings=False):
        return named_data(data, plan)


def read_data(
    data: Any,
    recipe: Recipe,
    *,
    task: Task | None = None,
    bad: Bad = MappingProxyType({}),
    expects: Input | None = None,
) -> Dataset:
    """Read the data of a recipe: its one data set, or that of each task.

    Args:
        data: As `read` takes it; of tasks by name. None takes the paths of the recipe.
        recipe: Has the plans and the seed.
        task: The task of a saved model, as for `read`.
        bad: What is known to be wrong with rows, by name.
        expects: What a network expects of the rows.

    Returns:
        The data set. Rows of tasks are called "TASK/ROW", have the label of their own target, and are in a pool
        "task:NAME".

    Raises:
        DataError: Rows are wrong, or a row that one task learns is a test row of another.
        UsageError: A path, a column or an option is wrong, or the tasks cannot share an input.
    """
    if not recipe.tasks:
        return read(data, recipe.data, seed=recipe.seed, task=task, bad=bad, expects=expects)
    parts: dict[str, Dataset] = {}
    for name, own in named(data, recipe).items():
        lone = None if task is None else task.alone(name)
        known = {row: replace(problem, where=_bare(name, problem.where)) for row, problem in _of(name, bad).items()}
        with _telling(name):
            plan = recipe.tasks[name]
            _check_labelled(plan)
            found = read(own, plan, seed=recipe.seed, task=lone, bad=known, expects=expects)
            _check_lone(found.task)
        parts[name] = _called(name, found)
    _check_alike(parts)
    return _together(parts)


@contextmanager
def _telling(name: str, *, settings: bool = True) -> Iterator[None]:
    """Say of which task it is that something is wrong, and where its settings are."""
    try:
        yield
    except (DataError, UsageError) as error:
        own = f" (For this task alone: {option('set', f'tasks.{name}.labels=COLUMN')}, and likewise inputs …)"
        error.args = (f"Task '{name}': {error}{own if settings and isinstance(error, UsageError) else ''}",)
        raise


def _of(name: str, bad: Bad) -> dict[str, Problem]:
    return {_bare(name, row): problem for row, problem in bad.items() if row.startswith(f"{name}/")}


def _bare(name: str, row: str) -> str:
    return row.removeprefix(f"{name}/")


def _check_labelled(plan: DataPlan) -> None:
    if not all(map(needs_labels, plan.by_target.values())):
        raise UsageError(f"One of several tasks is learnt from labels, and {option('task', plan.task)} has none.")


def _check_lone(task: Task) -> None:
    if len(task.targets) > 1:
        columns = first_few(f"'{column}'" for target in task.targets.values() for column in target.columns)
        raise UsageError(f"The label columns {columns} are of different kinds: make each a task of its own.")


def _called(name: str, data: Dataset) -> Dataset:
    """Call the only target, the rows and the notes of a data set by the name of its task."""
    return replace(
        data,
        task=replace(data.task, targets={name: data.task.target}),
        splits={split: _rows(name, rows) for split, rows in data.splits.items()},
        pools={pool: _rows(name, rows) for pool, rows in data.pools.items()},
        notes=[f"{name}: {note.replace(crossed(), '')}" for note in data.notes],
        groups={f"{name}/{row}": f"{name}/{group}" for row, group in data.groups.items()},
        left_out=[replace(problem, where=f"{name}/{problem.where}") for problem in data.left_out],
        aside=[f"{name}: {note}" for note in data.aside],
    )


def _rows(name: str, rows: Rows) -> Rows:
    ids = packed(f"{name}/{row}" for row in rows.ids)
    return replace(rows, ids=ids, labels={name: rows.y} if rows.labels else {})


def _check_alike(parts: Mapping[str, Dataset]) -> None:
    """Refuse tasks whose rows one network cannot take."""
    (first, one), *others = parts.items()
    kind = by_name(one.task.modality)
    for name, other in others:
        if other.task.modality != one.task.modality:
            raise UsageError(
                f"The tasks differ in modality: {_reading(first, one)}, {_reading(name, other)}. All share the input "
                f"of one network. Name other columns (tasks.{name}.inputs), or learn the tasks in runs of their own."
            )
        if kind.tabular and other.task.inputs != one.task.inputs:
            raise UsageError(
                f"The tasks differ in their columns: {_reading(first, one)}, {_reading(name, other)}. All share the "
                f"input of one network. Name columns that all of them have, in one order: {option('input')}."
            )
        shapes = [tuple(getattr(each.splits["train"].inputs, "shape", ()))[1:] for each in (one, other)]
        if shapes[0] != shapes[1]:
            raise UsageError(
                f"The rows of the task '{first}' have {shapes[0]} numbers and those of '{name}' {shapes[1]}: all tasks "
                "share the input of one network, which takes as many of each."
            )


def _reading(name: str, data: Dataset) -> str:
    columns = first_few(f"'{column}'" for column in data.task.inputs)
    return f"'{name}' is {data.task.modality} (column{'s' if len(data.task.inputs) > 1 else ''} {columns})"


def _together(parts: Mapping[str, Dataset]) -> Dataset:
    """Put the data sets of all tasks together."""
    notes = [note for part in parts.values() for note in part.notes] + _check_leaks(parts)
    inputs = min((part.task.inputs for part in parts.values()), key=len)
    one = next(iter(parts.values())).task
    task = Task(
        one.modality,
        inputs,
        {name: target for part in parts.values() for name, target in part.task.targets.items()},
        {name: part.task.inputs for name, part in parts.items() if part.task.inputs != inputs},
    )
    splits = {split: concatenate(own) for split in ("train", "validation", "test") if (own := _split(parts, split))}
    pools = {"train": splits["train"]} if "train" in splits else {}
    if more := [part.pools[UNLABELLED] for part in parts.values() if UNLABELLED in part.pools]:
        pools[UNLABELLED] = concatenate(more)
    if len(parts) > 1:
        own = {name: part.splits["train"] for name, part in parts.items() if "train" in part.splits}
        pools |= {f"task:{name}": replace(rows, digests=()) for name, rows in own.items()}
    if len(parts) > 1:
        notes.append(f"rows of all tasks: {first_few(f'{split} {len(rows)}' for split, rows in splits.items())}")
    hasher = hashlib.sha256()
    for name, part in parts.items():
        hasher.update(f"{name}\0{part.fingerprint}\0".encode())
    return Dataset(
        task,
        splits,
        pools,
        notes,
        hasher.hexdigest(),
        {row: group for part in parts.values() for row, group in part.groups.items()},
        [split for split in splits if all(split in part.drawn for part in parts.values() if split in part.splits)],
        [problem for part in parts.values() for problem in part.left_out],
        [note for part in parts.values() for note in part.aside],
    )


def _split(parts: Mapping[str, Dataset], split: str) -> list[Rows]:
    return [part.splits[split] for part in parts.values() if split in part.splits]


def _check_leaks(parts: Mapping[str, Dataset]) -> list[str]:
    """Refuse a row that one task learns and another one is tested on; tell of one that another is validated on.

    Validation rows that were drawn are learnt once they have chosen, and rows without labels may be.
    """
    notes, problems = [], []
    for name, part in parts.items():
        learnt = [part.pools[pool] for pool in ("train", UNLABELLED) if pool in part.pools]
        learnt += [part.splits["validation"]] if "validation" in part.drawn else []
        twins = {digest: row for rows in learnt for row, digest in zip(rows.ids, rows.digests, strict=True)}
        for other, against in parts.items():
            for split in ("validation", "test") if other != name else ():
                rows = against.splits.get(split)
                places = zip(rows.ids, rows.digests, strict=True) if rows is not None else ()
                same = [(row, twins[digest]) for row, digest in places if digest in twins]
                if split == "test":
                    mend = "delete one of them"
                    problems += [Problem(row, f"is the same as {twin}, which is learnt", mend) for row, twin in same]
                elif same:
                    notes.append(
                        f"{counted(len(same), 'validation rows')} of '{other}' {agree(len(same), 'are')} learnt by "
                        f"'{name}' too, which makes the figures look better: {first_few(row for row, _ in same)}"
                    )
    if problems:
        raise DataError(
            "Test rows of a task must not be learnt by another one, as the network is shared:",
            problems,
            f"Are they tasks of the same rows? One table with all labels splits them once: {option('label', 'A,B')}.",
        )
    return notes
