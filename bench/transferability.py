"""How well each score of transferability foretells fine-tuning, by the ground truth of transferability_truth.py.

python bench/transferability.py --truth FILE [--shared FOLDER]

The sources are ranked as `headstart rank` does it, on the training rows of each set and seed alone. A row of the table
is a score, the probe (cross-validated) or the ranking of all of them together. For each set it has the weighted Kendall
tau with the accuracies after fine-tuning, and the regret of its first choice in points of accuracy, as means over the
seeds. The last row is what a source taken at random loses. A set counts with the seeds that have all sources measured.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np
from transferability_truth import SHARED, name_of, read, sources, split

from headstart.core.recipe import Recipe
from headstart.selection.rank import Ranking, rank_sources
from headstart.transferability._agreement import regret, weighted_tau

PROBE, TOGETHER, RANDOM = "probe", "ranking", "at random"
Columns = Mapping[str, Mapping[str, float]]  # by score, by source
Found = Mapping[str, tuple[float, float]]  # by score: weighted tau, regret


def complete(lines: Sequence[Mapping[str, Any]], names: Set[str]) -> dict[tuple[str, int], dict[str, float]]:
    """Return the accuracies by source of each set and seed whose sources were all measured."""
    found: dict[tuple[str, int], dict[str, float]] = {}
    for line in lines:
        found.setdefault((line["set"], line["seed"]), {})[line["source"]] = 100 * line["full"]
    return {case: known for case, known in found.items() if known.keys() >= names}


def columns_of(ranking: Ranking) -> Columns:
    """Return what `headstart rank` found, by score and source."""
    found: dict[str, dict[str, float]] = {}
    for place, one in enumerate(ranking.ranked):
        assert one.probe is not None and ranking.aggregate is not None
        sign = 1 if one.probe.score.higher_is_better else -1
        together = float(ranking.aggregate.points[place])
        for score, value in {**one.scores, PROBE: sign * one.probe.score.value, TOGETHER: together}.items():
            found.setdefault(score, {})[name_of(one.offer.source)] = value
    return found


def agreement(columns: Columns, accuracies: Mapping[str, float]) -> Found:
    """Compare scores with accuracies of the same sources.

    Args:
        columns: By score, by source; a source that a score is not defined for is not taken by it.
        accuracies: By source, in points.

    Returns:
        By score, the weighted tau over the sources that have it, and the regret of its first choice among all.
    """
    found = {}
    for score, values in columns.items():
        known = {source: values.get(source, math.nan) for source in accuracies}
        there = [source for source, value in known.items() if math.isfinite(value)]
        tau = weighted_tau([known[source] for source in there], [accuracies[source] for source in there])
        found[score] = (tau, regret(list(known.values()), list(accuracies.values())))
    reached = np.array(list(accuracies.values()))
    return {**found, RANDOM: (math.nan, float((reached.max() - reached).mean()))}


def table(found: Mapping[tuple[str, int], Found]) -> list[str]:
    """Write the table: the mean over the seeds of each set, then over the sets; the least regret first."""
    sets = sorted({name for name, _ in found})
    scores = {score for one in found.values() for score in one}
    means = {
        score: np.array(
            [
                np.mean(
                    [one.get(score, (math.nan, math.nan)) for (name, _), one in found.items() if name == own], axis=0
                )
                for own in sets
            ]
        )
        for score in scores
    }
    heads = [f"{own} ({sum(name == own for name, _ in found)})" for own in sets] + ["mean"]
    lines = [f"{'tau, regret in points':22}" + "".join(f"{head:>22}" for head in heads)]
    for score in sorted(scores, key=lambda one: (one == RANDOM, means[one][:, 1].mean(), one)):
        cells = [*means[score], means[score].mean(axis=0)]
        lines.append(f"{score:22}" + "".join(f"{tau:>15.3f}{lost:>7.2f}" for tau, lost in cells))
    return lines


def main() -> None:
    """Rank the sources of each set and seed, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--shared", type=Path, default=SHARED)
    given = parser.parse_args()
    named = sources(given.shared)
    found = {}
    for (name, seed), accuracies in complete(read(given.truth), {name_of(source) for source in named}).items():
        train = {"train": split(name, seed, given.shared)["train"]}
        recipe = Recipe().with_settings({"seed": seed, "device": "cpu", "data.validation": 0})
        found[name, seed] = agreement(columns_of(rank_sources(train, recipe, named)), accuracies)
    print(*(table(found) if found else ["No set has all of its sources measured yet."]), sep="\n")


if __name__ == "__main__":
    main()
