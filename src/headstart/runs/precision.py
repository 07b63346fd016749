"""Choose the number format of a run: bfloat16 on a CPU where a trial shows that it pays."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import torch

from headstart.core.progress import working
from headstart.core.stopping import Stop
from headstart.core.types import Event, Listener, silent
from headstart.data.rows import Dataset
from headstart.engine.distributed import World
from headstart.engine.machine import SMALL, choose_precision, cpu_has_bfloat16
from headstart.engine.memory import is_out_of_memory
from headstart.engine.precision import Compared, compare_formats
from headstart.models.model import Backbone
from headstart.runs.network import build_model
from headstart.runs.plan import Plan
from headstart.runs.training import make_jobs

LEAST_STEPS = 50  # of a stage: with fewer, the trial of about three steps takes too much of what it can give


def with_precision(
    plan: Plan, dataset: Dataset, backbone: Backbone, device: torch.device, world: World, listen: Listener
) -> Plan:
    """Choose the number format where the recipe leaves it open.

    On a GPU it is bfloat16. On a CPU it is float32, unless the processor computes with bfloat16 itself, the network
    has 500,000 parameters or more, some of which learn over 50 steps or more, and a trial of two batches shows it to
    be faster and close enough (`headstart.engine.precision`).

    Args:
        plan: With everything else chosen. What its recipe says is not questioned.
        dataset: The rows.
        backbone: At its start; it stays as it is.
        device: Where the run computes.
        world: All processes; the writer tries, and the others take what it chose.
        listen: Is told of a trial.

    Returns:
        The plan, whose recipe says "float32" or "bfloat16": what is begun so goes on so.
    """
    recipe = plan.recipe
    precision = choose_precision(recipe.precision, device)
    if recipe.precision == "auto" and device.type == "cpu" and world.is_writer:
        found = _tried(plan, dataset, backbone)
        if found is not None:
            precision = "bfloat16" if found.pays else "float32"
            listen(Event("note", _told(found)))
    return dataclasses.replace(plan, recipe=dataclasses.replace(recipe, precision=world.from_writer(precision)))


def _tried(plan: Plan, dataset: Dataset, backbone: Backbone) -> Compared | None:
    """Try the longest stage in which something of the backbone learns; None where there is none worth it."""
    stages = plan.recipe.stages
    worth = [number for number, stage in enumerate(stages) if (stage.steps or 0) >= LEAST_STEPS]
    if not worth or backbone.card.params < SMALL or not cpu_has_bfloat16():
        return None
    with tempfile.TemporaryDirectory(prefix="headstart-") as folder, working("trying bfloat16"):
        model = build_model(plan.recipe, dataset, backbone)
        jobs, context = make_jobs(plan, dataset, backbone, Path(folder), silent, Stop(), "float32")
        for number in sorted(worth, key=lambda n: -(stages[n].steps or 0)):
            try:
                found = compare_formats(model, jobs[number], context)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                return None
            if found is not None:
                return found
    return None


def _told(found: Compared) -> str:
    """Say what was chosen, and why."""
    apart = ", ".join(f"{name} {value:.1%}" for name, value in found.differences.items())
    if not found.close:
        return f"precision: float32, as bfloat16 is too far from it (difference of {apart})"
    chosen, verb = ("bfloat16", "is") if found.pays else ("float32", "would be")
    return f"precision: {chosen}, as a step in bfloat16 {verb} {found.gain:.2f} times as fast (difference of {apart})"
