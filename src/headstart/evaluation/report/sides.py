"""Runs side by side: their figures and how they differ from the first; those that differ in the seed alone are a group.

Of a group the mean and the spread (sample standard deviation) over its runs are shown. Two groups are held against each
other by the difference of their means with Welch's interval (Welch 1947), which covers training anew, not other rows;
two single runs by their paired difference on the same rows, which covers other rows, not training anew.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np

from headstart.drawing.text import UNKNOWN, fixed_text, words
from headstart.evaluation.results import Comparison, Interval
from headstart.evaluation.tables import interval_text

LEVEL = 0.95
SEPARATORS = "-_ ./"


@dataclass(frozen=True)
class Figure:
    """A metric of a group: the value of its run and the interval, or the mean of its runs and the spread."""

    value: float | None
    low: float | None
    high: float | None
    text: str


@dataclass(frozen=True)
class Difference:
    """How a group differs from the first one, by metric, the primary one first.

    remarks: how that was found. notes: what is undefined.
    """

    title: str
    differences: Mapping[str, Interval]
    remarks: Sequence[str] = ()
    notes: Sequence[str] = ()

    @property
    def rows(self) -> list[tuple[str, str, str]]:
        """Each metric with its difference and the interval, as text."""
        return [(metric, *interval_text(found)) for metric, found in self.differences.items()]


@dataclass(frozen=True)
class Side:
    """One target of all runs.

    metrics: by run. comparisons: for each run but the first, how it differs from it. groups: the runs, those that
    differ in the seed alone together; the group of the first run comes first. rows: how many have its label.
    """

    name: str
    primary: str
    metrics: Mapping[str, Mapping[str, Interval]]
    comparisons: Mapping[str, Comparison]
    units: Mapping[str, str]
    groups: Sequence[Sequence[str]]
    rows: int

    @property
    def names(self) -> list[str]:
        """A short name for each group."""
        return group_names(self.groups)

    @property
    def listed(self) -> list[str]:
        """The metrics, the primary one first."""
        return self._ordered(dict.fromkeys(metric for metrics in self.metrics.values() for metric in metrics))

    def figure(self, group: Sequence[str], metric: str) -> Figure:
        """Compute a metric of a group, in numbers and as text."""
        if len(group) == 1:
            found = self.metrics[group[0]].get(metric, Interval(None))
            value, bounds = interval_text(found)
            return Figure(found.value, found.low, found.high, value if bounds == UNKNOWN else f"{value} ({bounds})")
        values = self._values(group, metric)
        if not values:
            return Figure(None, None, None, UNKNOWN)
        mean, spread = float(np.mean(values)), _spread(values)
        value, _ = interval_text(Interval(mean, mean - spread, mean + spread))
        places = len(value.partition(".")[2])
        return Figure(mean, mean - spread, mean + spread, f"{value} ± {fixed_text(spread, places)}")

    def differences(self) -> list[Difference]:
        """Hold each group against the first one."""
        names, first = self.names, self.groups[0]
        found = []
        for name, group in zip(names[1:], self.groups[1:], strict=True):
            title = f"{name} minus {names[0]}"
            if len(first) == len(group) == 1:
                comparison, remarks = self.comparisons[group[0]], []
                if (test := comparison.mcnemar) is not None:
                    counts = f"Rows right only in {names[0]}: {test.only_a:,}; only in {name}: {test.only_b:,}."
                    remarks.append(f"{counts} McNemar's exact test: p = {test.p:.3g}, two-sided.")
                own = {metric: comparison.differences[metric] for metric in self._ordered(comparison.differences)}
                found.append(Difference(title, own, remarks, comparison.notes))
                continue
            means = {metric: apart(*(self._values(runs, metric) for runs in (first, group))) for metric in self.listed}
            told = (
                "Difference of the means, with Welch's interval over the runs: it covers other seeds, not other rows."
            )
            if min(len(first), len(group)) == 1:
                told = (
                    "Difference from the mean. A single run does not tell what another seed would change: no interval."
                )
            found.append(Difference(title, means, [told]))
        return found

    def said(self) -> list[str]:
        """Say of each group but the first whether it is ahead of the first by the primary metric."""
        names = self.names
        better = next((known.higher_is_better[self.primary] for known in self.comparisons.values()), True)
        found = []
        for name, difference in zip(names[1:], self.differences(), strict=True):
            change = difference.differences[self.primary]
            told = f"{name} against {names[0]}: {words(self.primary)}"
            size, bounds = interval_text(change)
            told = f"{told} {'+' if (change.value or 0) > 0 else ''}{size}"
            if change.value is None or change.low is None or change.high is None:
                found.append(f"{told}, without an interval.")
                continue
            ahead = "ahead" if (change.value > 0) == better else "behind"
            chance = change.low <= 0 <= change.high
            found.append(f"{told} ({bounds}): {'no more than chance' if chance else ahead}.")
        return found

    def grouped(self) -> list[dict[str, Any]]:
        """Return the groups as plain data, safe for JSON; nothing where each run is one by itself."""
        if all(len(group) == 1 for group in self.groups):
            return []
        differences = [{}, *(difference.differences for difference in self.differences())]
        return [
            {
                "runs": list(group),
                "metrics": {metric: _summary(self._values(group, metric)) for metric in self.listed},
                "differences": {metric: interval.to_plain() for metric, interval in own.items()},
            }
            for group, own in zip(self.groups, differences, strict=True)
        ]

    def _ordered(self, metrics: Iterable[str]) -> list[str]:
        return sorted(metrics, key=lambda metric: metric != self.primary)  # stable: the others keep their order

    def _values(self, group: Sequence[str], metric: str) -> list[float]:
        found = [self.metrics[run].get(metric, Interval(None)).value for run in group]
        return [value for value in found if value is not None]


@dataclass(frozen=True)
class Sides:
    """All that a comparison tells. settings: each that differs, by run; rows: how many were measured."""

    split: str
    rows: int
    targets: Sequence[Side]
    settings: Mapping[str, Mapping[str, str]]

    @property
    def groups(self) -> Sequence[Sequence[str]]:
        """The runs, those that differ in the seed alone together."""
        return self.targets[0].groups

    @property
    def differing(self) -> list[tuple[str, list[str]]]:
        """Each setting that differs between groups, or in a lone one, with its value in each; of seeds all."""
        listed = [
            (setting, [", ".join(dict.fromkeys(values.get(run, UNKNOWN) for run in group)) for group in self.groups])
            for setting, values in self.settings.items()
        ]
        return [(setting, values) for setting, values in listed if len(values) == 1 or len(set(values)) > 1]


def apart(first: Sequence[float], second: Sequence[float]) -> Interval:
    """Compute the mean of the second values minus that of the first, with Welch's interval.

    Args:
        first: Of the runs of one group.
        second: Of the other's.

    Returns:
        The difference at 95 %; without interval where a group has a single run, or no run differs from another.
    """
    from scipy.stats import ttest_ind

    if not first or not second:
        return Interval(None)
    value = float(np.mean(second) - np.mean(first))
    if min(len(first), len(second)) < 2 or not (np.ptp(first) or np.ptp(second)):
        return Interval(value)
    low, high = ttest_ind(second, first, equal_var=False).confidence_interval(LEVEL)  # pyright: ignore
    return Interval(value, float(low), float(high))


def group_names(groups: Sequence[Sequence[str]]) -> list[str]:
    """Name groups of runs by what the names of their runs begin with, else by their first run; all are different.

    Args:
        groups: Folders of runs.

    Returns:
        A name for each: "full (3 runs)" for full-1, full-2 and full-3.
    """
    short = short_names([run for group in groups for run in group])
    starts = [_start([short[run] for run in group]).rstrip(SEPARATORS) for group in groups]
    names = []
    for group, start in zip(groups, starts, strict=True):
        own = start if start and starts.count(start) == 1 else short[group[0]]
        names.append(short[group[0]] if len(group) == 1 else f"{own} ({len(group)} runs)")
    return names


def short_names(runs: Sequence[str]) -> dict[str, str]:
    """Name runs by the ends of their folders that tell them apart.

    Args:
        runs: Folders.

    Returns:
        A name for each, all different.
    """
    parts = {run: PurePath(run).parts or (run,) for run in runs}
    for count in range(1, max(map(len, parts.values()), default=1) + 1):
        names = {run: "/".join(own[-count:]) for run, own in parts.items()}
        if len(set(names.values())) == len(runs):
            return names
    return {run: run for run in runs}


def _start(names: Sequence[str]) -> str:
    """Return the characters that all names begin with."""
    same = itertools.takewhile(lambda characters: len(set(characters)) == 1, zip(*names, strict=False))
    return "".join(characters[0] for characters in same)


def _spread(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _summary(values: Sequence[float]) -> dict[str, float | None]:
    if not values:
        return dict.fromkeys(("mean", "spread", "least", "greatest"))
    return {"mean": float(np.mean(values)), "spread": _spread(values), "least": min(values), "greatest": max(values)}
