"""Would more labels help? The probe solved on fewer and fewer rows, whose features are known, and the law behind it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from headstart.core.seeding import numpy_generator
from headstart.core.types import Labels, Metric, Solved, Target
from headstart.data.rows import Dataset
from headstart.drawing.text import words
from headstart.engine.solve import answers
from headstart.evaluation.bootstrap import group_places, weights
from headstart.evaluation.measure import measured
from headstart.evaluation.power_law import LEAST, fit_laws
from headstart.evaluation.results import Interval
from headstart.evaluation.tables import interval_text
from headstart.metrics import _find
from headstart.runs.baselines import Frozen, solve_heads
from headstart.runs.training import Setting

FEWEST = 40  # training rows, below which a curve is noise
SIZES, REPEATS, MANY = 5, 3, 1000  # halvings from all rows on; draws of each size, where there are not many rows
WIDEST = 5000  # features: solving wider ones so often is no longer free
DRAWS = 200  # resamples of the rows that measure
LITTLE = 0.05  # of the error, that doubling the rows has to take away to be worth it


class _Point(NamedTuple):
    """What some rows came to: their number, the metric, and the metric on resamples of the rows that measure it."""

    rows: int
    value: float
    drawn: np.ndarray


def label_curve(
    setting: Setting, frozen: Frozen | None, whole: Mapping[str, np.ndarray] | None, *, moved: bool
) -> dict[str, Any]:
    """Measure the probe on fewer rows, and say what twice the rows would gain.

    Args:
        setting: Of the run.
        frozen: The source with its features; None where there are none.
        whole: What a probe of all training rows gives for the validation rows, by target, where it is known.
        moved: Whether the run moved the network, so that the curve is not its own.

    Returns:
        Plain data: by target the "points" (rows, metric), the law ("floor", "scale" and "rate" of the error, and the
        "rows" that it is relative to), the "gain" of twice the rows with its interval, and what is "said"; or "why"
        there is no curve.
    """
    data = setting.dataset
    rows = len(data.splits["train"])
    if frozen is None:
        return {"why": "there are no features of a pretrained source that stay and that a head is solved on"}
    if rows < FEWEST:
        return {"why": f"there are {rows} training rows, fewer than {FEWEST}"}
    if (width := frozen.features["train"].shape[1]) > WIDEST:
        return {"why": f"features are {width:,} wide, which takes long to solve so often"}
    least = max(10, *(2 * len(target.classes) for target in data.task.predicted.values()))
    sizes = [size for size in (rows // 2**power for power in reversed(range(SIZES))) if size >= least]
    if len(sizes) < LEAST:
        return {"why": f"there are {rows} training rows, too few for {len(data.task.predicted)} curves"}
    found: dict[str, list[list[_Point]]] = {name: [] for name in data.task.predicted}
    for size in sizes:
        for points in found.values():
            points.append([])
        chosen: dict[str, Solved] = {}  # a penalty is chosen once for each size
        for repeat in range(1 if size == rows or rows > MANY else REPEATS):
            some = _drawn(data, size, repeat, frozen.plan.recipe.seed)
            known = whole if size == rows else None
            for name, point in _measured(setting, frozen, some, known, chosen).items():
                found[name][-1].append(point)
    how = {name: "validation" if name in _judged(data) else "left out" for name in found}
    return {name: _told(setting, name, points, how[name], moved=moved) for name, points in found.items()}


def _judged(data: Dataset) -> list[str]:
    """List the targets that have validation rows: of several data sets a small one may have none."""
    return list(data.splits["validation"].predicted(data.task)) if "validation" in data.splits else []


def _measured(
    setting: Setting,
    frozen: Frozen,
    places: np.ndarray,
    whole: Mapping[str, np.ndarray] | None,
    chosen: dict[str, Solved],
) -> dict[str, _Point]:
    """Solve heads on some rows, measure what they give the validation rows; without these, rows that are left out."""
    data = setting.dataset
    train, validation = data.splits["train"], data.splits.get("validation")
    some, judged = train.take(places), _judged(data)
    outputs = {name: values for name, values in (whole or {}).items() if name in judged}
    if set(outputs) != set(data.task.predicted):
        own = dataclasses.replace(data, splits={**data.splits, "train": some})
        model, solved = solve_heads(setting, frozen, own, frozen.features["train"][places], chosen)
        # a head whose penalty is given says nothing of rows that are left out
        chosen |= {name: found for name, found in solved.items() if name in judged}
        heads = model.by_target()
        left_out = {name: torch.from_numpy(solved[name].out_of_fold) for name in heads if name not in judged}
        outputs = {name: heads[name].decode(values).numpy() for name, values in left_out.items()}
        if validation is not None:
            given = answers(model, validation, frozen.features["validation"])
            outputs |= {name: values for name, values in given.items() if name in judged}
    points = {}
    for name, target in data.task.predicted.items():
        rows = validation if validation is not None and name in judged else some
        values, rows = outputs[name][rows.places(name)], rows.of(name)
        asked = np.flatnonzero(np.isfinite(values).all(axis=1))
        rows = rows.take(asked)
        metric = _find.load(target.selection(train.labels_of(name)))
        points[name] = _point(target, metric, len(places), rows.labels[name], values[asked], data.groups_of(rows))
    return points


def _point(
    target: Target, metric: Metric, size: int, labels: Labels, outputs: np.ndarray, groups: Sequence[str] | None
) -> _Point:
    found = measured(target, labels, outputs)
    compute = metric.weighted(found)
    drawn = compute(weights(len(outputs), range(DRAWS), 0, group_places(groups)))
    return _Point(size, float(compute(found.unit)[0]), drawn)


def _drawn(data: Dataset, size: int, repeat: int, seed: int) -> np.ndarray:
    """Draw rows at random, but one of each class first."""
    rows = data.splits["train"]
    order = numpy_generator(seed, "label curve", repeat).permutation(len(rows))
    first: list[int] = []
    for name, target in data.task.predicted.items():
        strata = rows.by_row(name, target.fold_strata)
        if strata is not None:
            first += order[np.unique(strata[order], return_index=True)[1]].tolist()
    return np.sort(np.array(list(dict.fromkeys([*first, *order.tolist()]))[:size]))


def _told(setting: Setting, name: str, points: list[list[_Point]], how: str, *, moved: bool) -> dict[str, Any]:
    """Fit the law to the errors, and put it into words."""
    data = setting.dataset
    target = data.task.predicted[name]
    kind = target.selection(data.splits["train"].labels_of(name))
    metric = _find.load(kind)
    plain: dict[str, Any] = {
        "metric": kind,
        "higher_is_better": metric.higher_is_better,
        "measured_on": how,
        "moved": moved,
        "points": [[each.rows, each.value] for repeats in points for each in repeats],
    }
    best = metric.limits[1] if metric.higher_is_better else metric.limits[0]
    rows = points[-1][0].rows
    if not math.isfinite(best) or not all(math.isfinite(each.value) for repeats in points for each in repeats):
        return {**plain, "said": f"The metric {words(kind)} has no law here by which more labels could be foreseen."}
    sign = 1 if metric.higher_is_better else -1
    sizes = np.array([repeats[0].rows for repeats in points])
    seen = np.array([[np.mean([each.value for each in repeats]) for repeats in points]])
    random = numpy_generator(setting.plan.recipe.seed, "label curve draws")
    drawn = np.stack(
        [
            np.stack([each.drawn for each in repeats])[random.integers(0, len(repeats), DRAWS), np.arange(DRAWS)]
            for repeats in points
        ],
        axis=1,
    )  # [DRAWS, S]: rows that measure, and rows that were learnt, are drawn
    law = fit_laws(sizes, sign * (best - seen))
    laws = fit_laws(sizes, sign * (best - drawn[np.isfinite(drawn).all(axis=1)]))
    gains = laws.at(rows) - laws.at(2 * rows)
    value = float((law.at(rows) - law.at(2 * rows))[0])
    low, high = (float(end) for end in np.quantile(gains, (0.025, 0.975))) if len(gains) else (value, value)
    gain = Interval(value, min(low, value), max(high, value))
    size, bounds = interval_text(gain)
    verb = "raise" if metric.higher_is_better else "lower"
    told = f"twice the labels ({2 * rows:,} rows) would {verb} {words(kind)} by about {size} ({bounds})"
    helps = value >= LITTLE * float(law.at(rows)[0])
    said = f"{told[0].upper()}{told[1:]}." if helps else f"More labels would not help much: {told}."
    if moved:
        said += (
            " This is the curve of the probe on the source's features; the run moved the network, which may gain more."
        )
    return {
        **plain,
        "law": {
            "best": best,
            "floor": float(law.floor[0]),
            "scale": float(law.scale[0]),
            "rate": float(law.rate[0]),
            "rows": rows,
        },
        "gain": gain.to_plain(),
        "said": said,
    }
