"""See what a run does to its model: features before and after, what moved, mistakes, cost; as plain data."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from headstart.core.seeding import numpy_generator
from headstart.core.types import Calibration, Card, Colours, Labels, Target, Task
from headstart.data.rows import Dataset, Rows
from headstart.data.transforms import Transform, make_transform
from headstart.engine.machine import place
from headstart.engine.predict import embed
from headstart.engine.proof import Moved
from headstart.evaluation.report.facts import Map, Observed, Seen, StageMoves
from headstart.features.frozen import KnownFeatures
from headstart.models.cards import card_to_plain
from headstart.models.model import Model, device_of
from headstart.runs.look import look
from headstart.runs.mistakes import NO_ANSWERS, answers

T = TypeVar("T")

FORMAT = 1
MAP_ROWS = 150  # two passes of them through the backbone: a small part of what evaluation takes
MAP_CLASSES = 8  # as many as can be told apart by colour


@dataclass(frozen=True)
class Before:
    """A model before it is trained: its card, the features [M, D] of some rows, and a few rows as it sees them."""

    card: Card
    split: str
    rows: Rows | None
    features: np.ndarray | None
    shown: Seen


def observe_before(
    model: Model,
    data: Dataset,
    *,
    views: Sequence[str],
    device: torch.device,
    precision: str,
    seed: int,
    known: KnownFeatures,
) -> Before:
    """Take down what the model is before training, and what it is shown.

    Args:
        model: With the source's backbone; is moved to the device.
        data: Test rows, else validation rows, else training rows are drawn on the map.
        views: In which a few rows are shown.
        device: Where to compute.
        precision: The number format.
        seed: Decides which rows are drawn.
        known: Takes the features of the rows on the map.

    Returns:
        What `observe_after` compares with.
    """
    split = next(name for name in ("test", "validation", "train") if name in data.splits)
    rows = _map_rows(data.task, data.splits[split], seed)
    shown = look(data, model.backbone.card, views, seed=seed).whole()
    place(model, device)
    features = embed(model, rows, _transform(model), precision=precision, known=known) if len(rows) > 2 else None
    return Before(model.backbone.card, split, rows, features, shown)


def observe_after(
    before: Before,
    model: Model,
    data: Dataset,
    outputs: Mapping[str, tuple[Rows, Mapping[str, np.ndarray]]],
    *,
    moved: Mapping[str, Moved],
    calibrations: Mapping[str, Calibration],
    precision: str,
    seed: int,
    cost: Mapping[str, Any],
    known: KnownFeatures,
    told: Sequence[str] = (),
) -> Observed:
    """Describe what the run did.

    Args:
        before: What `observe_before` took down.
        model: The trained model.
        data: All rows.
        outputs: Rows and calibrated outputs by target, by split.
        moved: What training says of each part of the model.
        calibrations: By target; classes are decided by their thresholds.
        precision: The number format.
        seed: Decides which rows are shown as examples.
        cost: Figures that the caller knows, such as seconds.
        known: Has the features of the rows on the map, where they were evaluated.
        told: How the start and the method were chosen.

    Returns:
        Plain data for `report.json`.
    """
    moves = _moves(moved)
    split = next((name for name in ("test", "validation") if name in outputs), "")
    notes = list(told)
    found = answers(model, data.task, *outputs[split], calibrations, seed, notes) if split else NO_ANSWERS
    observed: Observed = {
        "format": FORMAT,
        "source": card_to_plain(before.card),
        "notes": list(data.notes),
        "rows": {name: len(rows) for name, rows in data.splits.items()},
        "classes": _by_split(data, lambda target, labels: target.counts(labels)),
        "ranges": _by_split(data, lambda target, labels: target.ranges(labels)),
        "moves": moves,
        "mistakes_of": split,
        **found,
        "shown": before.shown,
        "told": notes,
        "cost": {**_machine(model, precision), **cost},
    }
    if before.features is not None and before.rows is not None:
        still = not any(part["moved"] for name, part in moved.items() if not name.startswith("heads."))
        after = None if still else embed(model, before.rows, _transform(model), precision=precision, known=known)
        observed["map"] = _map(data.task, before, after)
    return observed


def project(features: np.ndarray) -> tuple[np.ndarray, float]:
    """Project features [M, D] onto their first two principal components (Pearson 1901).

    Args:
        features: [M, D].

    Returns:
        Places [M, 2], each component's sign such that its largest entry is positive, and the share of the variance.
    """
    centred = features.astype(np.float64) - features.mean(axis=0)
    u, scale, _ = np.linalg.svd(centred, full_matrices=False)
    places = np.zeros((len(features), 2))
    width = min(2, u.shape[1])
    places[:, :width] = u[:, :width] * scale[:width]
    places *= np.where(places[np.abs(places).argmax(axis=0), [0, 1]] < 0, -1, 1)
    total = float((scale**2).sum())
    return places, float((scale[:2] ** 2).sum() / total) if total else 0.0


def peak_memory() -> int | None:
    """Return the most bytes of memory that this process has held; None where the system does not say."""
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024


def _transform(model: Model) -> Transform:
    return make_transform(model.backbone.card.input, once=True)


def _map_rows(task: Task, rows: Rows, seed: int) -> Rows:
    """Choose rows at random; where they are coloured by class, of the most frequent classes, about as many of each."""
    random = numpy_generator(seed, "map")
    colours = _colours(task, rows)
    if not colours.names:
        return rows.take(np.sort(random.permutation(len(rows))[:MAP_ROWS]))
    names, counts = np.unique(colours.groups[colours.groups >= 0], return_counts=True)
    chosen = names[np.argsort(-counts, kind="stable")[:MAP_CLASSES]]
    share = -(-MAP_ROWS // max(len(chosen), 1))
    places = [random.permutation(np.flatnonzero(colours.groups == name))[:share] for name in chosen]
    return rows.take(np.sort(np.concatenate(places)) if places else np.empty(0, dtype=np.int64))


def _colours(task: Task, rows: Rows) -> Colours:
    """Find what colours rows: the first target's labels; without labels all are alike."""
    for name, target in task.predicted.items():
        if name in rows.labels:
            return target.colours(rows.labels[name])
    return Colours(np.zeros(len(rows), dtype=np.int64), ("rows",))


