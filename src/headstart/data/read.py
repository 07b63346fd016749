"""From what a user has to a checked data set: read, infer the task, encode, check, split."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.core.errors import DataError, Problem, UsageError, unknown
from headstart.core.recipe import DataPlan
from headstart.core.types import Task
from headstart.data.checks import check_repeats, digests, for_all
from headstart.data.columns import blank_cells, cells_of
from headstart.data.find import read_tables
from headstart.data.images import is_image, is_image_name
from headstart.data.inference import check_columns, describe_labels, infer
from headstart.data.inputs import loose_frame, make_inputs, make_rows
from headstart.data.labels import check_present, check_spread, encode, with_classes
from headstart.data.rows import Dataset, Rows
from headstart.data.splits import SplitRows, make_splits
from headstart.data.tables import Tables, join

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 5  # rows that a note names


def read(data: Any, plan: DataPlan, *, seed: int = 0, task: Task | None = None) -> Dataset:
    """Read data to a data set: checked, split, with one class list.

    Args:
        data: A path, arrays, frames or a data set; None takes `plan.path`.
        plan: What the user named; the rest is inferred.
        seed: Decides the splits where none are given.
        task: The task of a saved model, to evaluate it: columns, kind and classes are then taken from it. The
            same data and seed give the same splits as in training; `plan.test` 1 makes all rows test rows.

    Returns:
        The data set.

    Raises:
        DataError: Rows are wrong; all of them are listed.
        UsageError: The path, a column or an option is wrong, or no reader takes the data.
    """
    tables = read_tables(plan.path if data is None else data, plan)
    frames, notes = _by_domain(tables, plan)
    if task is not None and plan.test == 1 and "all" in frames:
        frames["test"] = frames.pop("all")
    labelled = {name: frame for name, frame in frames.items() if name != "target" or "test" not in frames}
    if task is None:
        train = frames.get("train", frames.get("all"))
        if train is None:
            raise DataError(f"There are no training rows; the data has {', '.join(frames)}.")
        open_task, inferred = infer(tables, train, plan)
        _check_frames(labelled, frames, open_task, plan)
        task = with_classes(open_task, train, labelled, plan.separator)
        notes += [*inferred, describe_labels(task)]
        fresh = True
    else:
        _check_frames(labelled, frames, task, plan)
        check_present(labelled, task)
        fresh = False
    known = task
    rows = for_all(labelled, lambda frame: _labelled_rows(frame, known, plan.separator))
    rows |= for_all({n: f for n, f in frames.items() if n not in labelled}, lambda frame: make_rows(frame, known))
    if fresh and task.kind == "regression":
        check_spread(_targets(rows.get("train", rows.get("all"))), task)
    hashes, more = digests(rows, task.modality)
    parts = {name: SplitRows(part, hashes[name], _groups(frames[name], plan.group)) for name, part in rows.items()}
    splits, split_notes = make_splits(parts, task, plan, seed)
    notes += [*more, *split_notes]
    if "test" in splits and "train" in splits:
        first, last = splits["train"], splits["test"]
        notes += check_repeats(first.digests, last.rows, last.digests, first.rows.ids, task.modality)
    if "validation" in parts and "train" in splits:
        notes += _repeated(splits["train"], splits["validation"])
    return make_dataset(task, splits, [*tables.notes, *notes])


def _repeated(train: SplitRows, validation: SplitRows) -> list[str]:
    """Note rows of a given validation split that training has too: the figures on them are too good."""
    known = set(train.digests)
    same = [row for row, digest in zip(validation.rows.ids, validation.digests, strict=True) if digest in known]
    if not same:
        return []
    more = ", …" if len(same) > SHOWN else ""
    return [
        f"{len(same)} of {len(validation.digests)} validation rows are in training too, which makes "
        f"their figures look better: {', '.join(same[:SHOWN])}{more}"
    ]


def read_unlabelled(data: Any, plan: DataPlan, task: Task) -> Rows:
    """Read examples to predict on; labels are not needed and not read.

    Args:
        data: What `read` takes; also a flat folder of images, one image file, or a list of texts, paths,
            PIL images or arrays.
        plan: How to read it.
        task: What the model predicts from.

    Returns:
        The rows.

    Raises:
        DataError: Rows are wrong, or an input column is missing.
        UsageError: The path is wrong, or no reader takes the data.
    """
    items = _loose_items(data, task)
    if items is not None:
        frame, task = loose_frame(items, task)
    else:
        frame = join(list(read_tables(data, plan).splits.values()))
        if list(frame.columns) == ["x"] or ("x" in frame.columns and not set(task.inputs) & set(frame.columns)):
            frame, task = loose_frame(list(frame["x"]), task)
        check_columns(frame, task.inputs, "the data")
    rows = make_rows(frame, task)
    digests({"all": rows}, task.modality)
    return rows


def _by_domain(tables: Tables, plan: DataPlan) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Sort rows by the part they play: with domains the source trains, the target tests."""
    if not plan.source_domain and not plan.target_domain:
        return dict(tables.splits), []
    if not plan.source_domain or not plan.target_domain or set(plan.source_domain) & set(plan.target_domain):
        raise UsageError("Name both a source domain and a target domain, and no domain as both.")
    found: dict[str, list[pd.DataFrame]] = {}
    known: dict[str, None] = {}
    for split, frame in tables.splits.items():
        check_columns(frame, ["domain"], f"split '{split}'")
        names = [str(cell) for cell in cells_of(frame["domain"])]
        known |= dict.fromkeys(names)
        for role, domains in (("source", plan.source_domain), ("target", plan.target_domain)):
            chosen: pd.DataFrame = frame.iloc[[i for i, name in enumerate(names) if name in domains]]
            if role == "target":
                part = "test" if split == "test" else "target"
            else:
                part = {"all": "train", "test": "unused"}.get(split, split)
            if len(chosen):
                found.setdefault(part, []).append(chosen)
    for name in (*plan.source_domain, *plan.target_domain):
        if name not in known:
            raise unknown("domain", name, sorted(known))
    notes = [
        f"domains: {', '.join(plan.source_domain)} (labelled) to "
        f"{', '.join(plan.target_domain)} (labels only in the test split)"
    ]
    unused = found.pop("unused", None)
    if unused:
        notes.append(f"{sum(map(len, unused))} test rows of the source domain are not used")
    others = sorted(set(known) - {*plan.source_domain, *plan.target_domain})
    if others:
        notes.append(f"domains left out: {', '.join(others)}")
    return {part: join(frames) for part, frames in found.items()}, notes


