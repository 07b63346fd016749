"""The part that each domain's rows play: a source trains, the target is what counts, with labels in its test alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.core.columns import cells_of
from headstart.core.counting import agree, counted
from headstart.core.errors import BadRows, DataError, Problem, UsageError, first_few, unknown
from headstart.core.interface import option
from headstart.core.recipe import DataPlan
from headstart.core.types import Task
from headstart.data.find import read_tables
from headstart.data.inference import check_columns
from headstart.data.pools import UNLABELLED
from headstart.data.rows import Rows, concatenate
from headstart.data.splits import SplitRows
from headstart.data.tables import DOMAIN, Tables, join

if TYPE_CHECKING:
    import pandas as pd


FEW = "target_labelled"  # the pool of those rows of the target domain whose labels are learnt
STRANGE = "strange"  # rows of the target domain whose label the source domain lacks, while they are checked


def beside(tables: Tables, target: Tables, plan: DataPlan) -> Tables:
    """Put the rows of two data sets together, as two domains.

    Args:
        tables: The source domain's.
        target: The target domain's, with or without labels.
        plan: Names both.

    Returns:
        All rows with the column `domain`; those of the target are named "TARGET/ROW".
    """
    ((source_name,), (target_name,)) = plan.domains
    found: dict[str, list[pd.DataFrame]] = {}
    for split, frame in tables.splits.items():
        found.setdefault(split, []).append(frame.assign(**{DOMAIN: source_name}))
    for split, frame in target.splits.items():
        named = frame.assign(**{DOMAIN: target_name}).set_axis([f"{target_name}/{row}" for row in frame.index])
        found.setdefault("all" if split == "train" else split, []).append(named)
    return _together(tables, target, target_name, {split: join(frames) for split, frames in found.items()})


def with_few(tables: Tables, few: Tables, plan: DataPlan) -> Tables:
    """Put labelled rows of the target domain beside the rest.

    Args:
        tables: Of both domains.
        few: The rows, in any splits.
        plan: Names the domains, and where the rows are from.

    Returns:
        All rows; the labelled ones are the split "target_labelled", named "PLACE/ROW".

    Raises:
        UsageError: No target domain is named.
    """
    _, targets = plan.domains
    if not targets:
        raise UsageError(
            f"{option('target-labels')} names rows of a target domain: name that, too ({option('target', 'FOLDER')})."
        )
    place = Path(plan.target_labels or FEW).name
    rows = join(list(few.splits.values())).assign(**{DOMAIN: targets[0]})
    rows = rows.set_axis([f"{place}/{row}" for row in rows.index])
    return _together(tables, few, place, {**tables.splits, FEW: rows})


def _together(tables: Tables, more: Tables, place: str, splits: dict[str, pd.DataFrame]) -> Tables:
    """Put what two readings found beside these splits; what is wrong with rows of the second is told with its place."""
    wrong = [
        BadRows(error.summary, [replace(each, where=f"{place}/{each.where}") for each in error.problems])
        for error in more.wrong
    ]
    notes, absent = (*tables.notes, *more.notes), {**tables.absent, **more.absent}
    return replace(tables, splits=splits, notes=notes, absent=absent, wrong=(*tables.wrong, *wrong))


def other_domains(data: Any, plan: DataPlan, left_out: Sequence[str]) -> tuple[str, ...]:
    """Name the domains of a data set but those that are left out.

    Args:
        data: What `read` takes; None takes `plan.path`.
        plan: How to read it.
        left_out: The names of the others.

    Returns:
        The names, in alphabetical order.

    Raises:
        UsageError: One that is left out is not there, or nothing else is.
        DataError: A split has no column `domain`.
    """
    tables = read_tables(plan.path if data is None else data, replace(plan, target_domain=tuple(left_out)))
    known: set[str] = set()
    for split, frame in tables.splits.items():
        check_columns(frame, [DOMAIN], f"split '{split}'")
        known |= {str(cell) for cell in cells_of(frame[DOMAIN])}
    for name in left_out:
        if name not in known:
            raise unknown("domain", name, sorted(known))
    others = tuple(sorted(known - set(left_out)))
    if not others:
        raise UsageError(f"The data has no domain but {first_few(left_out)}: leave out fewer.")
    return others


def by_domain(tables: Tables, plan: DataPlan) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Sort rows by the part they play: with domains the source trains, the target tests.

    Args:
        tables: What was read, with a column `domain` where domains are named.
        plan: Names the domains.

    Returns:
        The rows by part, and notes.

    Raises:
        UsageError: One side is not named, or a domain is not there or named on both sides.
        DataError: A split has no column `domain`.
    """
    sources, targets = plan.domains
    if not sources and not targets:
        return dict(tables.splits), []
    if not sources or not targets or set(sources) & set(targets):
        raise UsageError(f"Name {option('source-domain')} and {option('target-domain')}, and no domain as both.")
    found: dict[str, list[pd.DataFrame]] = {}
    known: dict[str, None] = {}
    for split, frame in tables.splits.items():
        check_columns(frame, [DOMAIN], f"split '{split}'")
        names = [str(cell) for cell in cells_of(frame[DOMAIN])]
        known |= dict.fromkeys(names)
        for role, domains in (("source", sources), ("target", targets)):
            if plan.unseen and role == "target" and split == UNLABELLED:
                continue
            chosen: pd.DataFrame = frame.iloc[[i for i, name in enumerate(names) if name in domains]]
            if split in (UNLABELLED, FEW):
                part = split
            elif role == "target":
                part = "test" if split == "test" or plan.unseen else "target"
            else:
                part = {"all": "train", "test": "unused"}.get(split, split)
            if len(chosen):
                found.setdefault(part, []).append(chosen)
    for name in (*sources, *targets):
        if name not in known:
            raise unknown("domain", name, sorted(known))
    few = found.get(FEW)
    labels = (
        "labels only in the test split"
        if few is None
        else f"labels only in the test split and of {counted(len(few[0]), 'rows')}"
    )
    notes = [f"domains: {first_few(sources)} (labelled) to {first_few(targets)} ({labels})"]
    unused = found.pop("unused", None)
    if unused:
        notes.append(f"test rows of the source domain that are not used: {sum(map(len, unused)):,}")
    others = sorted(set(known) - {*sources, *targets})
    if others:
        notes.append(f"domains left out: {first_few(others)}")
    return {part: join(frames) for part, frames in found.items()}, notes


