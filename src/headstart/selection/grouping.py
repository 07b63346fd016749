"""Which tasks to learn together: the division of tasks into groups whose members help each other most.

A task in a group counts by the mean of what the others of its group do for it, a task alone counts 0: what more
than two do together is taken to be the mean of what they do in pairs (Standley et al. 2020, arXiv:1905.07553; Fifty et
al. 2021, arXiv:2109.04617).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

EXHAUSTIVE = 6  # tasks, up to which every division is tried: 203 of them
Groups = list[list[int]]


def best_groups(helps: np.ndarray) -> Groups:
    """Divide tasks into groups, so that the sum over tasks of what is done for each is largest.

    Args:
        helps: How much the task of the row helps that of the column, [K, K]; the diagonal does not count.

    Returns:
        The groups, by the places of the tasks, in order; of equally good divisions one with most groups.
    """
    count = len(helps)
    if count > EXHAUSTIVE:
        return _by_merging(helps)
    divisions = sorted(_divisions(list(range(count))), key=len, reverse=True)
    best = max(divisions, key=lambda groups: worth(helps, groups))
    return sorted(map(sorted, best))


def worth(helps: np.ndarray, groups: Sequence[Sequence[int]]) -> float:
    """Add up what is done for each task by the others of its group."""
    return sum(
        float(np.mean([helps[other, task] for other in group if other != task]))
        for group in groups
        for task in group
        if len(group) > 1
    )


def _divisions(tasks: list[int]) -> Iterator[Groups]:
    """Yield every division of tasks into groups: the first one goes alone, or into each group of the others."""
    if not tasks:
        yield []
        return
    first, *others = tasks
    for groups in _divisions(others):
        yield [[first], *groups]
        for place, group in enumerate(groups):
            yield [[first, *group], *groups[:place], *groups[place + 1 :]]


def _by_merging(helps: np.ndarray) -> Groups:
    """Merge the two groups that gain most by it, as long as some do."""
    groups = [[task] for task in range(len(helps))]
    while True:
        merged = [
            [sorted(one + other), *(group for group in groups if group not in (one, other))]
            for place, one in enumerate(groups)
            for other in groups[place + 1 :]
        ]
        best = max(merged, key=lambda found: worth(helps, found), default=groups)
        if worth(helps, best) <= worth(helps, groups):
            return sorted(groups)
        groups = best