def _check_frames(
    labelled: Mapping[str, pd.DataFrame], frames: Mapping[str, pd.DataFrame], task: Task, plan: DataPlan
) -> None:
    group = [plan.group] if plan.group else []
    for name, frame in frames.items():
        check_columns(frame, [*task.inputs, *(task.labels if name in labelled else ()), *group], f"split '{name}'")


def _labelled_rows(frame: pd.DataFrame, task: Task, separator: str | None) -> Rows:
    """Make rows with targets; what is wrong with inputs and with labels comes in one error."""
    jobs = {"inputs": lambda: make_inputs(frame, task), "targets": lambda: encode(frame, task, separator)}
    done = for_all(jobs, lambda job: job())
    return Rows([str(row) for row in frame.index], done["inputs"], done["targets"])


def _groups(frame: pd.DataFrame, column: str | None) -> list[str] | None:
    if column is None:
        return None
    nameless = [
        Problem(str(row), f"has no group (column '{column}')") for row in frame.index[blank_cells(frame[column])]
    ]
    if nameless:
        raise DataError("Groups are missing:", nameless)
    return [str(cell) for cell in cells_of(frame[column])]


def _targets(rows: Rows | None) -> np.ndarray:
    assert rows is not None and rows.targets is not None
    return rows.targets


def make_dataset(task: Task, splits: Mapping[str, SplitRows], notes: Sequence[str]) -> Dataset:
    """Put checked splits together: the pools for streams, and the fingerprint of all rows and labels."""
    hasher = hashlib.sha256()
    for name, part in splits.items():
        hasher.update(f"{name}\0".encode())
        for row, digest in zip(part.rows.ids, part.digests, strict=True):
            hasher.update(row.encode() + b"\0" + digest)
        if part.rows.targets is not None and name != "target":
            hasher.update(np.ascontiguousarray(part.rows.targets).tobytes())
    pools = {"train": splits["train"].rows} if "train" in splits else {}
    if "target" in splits:
        pools |= {"source": splits["train"].rows, "target": splits["target"].rows.unlabelled()}
    rows = {n: part.rows for n, part in splits.items() if n != "target"}
    return Dataset(task, rows, pools, tuple(notes), hasher.hexdigest(), _kept_together(task, splits))


def _kept_together(task: Task, splits: Mapping[str, SplitRows]) -> dict[str, str]:
    """Name the group of each row: the one that was asked for, else of images the content, where some are copies."""
    parts = [splits[name] for name in ("train", "validation") if name in splits]
    if parts and parts[0].groups is not None:
        return {row: group for part in parts for row, group in zip(part.rows.ids, part.groups or (), strict=True)}
    if task.modality != "image":
        return {}
    found = {row: digest.hex() for part in parts for row, digest in zip(part.rows.ids, part.digests, strict=True)}
    return found if len(set(found.values())) < len(found) else {}


def _loose_items(data: Any, task: Task) -> Any:
    """Return examples without columns as a list, or None where a reader has to read them."""
    if isinstance(data, str | Path):
        path = Path(data)
        if path.is_file() and is_image_name(path.name):
            return [path]
        if task.modality == "image" and path.is_dir():
            flat = [
                file
                for file in sorted(path.iterdir())
                if file.is_file() and is_image_name(file.name) and not file.name.startswith(".")
            ]
            return flat or None
        return None
    if isinstance(data, list | np.ndarray) or type(data).__name__ == "Series":
        return data
    return [data] if is_image(data) else None
