"""Divide rows into training, validation and test: by class, by group, by domain, always by the seed.

Splits that were given are kept. A group never spans two splits, and every class keeps a row in training; where a
target is asked of new classes, each class is in one split alone, and each split has at least two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from headstart.core.counting import agree, counted
from headstart.core.errors import DataError, Problem, UsageError, first_few
from headstart.core.interface import option
from headstart.core.recipe import DataPlan
from headstart.core.seeding import numpy_generator
from headstart.core.types import LEAST_TO_CHOOSE, Target, Task
from headstart.data.remarks import little_left, uncovered
from headstart.data.rows import Rows
from headstart.inputs import by_name

VALIDATION_SHARE = 0.15  # of the training rows, where the plan names none
LEAST_OF_A_CLASS = 2  # rows on average, below which such a split is not made
LEAST_CLASSES = 2  # of a split that is asked of new classes: of one alone nothing can be told apart
LARGE = 0.5  # a share that is not ours
TARGET_TEST_SHARE = 0.5  # of the target domain, where it comes without a test split


@dataclass(frozen=True)
class SplitRows:
    """Rows with what decides where they may go: the hash of their content and, where one is named, their group."""

    rows: Rows
    groups: list[str] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, places: np.ndarray) -> SplitRows:
        """Keep the rows at these places, in this order."""
        groups = None if self.groups is None else [self.groups[i] for i in places]
        return SplitRows(self.rows.take(places), groups)


def make_splits(
    parts: Mapping[str, SplitRows], task: Task, plan: DataPlan, seed: int
) -> tuple[dict[str, SplitRows], list[str]]:
    """Complete the splits.

    Args:
        parts: By what was given: "all", or "train", "validation", "test"; with domains "train" is the
            source's, "test" the target's, "target" the rest of the target domain, "target_labelled" rows of it with
            labels to learn.
        task: Decides what is balanced over the splits.
        plan: The shares.
        seed: Decides the rows.

    Returns:
        "train", "validation", "test" as far as there are any, "target" with domains; and notes.

    Raises:
        DataError: A group, or a class that is to be new, spans given splits, or there are too few groups.
        UsageError: A share leaves no row of each class to learn from.
    """
    splits = dict(parts)
    notes: list[str] = []
    _check_groups(splits)
    for name, target in task.predicted.items():
        target.check_splits(
            {split: part.rows.labels_of(name) for split, part in splits.items() if name in part.rows.labels}
        )
    few = splits.pop("target_labelled", None)
    if few is not None and "target" in splits:
        splits["target"] = _apart(splits["target"], few, notes)
    if "all" in splits:
        splits["train"] = splits.pop("all")
        _cut(splits, "train", "test", plan.test, task, seed, notes)
    if "target" in splits and "test" not in splits and splits["target"].rows.labels:
        _cut(splits, "target", "test", TARGET_TEST_SHARE, task, seed, notes)
    if "train" in splits and "validation" not in splits:
        share = (
            _validation_share(splits["train"].rows, task, notes, plan.test)
            if plan.validation is None
            else plan.validation
        )
        if share is not None:
            _cut(splits, "train", "validation", share, task, seed, notes)
    if "test" not in splits and "validation" in splits:
        notes.append("there is no test split: the validation figures were also used for choosing")
    if "train" in splits:
        notes += little_left({name: len(part) for name, part in parts.items()}, len(splits["train"]))
    notes += uncovered({name: part.rows for name, part in splits.items()}, task)
    order = [name for name in ("train", "validation", "test", "target") if name in splits]
    notes.append(f"rows: {first_few(f'{name} {len(splits[name])}' for name in order)}")
    return {name: splits[name] for name in order}, notes


def crossed() -> str:
    """Write what a note about too few validation rows ends with; several tasks have no folds, and leave it away."""
    return f", {option('folds', 5)} measures by cross-validation"


def _validation_share(rows: Rows, task: Task, notes: list[str], test: float) -> float | None:
    """Decide whether a validation split is worth its rows; None, and a note, where it could not tell steps apart."""
    made = round(VALIDATION_SHARE * len(rows))
    balanced, strata = _strata(task, rows)
    classes = len(np.unique(strata)) if balanced is not None else 0
    if made >= max(LEAST_TO_CHOOSE, LEAST_OF_A_CLASS * classes):
        return VALIDATION_SHARE
    few = f"fewer than {LEAST_TO_CHOOSE}" if made < LEAST_TO_CHOOSE else f"under {LEAST_OF_A_CLASS} a class"
    few = f"{counted(made, 'rows')} ({few}) {agree(made, 'are')}"
    instead = crossed() if test and not _is_by_class(task) else ""  # folds take no test rows, and no new classes
    notes.append(
        f"validation: none, as {few} too few to choose a step by; all rows learn "
        f"({option('validation', 0.2)} takes some{instead})"
    )
    return None


def _cut(
    splits: dict[str, SplitRows], origin: str, name: str, share: float, task: Task, seed: int, notes: list[str]
) -> None:
    """Move a share of the rows of one split to a new one."""
    part = splits[origin]
    if share == 0 or len(part) < 2:
        notes.append(f"{name}: no rows were taken ({'the share is 0' if share == 0 else 'too few rows'})")
        return
    target, classes = _new_classes(task, part.rows)
    if target is not None:
        _cut_by_class(splits, origin, name, share, classes, seed, notes)
        return
    hidden = origin == "target"  # no choice of rows may hang on labels that training must not see
    balanced, strata = (None, np.full(len(part), -1)) if hidden else _strata(task, part.rows)
    _check_share(name, share, strata)
    random = numpy_generator(seed, "split", name)
    if part.groups is None:
        chosen = _by_stratum(strata, share, random)
    else:
        chosen = _by_group(strata, part.groups, share, random, name)
    wanted = chosen.any()
    if by_name(task.modality).copies_together and part.groups is None:
        chosen = _keep_copies_together(part.rows.digests, chosen, notes, name, origin)
    if not chosen.any():
        notes.append(f"{name}: no rows were taken, {'all have copies' if wanted else 'every class has one row only'}")
        return
    splits[origin], splits[name] = part.take(np.flatnonzero(~chosen)), part.take(np.flatnonzero(chosen))
    how = "by group" if part.groups is not None else "at random" if balanced is None else "balanced by class"
    whose = " of the target domain" if origin == "target" else ""
    notes.append(f"{name}: {chosen.sum()} of {len(part)} rows{whose}, chosen {how}, seed {seed}")


def _cut_by_class(
    splits: dict[str, SplitRows],
    origin: str,
    name: str,
    share: float,
    classes: np.ndarray,
    seed: int,
    notes: list[str],
) -> None:
    """Move whole classes, by the classes [N] of the rows, until the share is nearly reached."""
    part = splits[origin]
    if part.groups is not None:
        raise UsageError(f"The rows are divided by class, and cannot be by group too. Leave {option('group')} away.")
    names, sizes = np.unique(classes[classes >= 0], return_counts=True)
    if len(names) < 2 * LEAST_CLASSES:
        notes.append(
            f"{name}: no rows were taken, as {LEAST_CLASSES} classes are needed on each side, and {origin} has "
            f"{counted(len(names), 'classes')}"
        )
        return
    order = numpy_generator(seed, "split", name).permutation(len(names))
    reached = np.cumsum(sizes[order]) - share * len(part)
    taken = int(np.clip(np.abs(reached).argmin() + 1, LEAST_CLASSES, len(names) - LEAST_CLASSES))
    chosen = np.isin(classes, names[order[:taken]])
    splits[origin], splits[name] = part.take(np.flatnonzero(~chosen)), part.take(np.flatnonzero(chosen))
    notes.append(f"{name}: {chosen.sum()} of {len(part)} rows, all of {taken} of {len(names)} classes, seed {seed}")


def _is_by_class(task: Task) -> bool:
    return any(target.new_classes for target in task.predicted.values())


def _new_classes(task: Task, rows: Rows) -> tuple[Target | None, np.ndarray]:
    """Find the target that is asked of new classes, and the class of each row, [N], -1 without any."""
    for name in rows.targets:
        if task.targets[name].new_classes:
            return task.targets[name], rows.among_all(name, rows.labels_of(name))
    return None, np.full(len(rows), -1)


def _check_share(name: str, share: float, strata: np.ndarray) -> None:
    """Refuse a share that the user must have named, and that leaves less than a row of each class."""
    classes, left = len(np.unique(strata)), (1 - share) * len(strata)
    if share > LARGE and left < max(2, classes):
        few = f"one of each of {classes:,} classes" if classes > 1 else "two"
        raise UsageError(
            f"{option(name, share)} leaves {left:.2g} of {len(strata):,} rows to learn from, fewer than {few}. "
            "Take a smaller share."
        )


def _strata(task: Task, rows: Rows) -> tuple[Target | None, np.ndarray]:
    """Find the class to balance each row by, [N], -1 without any: that of the first target that has some."""
    for name in rows.targets:
        strata = rows.by_row(name, task.targets[name].strata)
        if strata is not None:
            return task.targets[name], strata
    return None, np.full(len(rows), -1)


def _by_stratum(strata: np.ndarray, share: float, random: np.random.Generator) -> np.ndarray:
    """Choose a share of each class by largest remainders; one row of each class is never chosen."""
    names, sizes = np.unique(strata, return_counts=True)
    quota = np.floor(share * sizes).astype(int)
    remainders = share * sizes - quota
    short = min(max(1, round(share * len(strata))), int((sizes - 1).sum())) - int(quota.sum())
    for place in np.lexsort((random.permutation(len(names)), -remainders)):
        if short > 0 and quota[place] < sizes[place] - 1:
            quota[place] += 1
            short -= 1
    chosen = np.zeros(len(strata), dtype=bool)
    for name, count in zip(names, quota, strict=True):
        chosen[random.permutation(np.flatnonzero(strata == name))[:count]] = True
    return chosen


def _by_group(
    strata: np.ndarray, groups: Sequence[str], share: float, random: np.random.Generator, name: str
) -> np.ndarray:
    """Choose whole groups until the share is nearly reached; groups that bring a new class stay behind first."""
    members_of: dict[str, list[int]] = defaultdict(list)
    for row, group in enumerate(groups):
        members_of[group].append(row)
    stratum = strata.tolist()
    every = set(stratum)
    seen: set[int] = set()
    free: list[list[int]] = []
    names = sorted(members_of)
    order = [members_of[names[place]] for place in random.permutation(len(names))]
    for place, members in enumerate(order):
        classes = {stratum[row] for row in members}
        if classes <= seen:
            free.append(members)
        seen |= classes
        if seen == every:
            free += order[place + 1 :]
            break
    if not free:
        raise DataError(
            f"There are too few groups for a {name} split: each of the {len(names)} has a class of its own. "
            "Give the splits yourself, or leave out the group."
        )
    rows: list[int] = []
    wanted = share * len(strata)
    for members in free:
        if len(rows) >= wanted:
            break
        if abs(len(rows) + len(members) - wanted) < abs(len(rows) - wanted):
            rows += members
    chosen = np.zeros(len(strata), dtype=bool)
    chosen[rows or min(free, key=len)] = True
    return chosen


def _keep_copies_together(
    digests: Sequence[bytes], chosen: np.ndarray, notes: list[str], name: str, origin: str
) -> np.ndarray:
    """Put rows back whose content is the same as that of a row which was not chosen."""
    staying = {digest for digest, moved in zip(digests, chosen, strict=True) if not moved}
    copies = np.array([digest in staying for digest in digests]) & chosen
    if copies.any():
        moved, left = int(chosen.sum()), int((chosen & ~copies).sum())
        have, alike = agree(moved - left, "have"), len(digests) - len(set(digests))
        notes.append(
            f"{name}: keeps {counted(left, 'rows', moved)}, as {moved - left:,} {have} copies in {origin} and copies "
            f"stay together (in all {alike:,} of {len(digests):,} repeat others)"
        )
    return chosen & ~copies


def _apart(part: SplitRows, few: SplitRows, notes: list[str]) -> SplitRows:
    """Take those rows out of the target's that are labelled ones, so that none of them is drawn for the test."""
    known = set(few.rows.digests)
    same = np.array([digest in known for digest in part.rows.digests], dtype=bool)
    if same.any():
        notes.append(
            f"target: {counted(same.sum(), 'rows', len(part))} {agree(same.sum(), 'are')} among the labelled ones"
        )
    return part.take(np.flatnonzero(~same))


def _check_groups(parts: Mapping[str, SplitRows]) -> None:
    home: dict[str, str] = {}
    problems = []
    for split, part in parts.items():
        for group in dict.fromkeys(part.groups or ()):
            if home.setdefault(group, split) != split:
                problems.append(
                    Problem(f"group '{group}'", f"has rows in {home[group]} and in {split}", "move all to one split")
                )
    if problems:
        raise DataError("Groups span the given splits:", problems)