def _map(task: Task, before: Before, after: np.ndarray | None) -> Map:
    assert before.rows is not None and before.features is not None
    groups, named = _colours(task, before.rows)
    names: list[str] = []
    if named:
        present = np.unique(groups)
        names = [named[int(place)] for place in present]
        groups = np.searchsorted(present, groups)
    places, share = project(before.features)
    seen: Map = {
        "split": before.split,
        "rows": len(before.rows),
        "names": names,
        "groups": [float(value) for value in groups],
        "before": _rounded(places),
        "variance": [share],
    }
    if after is not None:
        places, share = project(after)
        seen["after"] = _rounded(places)
        seen["variance"].append(share)
    return seen


def _rounded(places: np.ndarray) -> list[list[float]]:
    return [[float(f"{value:.5g}") for value in row] for row in places]


def _moves(moved: Mapping[str, Moved]) -> list[StageMoves]:
    """List what moved, the backbone's stages first; heads and what strategies inserted are new."""
    listed: list[StageMoves] = []
    heads = sum(name.startswith("heads.") for name in moved)
    for name, part in moved.items():
        shown = name.removeprefix("backbone.")
        if name.startswith("heads."):
            shown = "head" if heads == 1 else f"head {name.removeprefix('heads.')}"
        plain: StageMoves = {"name": shown, "parameters": part["parameters"], "moved": part["moved"]}
        if shown != name:
            plain["new"] = True
        listed.append(plain)
    return listed


def _by_split(data: Dataset, describe: Callable[[Target, Labels], dict[str, T]]) -> dict[str, dict[str, T]]:
    """Describe the labels of each split, by "SPLIT:TARGET" where there are several; what says nothing is left out."""
    found = {
        data.task.key(split, name): describe(target, rows.labels[name])
        for split, rows in data.splits.items()
        for name, target in data.task.predicted.items()
        if name in rows.labels
    }
    return {key: described for key, described in found.items() if described}


def _machine(model: Model, precision: str) -> dict[str, Any]:
    device = device_of(model)
    plain: dict[str, Any] = {
        "cpu_seconds": sum(os.times()[:4]),  # of this process from its start, and of those that it waited for
        "peak_bytes": peak_memory(),
        "precision": precision,
        "device": str(device),
        "machine": _processor(),
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }
    if device.type == "cuda":
        plain |= {"gpu": torch.cuda.get_device_name(device), "gpu_bytes": torch.cuda.max_memory_allocated(device)}
    return plain


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not on Linux
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()
