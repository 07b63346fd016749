"""The part that each domain's rows play: a source trains, the target is what counts, with labels in its test alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.core.columns import cells_of
from headstart.core.counting import agree, counted
from headstart.core.errors import BadRows, DataError, UsageError, first_few, unknown
from headstart.core.interface import option
from headstart.core.recipe import DataPlan
from headstart.core.types import Task
from headstart.data.find import read_tables
from headstart.data.inference import check_columns
from headstart.data.pools import UNLABELLED
from headstart.data.tables import DOMAIN, Tables, join

if TYPE_CHECKING:
    import pandas as pd


FEW = "target_labelled"  # the pool of those rows of the target domain whose labels are learnt
BARE = "bare"  # rows of the target domain that came without labels, as a folder of files has none
STRANGE = "strange"  # those, and rows whose label the source domain lacks, while they are checked


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
        DataError: A split has no column `domain`, or a source domain has one row.
    """
    sources, targets = plan.domains
    if not sources and not targets:
        return dict(tables.splits), []
    if not sources or not targets or set(sources) & set(targets):
        raise UsageError(f"Name {option('source-domain')} and {option('target-domain')}, and no domain as both.")
    found: dict[str, list[pd.DataFrame]] = {}
    known = Counter[str]()
    for split, frame in tables.splits.items():
        check_columns(frame, [DOMAIN], f"split '{split}'")
        names = [str(cell) for cell in cells_of(frame[DOMAIN])]
        known.update(names)
        for role, domains in (("source", sources), ("target", targets)):
            if plan.unseen and role == "target" and split == UNLABELLED:
                continue
            chosen: pd.DataFrame = frame.iloc[[i for i, name in enumerate(names) if name in domains]]
            if split in (UNLABELLED, FEW):
                part = BARE if role == "target" and split == UNLABELLED else split
            elif role == "target":
                part = "test" if split == "test" or plan.unseen else "target"
            else:
                part = {"all": "train", "test": "unused"}.get(split, split)
            if len(chosen):
                found.setdefault(part, []).append(chosen)
    for name in (*sources, *targets):
        if name not in known:
            raise unknown("domain", name, sorted(known))
    for name in sources:
        if known[name] == 1:
            raise DataError(
                f"The source domain {name} has one row; a domain is many rows. Add some, or name it no more."
            )
    few = found.get(FEW)
    labels = (
        "labels only in the test split"
        if few is None
        else f"labels only in the test split and of {counted(len(few[0]), 'rows')}"
    )
    notes = [f"domains: {first_few(sources)} (labelled) to {first_few(targets)} ({labels})"]
    if BARE in found:
        notes.append(
            f"rows of the target domain without any label: {sum(map(len, found[BARE])):,}, in the pool 'target'"
        )
    unused = found.pop("unused", None)
    if unused:
        notes.append(f"test rows of the source domain that are not used: {sum(map(len, unused)):,}")
    others = sorted(set(known) - {*sources, *targets})
    if others:
        notes.append(f"domains left out: {first_few(others)}")
    return {part: join(frames) for part, frames in found.items()}, notes


def without_unknown(
    frames: dict[str, pd.DataFrame], labelled: dict[str, pd.DataFrame], task: Task, bare: pd.DataFrame | None
) -> tuple[pd.DataFrame | None, list[str]]:
    """Take rows of the target domain out of its test whose class no row of the source domain has.

    Args:
        frames: All rows by split; those are taken out.
        labelled: Those of them that have labels; likewise.
        task: With its classes.
        bare: Rows of the target domain that came without labels; None without any.

    Returns:
        What was taken out and those, which are learnt from without labels; None without any. And a note on it.
    """
    apart = []
    for split in [name for name in ("test", "target") if name in labelled]:
        frame = labelled[split]
        known = np.all([target.knows(frame) for target in task.predicted.values()], axis=0)
        if not known.all():
            apart.append(frame.loc[~known])
            labelled[split] = frames[split] = frame.loc[known]
    if not apart:
        return bare, []
    rows = join(apart)
    columns = dict.fromkeys(column for target in task.predicted.values() for column in target.columns)
    held = first_few(sorted({str(cell) for column in columns for cell in cells_of(rows[column])}))
    many, them = f"{counted(len(rows), 'rows')} of the target domain", agree(len(rows), "them")
    return (rows if bare is None else join([rows, bare])), [
        f"{many} {agree(len(rows), 'have')} a label that the source domain lacks ({held}): whatever is answered for "
        f"{them} is wrong; the figures leave {them} out"
    ]


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