def without_unknown(
    frames: dict[str, pd.DataFrame], labelled: dict[str, pd.DataFrame], task: Task
) -> tuple[pd.DataFrame | None, list[str]]:
    """Take rows of the target domain out of its test whose class no row of the source domain has.

    Args:
        frames: All rows by split; those are taken out.
        labelled: Those of them that have labels; likewise.
        task: With its classes.

    Returns:
        What was taken out, which belongs to the rows without labels, as in use; None without any. And a note on it.
    """
    apart = []
    for split in [name for name in ("test", "target") if name in labelled]:
        frame = labelled[split]
        known = np.all([target.knows(frame) for target in task.predicted.values()], axis=0)
        if not known.all():
            apart.append(frame.loc[~known])
            labelled[split] = frames[split] = frame.loc[known]
    if not apart:
        return None, []
    rows = join(apart)
    columns = dict.fromkeys(column for target in task.predicted.values() for column in target.columns)
    held = first_few(sorted({str(cell) for column in columns for cell in cells_of(rows[column])}))
    many, them = f"{counted(len(rows), 'rows')} of the target domain", agree(len(rows), "them")
    return rows, [
        f"{many} {agree(len(rows), 'have')} a label that the source domain lacks ({held}): whatever is answered for "
        f"{them} is wrong; the figures leave {them} out"
    ]


def target_pool(splits: Mapping[str, SplitRows], apart: Rows | None, plan: DataPlan) -> tuple[Rows | None, list[str]]:
    """Put together the rows of the target domain that are learnt from without labels, where more than its split are.

    Args:
        splits: "target" and "test" of that domain, and "train" of the source's.
        apart: Rows whose label the source domain lacks; None without any.
        plan: Says whether the test rows are among them.

    Returns:
        The rows, None where they are those of the split "target"; and notes.

    Raises:
        DataError: There is one row.
    """
    parts = [splits["target"].rows.unlabelled()] if "target" in splits else []
    parts += [apart] if apart is not None else []
    if "test" in splits and plan.transductive:
        parts.append(splits["test"].rows.unlabelled())
    total = sum(map(len, parts))
    if parts and total < 2:
        many = f"{'one row' if total else 'no row'} to learn from{' without labels' if plan.target_labels else ''}"
        raise DataError(f"The target domain {first_few(plan.domains[1])} has {many}; a domain is many rows.")
    notes = []
    if "test" in splits and plan.transductive:
        notes.append("transductive: the test rows are learnt from, too, without their labels")
    known = set(splits["train"].rows.digests)
    if same := [row for part in parts for row, digest in zip(part.ids, part.digests, strict=False) if digest in known]:
        notes.append(f"{counted(len(same), 'rows')} {agree(len(same), 'are')} in both domains: {first_few(same)}")
    return (concatenate(parts) if len(parts) > 1 or "target" not in splits else None) if parts else None, notes


def check_few(few: Rows, splits: Mapping[str, SplitRows]) -> None:
    """Check that no row of the target is learnt with its label and measured on, too.

    Args:
        few: The rows whose labels are learnt.
        splits: "test", where there is one.

    Raises:
        DataError: Some are test rows, by their content.
    """
    first = dict(zip(few.digests, few.ids, strict=True))
    test = splits["test"].rows if "test" in splits else few.take([])
    same = [(row, first[digest]) for row, digest in zip(test.ids, test.digests, strict=True) if digest in first]
    if same:
        raise DataError(
            f"{counted(len(same), 'test rows', len(test))} {agree(len(same), 'are')} among the labelled rows of the "
            "target, whose labels are learnt: the figures would be of rows that were seen.",
            [Problem(row, f"is the same as {twin}", "leave it in one place") for row, twin in same],
        )


def numbers(frame: pd.DataFrame, plan: DataPlan) -> np.ndarray | None:
    """Number the domain of each row, [N]: its place among the source domains and then the target's.

    Args:
        frame: Rows with the column `domain`.
        plan: Names the domains.

    Returns:
        The numbers; None where no domains are named.
    """
    sources, targets = plan.domains
    if not sources:
        return None
    place = {name: number for number, name in enumerate((*sources, *targets))}
    return np.array([place[str(cell)] for cell in cells_of(frame[DOMAIN])], dtype=np.int64)
