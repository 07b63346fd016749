"""The rows of a target domain that are learnt from, and what is told of them: copies, classes that it seems to lack."""

from __future__ import annotations

from collections.abc import Mapping

from headstart.core.counting import agree, counted
from headstart.core.errors import DataError, Problem, first_few
from headstart.core.recipe import DataPlan
from headstart.core.types import Task
from headstart.data.domains import FEW
from headstart.data.pools import measured_notes
from headstart.data.rows import Rows, concatenate
from headstart.data.splits import SplitRows


def target_pools(
    parts: Mapping[str, SplitRows], splits: Mapping[str, SplitRows], apart: Rows | None, task: Task, plan: DataPlan
) -> tuple[dict[str, Rows], list[str]]:
    """Put together the rows of the target domain that are learnt from.

    Args:
        parts: What was given: "target_labelled", where some labels are learnt.
        splits: "target" and "test" of that domain, and "train" of the source's, perhaps with "validation".
        apart: Rows whose label the source domain lacks, and such as came without; None without any.
        task: Has the classes.
        plan: Says whether the test rows are among them.

    Returns:
        The pool "target" where it has other rows than the split, and "target_labelled"; and notes.

    Raises:
        DataError: There is one row, or a row is learnt from and measured on.
    """
    test = splits["test"].rows if "test" in splits else None
    rows = [splits["target"].rows.unlabelled()] if "target" in splits else []
    rows += [apart] if apart is not None else []
    notes = []
    if apart is not None and test is not None:
        notes += measured_notes(apart, {"test": test}, task.modality, transductive=plan.transductive)
    if test is not None and plan.transductive:
        rows.append(test.unlabelled())
        notes.append("transductive: the test rows are learnt from, too, without their labels")
    total = sum(map(len, rows))
    if rows and total < 2:
        many = f"{'one row' if total else 'no row'} to learn from{' without labels' if plan.target_labels else ''}"
        raise DataError(f"The target domain {first_few(plan.domains[1])} has {many}; a domain is many rows.")
    few = {FEW: parts[FEW].rows} if FEW in parts else {}
    if few:
        check_few(few[FEW], splits)
    source = {digest for name in ("train", "validation") if name in splits for digest in splits[name].rows.digests}
    every = [pair for each in (*rows, *few.values()) for pair in zip(each.ids, each.digests, strict=False)]
    if same := [row for row, digest in every if digest in source]:
        many = f"{counted(len(same), 'rows')} {agree(len(same), 'are')} in both domains"
        notes.append(f"{many}, which makes these look nearer than they are: {first_few(same)}")
    measured = [each for each in (test, splits["target"].rows if "target" in splits else None) if each is not None]
    notes += absent([*measured, *few.values()], task)
    if len(rows) > 1 or (rows and "target" not in splits):
        return {"target": concatenate(rows), **few}, notes
    return few, notes


def absent(parts: list[Rows], task: Task) -> list[str]:
    """Tell of classes that no labelled row of the target domain is of.

    Args:
        parts: The rows that may have labels.
        task: Has the classes.

    Returns:
        A note for each target that lacks some; none where no row has labels.
    """
    notes = []
    for name, target in task.predicted.items():
        found = [target.counts(rows.labels_of(name)) for rows in parts if name in rows.targets]
        if none := [label for label in (found[0] if found else ()) if not any(counts[label] for counts in found)]:
            which = f"{counted(len(none), 'classes', len(found[0]))} ({first_few(none)})"
            notes.append(
                f"no labelled row of the target domain is of {which}: if there is none at all, what aligns the domains "
                f"may take rows of others for {agree(len(none), 'them')}; compare with source_only"
            )
    return notes


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
