"""From what a user has to a checked data set: read, infer the task, encode, check, split."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.core.columns import blank_cells, cells_of, check_text, release_memory
from headstart.core.counting import agree, counted
from headstart.core.errors import BadRows, DataError, Problem, first_few
from headstart.core.interface import option
from headstart.core.packed import packed
from headstart.core.recipe import DataPlan
from headstart.core.types import Input, Labels, Target, Task
from headstart.data.aside import leave_out, no_training_rows, with_labels
from headstart.data.checks import check_repeats, check_rows, for_all, lay_over
from headstart.data.domains import (
    BARE,
    FEW,
    STRANGE,
    beside,
    by_domain,
    numbers,
    with_few,
    without_unknown,
)
from headstart.data.find import read_tables
from headstart.data.inference import check_columns, check_files, describe_labels, infer, needs_labels
from headstart.data.inputs import make_inputs, make_rows
from headstart.data.left_out import Bad, told, usable, without_bad
from headstart.data.left_out import advice as skip_advice
from headstart.data.pools import (
    UNLABELLED,
    has_labels,
    lacks_some,
    measured_notes,
    repeated,
    set_apart,
    task_pools,
    told_lacking,
    with_labels_of,
)
from headstart.data.remarks import conflicts, remarks
from headstart.data.rows import Dataset, Rows, concatenate, filled
from headstart.data.splits import SplitRows, make_splits
from headstart.data.tables import Tables, join
from headstart.data.target_rows import target_pools
from headstart.data.transforms import check_examples
from headstart.data.unlabelled import loose_rows
from headstart.inputs import by_name

if TYPE_CHECKING:
    import pandas as pd


def read(
    data: Any,
    plan: DataPlan,
    *,
    seed: int = 0,
    task: Task | None = None,
    whole: bool = False,
    bad: Bad = MappingProxyType({}),
    expects: Input | None = None,
) -> Dataset:
    """Read data to a data set: checked, split, with one class list.

    Args:
        data: A path, arrays, frames or a data set; None takes `plan.path`.
        plan: What the user named; the rest is inferred.
        seed: Decides the splits where none are given.
        task: The task of a saved model, to evaluate it: columns, kind and classes are then taken from it. The
            same data and seed give the same splits as in training.
        whole: Make all rows test rows, where the data comes without splits.
        bad: What is known to be wrong with rows, by name, where the plan leaves such rows out.
        expects: What a network expects of the rows; None where there is none yet.

    Returns:
        The data set.

    Raises:
        DataError: Rows are wrong; all of them are listed.
        UsageError: The path, a column or an option is wrong, or no reader takes the data.
    """
    dataset = _read_usable(plan.path if data is None else data, plan, seed, task, whole, bad, expects)
    release_memory()
    return dataset


def _read_usable(
    where: Any, plan: DataPlan, seed: int, task: Task | None, whole: bool, bad: Bad, expects: Input | None
) -> Dataset:
    """Read data without the rows that are bad, where those may be left out."""
    tables = read_tables(where, plan)
    if plan.target is not None:
        plan = replace(plan, path=str(where) if isinstance(where, str | Path) else None)  # whose name is the domain's
        tables = beside(tables, read_tables(plan.target, plan), plan)
    if plan.target_labels is not None:
        alone = replace(plan, reader=plan.reader if plan.target else None, source_domain=(), target_domain=())
        tables = with_few(tables, read_tables(plan.target_labels, alone), plan)
    advice = skip_advice() if task is None else ""

    def work(bad: Bad) -> Dataset:
        dataset = _read(usable(tables, bad), plan, seed, task, whole, bad, where)
        if (network := expects) is not None:
            for_all(dataset.splits, lambda rows: check_examples(rows, network))
        return dataset

    dataset, found = without_bad(work, plan.skip_bad, bad, advice)
    notes = told(found, len({*tables.names(), *found})) if found else []
    return replace(dataset, notes=(*notes, *dataset.notes), left_out=tuple(found.values())) if found else dataset


def _read(tables: Tables, plan: DataPlan, seed: int, task: Task | None, whole: bool, bad: Bad, where: Any) -> Dataset:
    """Read tables to a data set."""
    frames, notes = by_domain(tables, plan)
    bare, of_target = (frames.pop(name, None) for name in (UNLABELLED, BARE))
    if whole and "all" in frames:
        frames["test"] = frames.pop("all")
    given = "train" if "train" in frames else "all"
    partly = plan.blank_labels != "refuse"
    if task is None:
        if given not in frames and bare is not None and not any(map(needs_labels, plan.by_target.values())):
            frames[given], bare = bare, None
        if given not in frames:
            raise DataError(no_training_rows(frames, bare))
        open_task, inferred = infer(tables, frames[given], plan)
        notes += (aside := leave_out(frames, given, open_task, where, partly=partly))
        labelled = with_labels(frames, given, open_task)
        _check_frames(labelled, frames, open_task, plan)
        bare = _without_labels(frames, labelled, given, open_task, plan, bare)
        task = _complete(open_task, labelled, given, plan)
        notes += [*inferred, *describe_labels(task)]
        fresh = True
    else:
        check_files(tables, task.modality, task.inputs, named=True)
        notes += (aside := leave_out(frames, given, task, where, partly=partly))
        labelled = with_labels(frames, given, task)
        _check_frames(labelled, frames, task, plan)
        bare = _without_labels(frames, labelled, given, task, plan, bare)
        for_all(
            {n: (t, with_labels_of(labelled, n, task) if partly else labelled) for n, t in task.predicted.items()},
            lambda each: each[0].check_present(each[1]),
        )
        fresh = False
    known, strange = task, None
    if any(plan.domains):
        strange, told_of = without_unknown(frames, labelled, task, of_target)
        notes += told_of
    rows = for_all(labelled, lambda frame: _labelled_rows(frame, known))
    rows |= for_all({n: f for n, f in frames.items() if n not in labelled}, lambda frame: make_rows(frame, known))
    rows |= {STRANGE: make_rows(strange, known)} if strange is not None else {}
    named = {**frames, STRANGE: strange}
    rows = {name: replace(part, domains=numbers(named[name], plan)) for name, part in rows.items()}
    if fresh:
        learnt = rows["train" if "train" in rows else "all"]
        names = {name: name for name in learnt.labels}
        for_all(names, lambda name: known.targets[name].check_training(learnt.labels_of(name)))
    if (more_rows := _unlabelled_rows(bare, plan, task, bad)) is not None:
        rows[UNLABELLED] = more_rows
    notes += remarks(rows, known)
    rows, more = check_rows(rows, task.modality)
    unlabelled, apart = (rows.pop(name, None) for name in (UNLABELLED, STRANGE))
    notes += told_lacking([part for part in rows.values() if part.labels])
    more += conflicts((part for name, part in rows.items() if name != "target"), task)
    parts = {name: SplitRows(part, _groups(frames[name], plan.group)) for name, part in rows.items()}
    if not task.predicted:
        plan = replace(plan, test=0.0)  # nothing would be measured on them
    splits, split_notes = make_splits(parts, task, plan, seed)
    notes += [*more, *split_notes]
    if "test" in splits and "train" in splits:
        given_for_training = [splits["train"].rows]
        if "test" in parts and "validation" not in parts and "validation" in splits:
            given_for_training.append(splits["validation"].rows)  # was drawn from them
        notes += check_repeats(given_for_training, splits["test"].rows, task.modality)
    if "validation" in parts and "train" in splits:
        notes += _repeated(splits["train"].rows, splits["validation"].rows)
    if "validation" in parts and "test" in parts and (same := repeated(parts["test"].rows, parts["validation"].rows)):
        found = (
            f"{counted(len(same), 'test rows', len(parts['test'].rows))} {agree(len(same), 'are')} in validation too"
        )
        notes.append(f"{found}, on which the best step is chosen: {first_few(same)}")
    pools = task_pools(splits["train"].rows) if "train" in splits else {}
    if any(plan.domains) and "train" in splits and not plan.unseen:
        found, told_of = target_pools(parts, splits, apart, task, plan)
        pools |= found
        notes += told_of
    if unlabelled is not None:
        pools[UNLABELLED] = unlabelled
        measured = {name: part.rows for name, part in splits.items()}
        notes.append(f"rows without labels: {len(unlabelled):,}, the pool 'unlabelled'")
        notes += measured_notes(unlabelled, measured, task.modality, transductive=plan.transductive)
    drawn = [name for name in splits if name not in parts]
    return replace(make_dataset(task, splits, [*tables.notes, *notes], pools, drawn), aside=tuple(aside))


def _without_labels(
    frames: dict[str, pd.DataFrame],
    labelled: dict[str, pd.DataFrame],
    given: str,
    task: Task,
    plan: DataPlan,
    bare: pd.DataFrame | None,
) -> pd.DataFrame | None:
    """Take training rows without any label out of the frames, where the plan says that there are such rows.

    Args:
        frames: All rows by split; training rows are replaced by those with a label.
        labelled: Those of them that have labels, by split; likewise.
        given: Name of the training split.
        task: Its targets say when a cell holds no label.
        plan: Says what training rows without a label are.
        bare: Rows that came without labels; None without any.

    Returns:
        All rows without any label; None where there are none.
    """
    if plan.blank_labels == "refuse" or not task.predicted or given not in labelled:
        return bare
    frames[given], without = set_apart(labelled[given], task)
    labelled[given] = frames[given]
    found = [frame for frame in (bare, without) if frame is not None and len(frame)]
    return join(found) if found else None


def _complete(task: Task, frames: Mapping[str, pd.DataFrame], given: str, plan: DataPlan) -> Task:
    """Complete the targets, each by the rows that have its label.

    Args:
        task: As it was inferred.
        frames: Labelled rows by split.
        given: Name of the training split.
        plan: Says whether rows may lack labels.

    Returns:
        The task.

    Raises:
        DataError: Labels are missing or cannot be used.
    """

    def completed(name: str) -> Target:
        target = task.targets[name]
        own = with_labels_of(frames, name, task) if task.predicted and plan.blank_labels != "refuse" else frames
        if not len(own[given]):
            raise DataError(f"No training row has a label of the target '{name}' ({first_few(target.columns)}).")
        return target.complete(own[given], own)

    try:
        return replace(task, targets=for_all({name: name for name in task.targets}, completed))
    except BadRows as error:
        if plan.blank_labels != "refuse" or not any(lacks_some(frame, task) for frame in frames.values()):
            raise
        mend = f"{option('blank-labels', 'unlabelled')} lets each target learn from the rows that have its label"
        raise BadRows(f"Rows lack the labels of some targets ({mend}). {error.summary}", error.problems) from error


def _unlabelled_rows(bare: pd.DataFrame | None, plan: DataPlan, task: Task, bad: Bad) -> Rows | None:
    """Make the rows without labels from the data itself and from what the plan names besides."""
    found = []
    if bare is not None:
        check_columns(bare, task.inputs, "the rows without labels")
        found.append(make_rows(bare, task))
    if plan.unlabelled is not None:
        more, *_ = loose_rows(plan.unlabelled, replace(plan, reader=None, unlabelled=None), task, plan.unlabelled, bad)
        more = replace(more, ids=[_below(row, Path(plan.unlabelled)) for row in more.ids])
        found.append(more.take([place for place, row in enumerate(more.ids) if row not in bad]))
    return concatenate(found) if found else None


def _below(row: str, place: Path) -> str:
    """Name a row of a folder or a table by the name of that and the place in it: "more/cats/1.jpg", "more.csv:7"."""
    if place.is_file() and row.startswith(place.name):
        return row
    path = Path(row)
    return f"{place.name}/{path.relative_to(place).as_posix() if path.is_relative_to(place) else row}"


def _repeated(train: Rows, validation: Rows) -> list[str]:
    """Note rows of a given validation split that training has too: the figures on them are too good."""
    same = repeated(validation, train)
    if not same:
        return []
    return [
        f"{counted(len(same), 'validation rows', len(validation))} {agree(len(same), 'are')} in training too, which "
        f"makes the figures look better: {first_few(same)}"
    ]


def _check_frames(
    labelled: Mapping[str, pd.DataFrame], frames: Mapping[str, pd.DataFrame], task: Task, plan: DataPlan
) -> None:
    group = [plan.group] if plan.group else []
    labels = dict.fromkeys(column for target in task.targets.values() for column in target.columns)
    for name, frame in frames.items():
        check_columns(frame, [*task.inputs, *(labels if name in labelled else ()), *group], f"split '{name}'")


def _labelled_rows(frame: pd.DataFrame, task: Task) -> Rows:
    """Make rows with labels; what is wrong with inputs and with labels comes in one error."""
    check_text(frame, list(dict.fromkeys(name for target in task.predicted.values() for name in target.columns)))
    known = {name: has_labels(frame, target) for name, target in task.predicted.items()}
    jobs: dict[str, Callable[[], Any]] = {"": lambda: make_inputs(frame, task)}  # no target has an empty name
    for name, has in known.items():
        if has.any():
            jobs[name] = partial(task.targets[name].encode, frame if has.all() else frame.loc[has])
    done = for_all(jobs, lambda job: job())
    ids, inputs = packed(map(str, frame.index)), done.pop("")
    done = lay_over([str(row) for row in frame.index], inputs, done, known, task)
    lacking = {name: has for name, has in known.items() if not has.all() and name in done}
    return Rows(ids, inputs, {**done, **{n: filled(done[n], has) for n, has in lacking.items()}}, known=lacking)


def _groups(frame: pd.DataFrame, column: str | None) -> list[str] | None:
    if column is None:
        return None
    nameless = [
        Problem(str(row), f"has no group (column '{column}')") for row in frame.index[blank_cells(frame[column])]
    ]
    if nameless:
        raise BadRows("Groups are missing:", nameless)
    return [str(cell) for cell in cells_of(frame[column])]


def make_dataset(
    task: Task,
    splits: Mapping[str, SplitRows],
    notes: Sequence[str],
    more: Mapping[str, Rows] | None = None,
    drawn: Sequence[str] = (),
) -> Dataset:
    """Put checked splits together: the pools for streams, and the fingerprint of all rows and labels.

    Args:
        task: The task that the rows belong to.
        splits: By name; with domains "target" has the rows of the target domain.
        notes: What was inferred, in words.
        more: Further pools.
        drawn: The splits that were cut from given ones.

    Returns:
        The data set.
    """
    hasher = hashlib.sha256()
    for name, rows in (more or {}).items():
        hasher.update(f"{name}\0{len(rows)}\0".encode() + b"".join(row.encode() + b"\0" for row in rows.ids))
        hasher.update(b"".join(rows.digests))
        if name == FEW:
            hasher.update(b"".join(map(_label_bytes, rows.labels.values())))
    for name, part in splits.items():
        hasher.update(f"{name}\0".encode())
        for row, digest in zip(part.rows.ids, part.rows.digests, strict=True):
            hasher.update(row.encode() + b"\0" + digest)
        if name != "target":
            for target, labels in part.rows.labels.items():
                hasher.update(b"" if len(part.rows.labels) == 1 else f"{target}\0".encode())
                hasher.update(_label_bytes(labels))
                hasher.update(part.rows.known[target].tobytes() if target in part.rows.known else b"")
    pools = {"train": splits["train"].rows} if "train" in splits else {}
    if splits.get("train") and splits["train"].rows.domains is not None:
        pools["source"] = splits["train"].rows
    if "target" in splits:
        pools["target"] = splits["target"].rows.unlabelled()
    pools |= more or {}
    rows = {n: part.rows for n, part in splits.items() if n != "target"}
    return Dataset(task, rows, pools, tuple(notes), hasher.hexdigest(), _kept_together(task, splits), tuple(drawn))


def _label_bytes(labels: Labels) -> bytes:
    if isinstance(labels, np.ndarray):
        return np.ascontiguousarray(labels).tobytes()
    return b"".join(str(np.shape(row)).encode() + np.ascontiguousarray(row).tobytes() for row in labels)


def _kept_together(task: Task, splits: Mapping[str, SplitRows]) -> dict[str, str]:
    """Name the group of each row: the one that was asked for, else the content, where some are copies."""
    parts = [splits[name] for name in ("train", "validation") if name in splits]
    if parts and parts[0].groups is not None:
        return {row: group for part in parts for row, group in zip(part.rows.ids, part.groups or (), strict=True)}
    if not by_name(task.modality).copies_together:
        return {}
    found = {row: digest.hex() for part in parts for row, digest in zip(part.rows.ids, part.rows.digests, strict=True)}
    return found if len(set(found.values())) < len(found) else {}
