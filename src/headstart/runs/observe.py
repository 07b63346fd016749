"""See what a run does to its model: features before and after, what moved, mistakes, cost; as plain data."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from headstart.core.types import Calibration, Card, Labels, Target
from headstart.data.rows import Dataset, Rows
from headstart.data.transforms import make_transform
from headstart.engine.machine import place
from headstart.engine.predict import embed
from headstart.engine.proof import Moved
from headstart.evaluation.report.facts import Distance, Observed, Seen, StageMoves
from headstart.features.frozen import KnownFeatures
from headstart.models.cards import card_to_plain
from headstart.models.model import Model, device_of
from headstart.runs.domains import how_far, two_sides
from headstart.runs.embedding import Drawn, as_map, drawn_rows
from headstart.runs.look import look
from headstart.runs.mistakes import NO_ANSWERS, answers

T = TypeVar("T")

FORMAT = 1


@dataclass(frozen=True)
class Before:
    """A model before it is trained: its card, the features [M, D] of some rows, and a few rows as it sees them.

    sides: rows of two domains, and how far these are from each other; None without two domains.
    """

    card: Card
    drawn: Drawn
    features: np.ndarray | None
    shown: Seen
    sides: tuple[Rows, Rows] | None
    distance: Distance | None


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
        data: Rows of it are drawn on the map, and tell how far two domains are from each other.
        views: In which a few rows are shown.
        device: Where to compute.
        precision: The number format.
        seed: Decides which rows are drawn.
        known: Takes the features of the rows on the map.

    Returns:
        What `observe_after` compares with.
    """
    drawn = drawn_rows(data, seed)
    shown = look(data, model.backbone.card, views, seed=seed).whole()
    place(model, device)
    embedded = partial(_embedded, model, precision, known)
    features = embedded(drawn.rows) if len(drawn.rows) > 2 else None
    sides = two_sides(data, seed)
    distance = sides and how_far(sides, embedded, seed)
    return Before(model.backbone.card, drawn, features, shown, sides, distance)


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
    still = not any(part["moved"] for name, part in moved.items() if not name.startswith("heads."))
    embedded = partial(_embedded, model, precision, known)
    if before.features is not None:
        observed["map"] = as_map(before.drawn, before.features, None if still else embedded(before.drawn.rows))
    if before.sides and before.distance:
        observed["apart"] = {"rows": len(before.sides[0]), "before": before.distance}
        if not still and (distance := how_far(before.sides, embedded, seed)):
            observed["apart"]["after"] = distance
    return observed


def peak_memory() -> int | None:
    """Return the most bytes of memory that this process has held; None where the system does not say."""
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024


def _embedded(model: Model, precision: str, known: KnownFeatures, rows: Rows) -> np.ndarray:
    transform = make_transform(model.backbone.card.input, once=True)
    return embed(model, rows, transform, precision=precision, known=known)


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
        data.task.key(split, name): describe(target, rows.labels_of(name))
        for split, rows in data.splits.items()
        for name, target in rows.predicted(data.task).items()
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
