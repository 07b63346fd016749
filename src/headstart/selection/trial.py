"""One candidate in training: for some steps, then it waits; it goes on where it was as long as it is worth it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from headstart.core import plugins
from headstart.core.offer import Offer
from headstart.core.recipe import Recipe
from headstart.core.stopping import Paused, Stop
from headstart.core.types import Event, Listener, Score
from headstart.data.rows import Dataset, Rows
from headstart.data.transforms import make_transform
from headstart.engine.cost import Cost, measure_cost
from headstart.engine.fit import fit
from headstart.engine.machine import choose_device, choose_precision, choose_threads, threads
from headstart.engine.predict import predict
from headstart.features.frozen import KnownFeatures
from headstart.runs import defaults
from headstart.runs.choose import with_offer
from headstart.runs.network import Loaded, build_model, load_backbone
from headstart.runs.plan import Plan, make_plan
from headstart.runs.training import make_jobs
from headstart.selection.candidates import Candidate

LOOKS = 8  # on the validation rows over the whole length of a trial


class Reached(NamedTuple):
    """Where a trial stands: its step, the score of its last look, and the seconds of this stretch.

    over: whether nothing is left to do, as all steps are done or the validation rows showed no more gain. outputs: what
    the network gave for the validation rows then, by target; empty where it has not looked.
    """

    step: int
    score: Score | None
    seconds: float
    over: bool
    outputs: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Setup:
    """What all trials of a search have in common.

    views: by source and usual view the one that was chosen. costs: by way to start, once they were measured.
    """

    dataset: Dataset
    listen: Listener
    stop: Stop
    known: KnownFeatures
    loaded: Loaded = field(default_factory=dict)
    views: dict[tuple[str, str], str] = field(default_factory=dict)
    costs: dict[Offer, Cost] = field(default_factory=dict)

    def cost(self, offer: Offer, recipe: Recipe) -> Cost:
        """Measure what a source costs a row, by a batch of as many rows as a step has.

        Args:
            offer: The source.
            recipe: Takes the place of what the offer leaves open.

        Returns:
            The cost; it is measured once.
        """
        if offer not in self.costs:
            own, data = with_offer(recipe, offer), self.dataset
            backbone = load_backbone(own, data, loaded=self.loaded)
            model, transform = build_model(own, data, backbone), make_transform(backbone.card.input)
            with threads(choose_threads(backbone.card.params)):
                count = own.stages[0].batch_size or defaults.SMALL_BATCH
                self.costs[offer] = measure_cost(model, data.splits["train"], transform, count=count)
        return self.costs[offer]


def shown(candidate: Candidate, recipe: Recipe, data: Dataset) -> int:
    """Count the examples that a candidate would see at its usual length."""
    stage = candidate.recipe(recipe).stages[-1]
    objective = plugins.build("objectives", stage.objective.name, stage.objective.options)
    assert stage.strategy is not None
    strategy = plugins.build("strategies", stage.strategy.name, stage.strategy.options)
    batch_size, steps, _ = defaults.length(stage, strategy.defaults, objective, data)
    return batch_size * steps


def examples_of_a_row(candidate: Candidate, recipe: Recipe) -> float:
    """Count the examples that a step shows for each row of its batch: those of all streams, in all of their views."""
    choice = candidate.recipe(recipe).stages[-1].objective
    streams = plugins.build("objectives", choice.name, choice.options).streams
    return sum(stream.size * len(stream.views) for stream in streams)


def planned(recipe: Recipe, setup: Setup, *, length: float = 1.0, factor: float = 1.0) -> Plan:
    """Choose all that a candidate's recipe leaves open.

    Args:
        recipe: Names source and strategy.
        setup: Of the search; keeps how a source's rows are shown, which takes a while to find.
        length: Share of the strategy's usual steps.
        factor: Times the strategy's usual rate.

    Returns:
        The plan; over the length of its last stage it looks at the validation rows `LOOKS` times.
    """
    backbone = load_backbone(recipe, setup.dataset, loaded=setup.loaded)
    card, named = backbone.card, recipe.source.name if recipe.source else ""
    last = recipe.stages[-1]
    assert last.strategy is not None
    usual = plugins.build("strategies", last.strategy.name, last.strategy.options).defaults.augment
    if last.augment is None:
        last = dataclasses.replace(last, augment=setup.views.get((named, usual)))
    precision = choose_precision(recipe.precision, choose_device(recipe.device))
    recipe = dataclasses.replace(recipe, precision=precision, stages=(*recipe.stages[:-1], last))
    with threads(choose_threads(card.params)):
        how: Any = {"pretrained": bool(card.sha256), "fixed": not card.params, "backbone": backbone}
        plan = make_plan(recipe, setup.dataset, known=setup.known, **how)
    last = plan.recipe.stages[-1]
    assert last.lr is not None and last.steps is not None and last.augment is not None
    setup.views[named, usual] = last.augment
    looks = max(1, int(last.steps * length) // LOOKS)
    last = dataclasses.replace(last, lr=last.lr * factor, steps=looks * LOOKS, evaluate=looks)
    stages = (*plan.recipe.stages[:-1], last)
    return dataclasses.replace(plan, recipe=dataclasses.replace(plan.recipe, stages=stages))


def train(
    recipe: Recipe,
    folder: Path,
    until: int,
    setup: Setup,
    out_of_time: Callable[[], bool],
    asked: Rows | None = None,
) -> Reached:
    """Train a candidate from where it is to a step.

    Args:
        recipe: With everything chosen.
        folder: Takes its checkpoints; a trial that is in it goes on.
        until: The step of the last stage to wait at; it is looked at there.
        setup: Of the search.
        out_of_time: Whether the trial has to wait at once.
        asked: Rows in the place of the validation rows, for which the network gives its outputs once all is done.

    Returns:
        Where it stands.

    Raises:
        TrainingError: A loss is not finite, or memory does not suffice.
        Stopped: The search was asked to stop; the trial is saved.
    """
    began = time.monotonic()
    backbone = load_backbone(recipe, setup.dataset, loaded=setup.loaded)
    card, last, stop = backbone.card, len(recipe.stages) - 1, setup.stop
    plan = make_plan(recipe, setup.dataset, pretrained=bool(card.sha256), fixed=not card.params, backbone=backbone)
    step = 0

    def hear(event: Event) -> None:
        nonlocal step
        if event.kind not in ("step", "evaluation") or event.values.get("stage") != last:
            return
        step = event.values["step"]
        if event.kind == "step":
            setup.listen(event)
        stop.pause = stop.pause or out_of_time() or (event.kind == "evaluation" and step >= until)

    with threads(choose_threads(card.params)):
        model = build_model(plan.recipe, setup.dataset, backbone)
        folder.mkdir(parents=True, exist_ok=True)
        jobs, context = make_jobs(plan, setup.dataset, backbone, folder, hear, stop, plan.recipe.precision)
        context = dataclasses.replace(context, resume=True, constant=setup.known, budget=None)
        try:
            outcome = fit(model, jobs, context)
        except Paused as paused:
            over = step >= (recipe.stages[-1].steps or 0)
            outputs = paused.looked.get("validation", {}) if asked is None else {}
            return Reached(step, paused.score, time.monotonic() - began, over, outputs)
        finally:
            stop.pause = False
        outputs = outcome.looked.get("validation", {})
        if asked is not None:
            outputs = predict(model, asked, make_transform(card.input), precision=context.precision, known=setup.known)
    return Reached(step, outcome.best, time.monotonic() - began, True, outputs)
