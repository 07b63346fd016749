"""The embedding map, coloured by class and by domain, and how far the domains are from each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from headstart.core.errors import first_few
from headstart.drawing.blocks import Drawing, Drawings, Legend, Table, Words
from headstart.drawing.charts import COLOURS, SHADES, Axes, Chart, cloud, span
from headstart.evaluation.report.facts import Facts, Map

UNLABELLED = ("no label", "grey")
NAMED = {"a_distance": "proxy A-distance (0 to 2)", "mmd": "MMD, squared (0 to 2)"}
Colouring = Sequence[tuple[str, str]]  # of each row its name and its colour


def embedding_map(facts: Facts) -> list[Any]:
    """Draw rows by the first two principal components of their features, before and after the transfer."""
    seen = facts.observed.get("map")
    if seen is None:
        return []
    two = "of_target" in seen
    drawn: list[Any] = [_drawings(seen, _by_label(seen), ", by label" if two else ""), _legend(seen, facts)]
    if two:
        by_domain = _by_domain(seen, facts)
        drawn += [_drawings(seen, by_domain, ", by domain"), Legend(list(dict.fromkeys(by_domain)))]
    return [*drawn, _words(seen, facts)]


def apart(facts: Facts) -> list[Any]:
    """Show how far the domains are from each other before and after training; nothing without two domains."""
    seen = facts.observed.get("apart")
    if seen is None:
        return []
    source, target = map(first_few, facts.recipe.data.domains)
    when = {"before": "before, in the source model", "after": "after the transfer"}
    shown = {name: seen[name] for name in when if name in seen}
    rows = [(title, *(f"{found[key]:.3f}" for found in shown.values())) for key, title in NAMED.items()]
    told = (
        f"By the features of {seen['rows']:,} rows of {source} and {seen['rows']:,} of {target} that were learnt from. "
        "The proxy A-distance is 2 (1 - 2 e), where e is the cross-validated error of a linear classifier that tells "
        "the domains apart: 0 where it errs on half of the rows, 2 where it never does; about 0, its standard error is "
        f"{2 / np.sqrt(2 * seen['rows']):.2g}. MMD is the maximum mean discrepancy with Gaussian kernels around the "
        "median distance, 0 on average for rows of one domain. Domains that are near each other can still be answered "
        "wrongly: what counts is the result."
    )
    still = [] if "after" in seen else [Words("The backbone did not move: after the transfer they are the same.")]
    return [Table(("", *(when[name] for name in shown)), rows), *still, Words(told, "soft")]


def _drawings(seen: Map, colouring: Colouring, by: str) -> Drawings:
    views = [("Before: features of the source model", seen["before"])]
    if "after" in seen:
        views.append(("After the transfer", seen["after"]))
    drawn = []
    for (title, places), share in zip(views, seen["variance"], strict=False):
        axes = Axes(span(x for x, _ in places), span(y for _, y in places), "component 1", "component 2")
        dots = [(x, y, colour, name) for (x, y), (name, colour) in zip(places, colouring, strict=True)]
        note = f"These two components hold {share:.0%} of the variance."
        drawn.append(Drawing(title + by, Chart(axes, [cloud(axes, dots, 3.5)], title + by), [note]))
    return Drawings(drawn)


def _by_label(seen: Map) -> Colouring:
    if seen["names"]:
        named = [(name, COLOURS[place % len(COLOURS)]) for place, name in enumerate(seen["names"])]
        return [UNLABELLED if group is None else named[int(group)] for group in seen["groups"]]
    order = iter(np.argsort(np.argsort(_numbers(seen))) / max(len(_numbers(seen)), 1))
    return [
        UNLABELLED if value is None else (f"{value:.4g}", SHADES[int(next(order) * len(SHADES))])
        for value in seen["groups"]
    ]


def _by_domain(seen: Map, facts: Facts) -> Colouring:
    source, target = map(first_few, facts.recipe.data.domains)
    of_target = seen.get("of_target", 0)
    return [(target, COLOURS[1])] * of_target + [(source, COLOURS[0])] * (seen["rows"] - of_target)


def _numbers(seen: Map) -> list[float]:
    return [value for value in seen["groups"] if value is not None]


def _legend(seen: Map, facts: Facts) -> Legend:
    rest = [UNLABELLED] if None in seen["groups"] else []
    if seen["names"]:
        named = [(name, COLOURS[place % len(COLOURS)]) for place, name in enumerate(seen["names"])]
        return Legend([*named, *rest])
    edges = np.quantile(_numbers(seen), np.linspace(0, 1, len(SHADES) + 1))
    column = facts.targets[0].target.columns[0]
    ranges = zip(edges[:-1], edges[1:], SHADES, strict=True)
    return Legend([*((f"{column} {low:.3g} to {high:.3g}", colour) for low, high, colour in ranges), *rest])


def _words(seen: Map, facts: Facts) -> Words:
    still = "" if "after" in seen else " The backbone did not move, so that the map after the transfer is the same."
    tasks = {found.name for found in facts.targets}
    by = "task" if seen["names"] and tasks.issuperset(seen["names"]) else facts.targets[0].name if tasks else ""
    by = f" Coloured by {by}." if len(tasks) > 1 else ""
    split = facts.targets[0].named(seen["split"]) if facts.targets else seen["split"]
    rows = f"{seen['rows']:,} {split} rows"
    if "of_target" in seen:
        source, target = map(first_few, facts.recipe.data.domains)
        split = "test" if seen["split"] == "test" else "training"
        of_source = seen["rows"] - seen["of_target"]
        rows = f"{seen['of_target']:,} {split} rows of {target} and {of_source:,} training rows of {source}"
    return Words(f"{rows}; each map has its own components (PCA, no unit).{still}{by}", "soft")
