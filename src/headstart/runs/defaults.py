"""What a stage takes where its recipe says nothing: the strategy, how long it learns, how rows are shown."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from headstart import views
from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.core.recipe import LINEAR, Recipe, Stage
from headstart.core.tuning import Defaults
from headstart.core.types import Event, Listener, Objective, Strategy, Task
from headstart.data.rows import Dataset
from headstart.data.transforms import make_transform
from headstart.engine.machine import choose_device
from headstart.features.frozen import KnownFeatures
from headstart.inputs import by_name
from headstart.models.model import Backbone
from headstart.runs.shown import blurred

FEW_ROWS, MANY_ROWS = "linear_probe", "full"  # the default strategies, by the study in docs/strategies.md
LANGUAGE_MODEL = "lora"  # of networks that go on with texts
A_CLASS, MANY = 50, 1000  # labelled rows of a class, or rows where there are no classes, from which on they are many
BATCH, SMALL_BATCH = 32, 16  # examples in a step, with few rows
MOST_LOOKS = 30  # on the validation split in one stage, where the recipe does not say
LONGEST = 300  # seconds of `full` that are spent where neither a length nor a budget was asked for
SPEED = {"cpu": 3e10, "cuda": 1e13}  # operations a second, as small networks reach them
COUNTED = 4  # rows, by which the operations of one are counted


class Start(NamedTuple):
    """What a run starts from.

    backbone: None leaves its cost out. pretrained: whether all of its weights were learnt on the source. fixed: whether
    it has none, so that only heads learn.
    """

    backbone: Backbone | None
    pretrained: bool
    fixed: bool


def with_usual_head(recipe: Recipe, task: Task, listen: Listener) -> Recipe:
    """Take the head that all targets usually have, where the recipe names none but the usual one of most kinds.

    Args:
        recipe: Its head may be open.
        task: Has the targets.
        listen: Is told of another head.

    Returns:
        The recipe.

    Raises:
        UsageError: One of several targets is asked of new classes, by which the rows are divided.
    """
    new = [name for name, target in task.predicted.items() if target.new_classes]
    if new and len(task.predicted) > 1:
        raise UsageError(
            f"The rows are divided by the classes of '{new[0]}', which are new in each split: such a target is learnt "
            "alone. Leave the others away."
        )
    usual = {target.head for target in task.predicted.values()}
    if recipe.head != LINEAR or len(usual) != 1 or usual == {LINEAR.name}:
        return recipe
    (name,) = usual
    listen(Event("note", f"head: {name}, the usual one here (name another: {option('head')})"))
    return dataclasses.replace(recipe, head=Choice(name))


def choose_strategy(
    stage: Stage, recipe: Recipe, data: Dataset, objective: Objective, start: Start
) -> tuple[Stage, str]:
    """Choose by the rows of a class and by what training all weights would cost.

    Args:
        stage: Names no strategy.
        recipe: The stage's.
        data: The rows.
        objective: The stage's.
        start: What would learn.

    Returns:
        The stage, and what to tell.
    """
    backbone = start.backbone
    if start.fixed:
        name, why = FEW_ROWS, "the source has no weights, and only the head learns"
    elif not objective.learns_by_steps:
        name, why = FEW_ROWS, f"the objective {stage.objective.name} is solved on features that stay the same"
    elif not start.pretrained:
        name, why = MANY_ROWS, "the network's weights are not all the source's"
    elif backbone is not None and backbone.source_layer is not None and _all_texts(data.task):
        name, why = LANGUAGE_MODEL, "the source writes already, and a few numbers suffice to steer it"
    elif backbone is not None and backbone.source_decoder and not all(t.pooled for t in data.task.predicted.values()):
        name, why = MANY_ROWS, "the source's decoder is learnt already and goes on as its encoder does"
    elif not objective.is_heads_loss:
        name, why = MANY_ROWS, f"the objective {stage.objective.name} is to change the features"
    else:
        rows, least, what = _rows(data)
        name = FEW_ROWS if rows < least else MANY_ROWS
        why = f"there are {rows:,.0f} {what}, {'fewer' if rows < least else 'not fewer'} than {least:,}"
        if name == MANY_ROWS and backbone is not None and not (stage.steps or stage.epochs):
            seconds = _seconds(stage, recipe, data, objective, backbone)
            if seconds > (recipe.budget or LONGEST):
                name, why = FEW_ROWS, f"{MANY_ROWS} would take about {seconds / 60:.0f} minutes on this device"
    told = f"strategy: {name}, as {why} (name another: {option('strategy')})"
    return dataclasses.replace(stage, strategy=Choice(name)), told


def _all_texts(task: Task) -> bool:
    return all(target.form == "texts" for target in task.predicted.values())


def length(stage: Stage, defaults: Defaults, objective: Objective, data: Dataset) -> tuple[int, int, int]:
    """Choose batch size and steps; of a small set there are more passes, so that there are updates enough.

    Args:
        stage: What it names stays.
        defaults: The strategy's.
        objective: Names the streams.
        data: Has their rows.

    Returns:
        The batch size, the steps, and the steps between evaluations.
    """
    rows = passed(objective, data)
    usual = [target.usual_batch for target in data.task.predicted.values() if target.usual_batch is not None]
    batch_size = min(stage.batch_size or min(usual, default=BATCH if rows >= MANY else SMALL_BATCH), rows)
    epoch = math.ceil(rows / batch_size)
    steps = stage.steps or max(1, math.ceil(epoch * (stage.epochs or 0)))
    if stage.steps is None and stage.epochs is None:
        steps = max(math.ceil(epoch * defaults.epochs), defaults.updates)
    return batch_size, steps, stage.evaluate or min(steps, max(epoch, math.ceil(steps / MOST_LOOKS)))


def rate(defaults: Defaults, backbone: Backbone | None) -> float:
    """Choose the rate for a network by its norm layers, known by their classes' names or those of the classes that they
    derive from; of a network with both kinds, by layer norm.
    """
    layers = {type(module) for module in backbone.modules()} if backbone is not None else set()
    kinds = {base.__name__.lower() for layer in layers for base in layer.__mro__}
    by_norm = (
        ("layernorm", defaults.layer_norm_lr),
        ("rmsnorm", defaults.layer_norm_lr),
        ("batchnorm", defaults.batch_norm_lr),
    )
    return next((lr for norm, lr in by_norm if lr is not None and any(norm in kind for kind in kinds)), defaults.lr)


def passed(objective: Objective, data: Dataset) -> int:
    """Count the rows of a pass: those of the stream that takes longest to show all of its own."""
    streams = (stream for stream in objective.streams_in(data.pools) if stream not in objective.also)
    return max(math.ceil(len(data.pools[stream.pool]) / stream.size) for stream in streams)


def view(
    usual: str, data: Dataset, backbone: Backbone | None, seed: int, known: KnownFeatures | None = None
) -> tuple[str, str]:
    """Choose how training rows are shown: as is usual with the strategy, where the data allows.

    Args:
        usual: The strategy's view.
        data: Its training rows decide.
        backbone: A pretrained one, by whose features varied rows are judged; None leaves that out.
        seed: Decides which rows are looked at.
        known: Features that need not be computed again.

    Returns:
        The view, and what to tell; "" where there is nothing to tell.
    """
    if usual == views.PLAIN or not views.offers(usual, by_name(data.task.modality)):
        return views.PLAIN, ""
    rows = data.pools.get("train")
    if backbone is None or rows is None or not rows.labels:
        return usual, ""
    name = rows.targets[0]
    why = blurred(usual, backbone, rows.of(name), data.task.targets[name], seed, known)
    if not why:
        return usual, f"training rows are shown by '{usual}' (plainly: {option('augment', 'plain')})"
    return (
        views.PLAIN,
        f"training rows are shown plainly: {why} ({option('augment', usual)} shows them so all the same)",
    )


def imbalance(stage: Stage, objective: Objective, data: Dataset) -> tuple[Stage, str]:
    """Decide "auto" by the rows that the heads learn from; give the stage and what to tell.

    With several targets the first one that asks for anything decides; the others take of it what fits them.

    Args:
        stage: Its way with rare classes is "auto".
        objective: Names the pool.
        data: The rows.

    Returns:
        The stage, and what to tell.
    """
    labelled = [data.pools[s.pool] for s in objective.streams_in(data.pools) if s.labelled and s not in objective.also]
    chosen = [
        target.choose_imbalance(rows.labels_of(name), objective.loss_options)
        for rows in labelled
        for name, target in rows.predicted(data.task).items()
    ]
    kind, why = next((pair for pair in chosen if pair[0] != "none"), chosen[0])
    return dataclasses.replace(stage, imbalance=cast(Any, kind)), f"imbalance: {kind}, as {why}"


def _rows(data: Dataset) -> tuple[float, int, str]:
    """Count the labelled rows of a class, on average, or all; give what is many, and what was counted."""
    rows = data.pools["train"]
    classes = [target.counts(rows.labels_of(name)) for name, target in rows.predicted(data.task).items()]
    means = [float(np.mean(list(counts.values()))) for counts in classes if counts]
    return (min(means), A_CLASS, "training rows a class") if means else (len(rows), MANY, "training rows")


def _seconds(stage: Stage, recipe: Recipe, data: Dataset, objective: Objective, backbone: Backbone) -> float:
    """Estimate the time of all steps from the operations of a forward pass; the clock decides nothing."""
    strategy: Strategy = plugins.build("strategies", MANY_ROWS, {})
    batch_size, steps, _ = length(stage, strategy.defaults, objective, data)
    transform = make_transform(backbone.card.input)
    rows = data.pools["train"].take(range(min(COUNTED, len(data.pools["train"]))))
    items = transform.prepare(rows.inputs)
    x = transform.collate([transform.example(item, "x", None) for item in items])
    was_training = backbone.training
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        backbone.eval()(x)
    backbone.train(was_training)
    forward = counter.get_total_flops() / len(rows)
    return 3 * forward * batch_size * steps / SPEED[choose_device(recipe.device).type]
