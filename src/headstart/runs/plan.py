"""Plan a run: choose everything that the recipe leaves open, and refuse what cannot work, before any slow work."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, cast

from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.core.options import to_plain
from headstart.core.recipe import Choice, Recipe, Stage
from headstart.core.seeding import torch_seeded
from headstart.core.types import TARGET, Event, Listener, Objective, Strategy, VectorInput, silent
from headstart.data.rows import Dataset
from headstart.data.transforms import check_fits
from headstart.engine.optimisers import check_optimiser
from headstart.metrics._find import every
from headstart.models.load import load_source
from headstart.models.model import Backbone, Model
from headstart.models.operate import build as build_operation
from headstart.models.operate import operate, written
from headstart.models.source_rows import rows_for, start_rows

FEW_ROWS, MANY_ROWS = "linear_probe", "full"  # the default strategies, by the study in docs/strategies.md
BATCH, SMALL_BATCH, MANY = 32, 16, 1000  # examples in a step, with few rows, and from how many rows on they are many
MOST_LOOKS = 30  # on the validation split in one stage, where the recipe does not say


@dataclasses.dataclass(frozen=True)
class Plan:
    """A recipe with everything chosen, and its plug-ins built."""

    recipe: Recipe
    strategies: tuple[Strategy, ...]
    objectives: tuple[Objective, ...]
    notes: tuple[str, ...] = ()  # what was chosen and why


def check_names(recipe: Recipe) -> None:
    """Build every plug-in that the recipe names, and every metric, so that a wrong one is refused before data is read.

    Args:
        recipe: The plan as it was given.

    Raises:
        UsageError: A name or an option is wrong, or an own metric lacks something.
    """
    if recipe.source is None:
        raise UsageError(
            "Name the pretrained model to start from: --source timm:resnet18, hf:FOLDER_OR_ID, local:FOLDER/NAME, "
            "run:FOLDER or python:MODULE:FUNCTION (headstart list sources)."
        )
    prefix = recipe.source.name.partition(":")[0]
    plugins.build("sources", prefix, recipe.source.options)
    plugins.build("heads", recipe.head.name, recipe.head.options)
    for choice in recipe.surgery:
        build_operation(choice)
    every()
    if not recipe.stages:
        raise UsageError("The recipe has no stages: nothing would be learnt.")
    for stage in recipe.stages:
        _strategy(stage)
        check_optimiser(stage.optimiser)
        plugins.build("objectives", stage.objective.name, stage.objective.options)


def load_backbone(recipe: Recipe, data: Dataset, listen: Listener = silent) -> Backbone:
    """Load the recipe's source, do its surgery and check that the data fits.

    Args:
        recipe: Names both.
        data: What the network is for.
        listen: Is told what the surgery did.

    Returns:
        The backbone.

    Raises:
        SourceError: The source cannot be loaded.
        UsageError: The data is of another kind than the source expects, or an operation does not fit.
    """
    assert recipe.source is not None
    options = dict(recipe.source.options)
    kind = plugins.load("sources", recipe.source.name.partition(":")[0])
    if data.task.modality == "vector" and "dim" in {field.name for field in dataclasses.fields(kind)}:
        options.setdefault("dim", int(data.splits["train"].inputs.shape[1]))
    with torch_seeded(recipe.seed, "source"):
        backbone = load_source(recipe.source.name, options)
    if recipe.surgery:
        operated = operate(backbone, [build_operation(choice) for choice in recipe.surgery], seed=recipe.seed)
        backbone = operated.backbone
        for note in operated.notes:
            listen(note)
    if backbone.kept_rows is not None:
        _tell_rows(backbone, data, listen)
    check_fits(data.task, backbone.card.input)
    if isinstance(backbone.card.input, VectorInput):
        width = data.splits["train"].inputs.shape[1]
        if backbone.card.input.dim not in (None, width):
            raise UsageError(
                f"{backbone.card.name} takes {backbone.card.input.dim} numbers a row; the data has {width}."
            )
    return backbone


def build_model(recipe: Recipe, data: Dataset, backbone: Backbone) -> Model:
    """Put a head for each target on the backbone; it takes what it needs (units, say) from the training labels."""
    options = plugins.build("heads", recipe.head.name, recipe.head.options)
    heads = {}
    for name, target in data.task.predicted.items():
        with torch_seeded(recipe.seed, "head", *([] if name == TARGET else [name])):
            heads[name] = options.build(backbone.dim, target)
        heads[name].output.start(data.splits["train"].labels[name])
    if backbone.kept_rows is not None:
        start_rows(heads, backbone)
    return Model(backbone, heads)


def make_plan(recipe: Recipe, data: Dataset, *, pretrained: bool = True) -> Plan:
    """Choose strategy, steps, rates and the like for each stage, where the recipe leaves them open.

    Args:
        recipe: Its names have been checked.
        data: Decides how many steps an epoch has.
        pretrained: Whether the source's weights were learnt; features of others are not worth keeping.

    Returns:
        The plan. Its recipe, run again, gives the same run.

    Raises:
        UsageError: An objective needs a stream that the data has no rows for, or a loss that does not fit the task.
    """
    strategies, objectives, stages, notes = [], [], [], []
    for stage in recipe.stages:
        if stage.strategy is None:
            stage, note = _choose_strategy(stage, data, pretrained=pretrained and not recipe.surgery)
            notes.append(note)
        strategy = _strategy(stage)
        objective: Objective = plugins.build("objectives", stage.objective.name, stage.objective.options)
        _check_streams(stage.objective.name, objective, data)
        for target in data.task.predicted.values():
            target.check_loss(objective.loss_options)
        if stage.imbalance == "auto":
            stage, note = _choose_imbalance(stage, objective, data)
            notes.append(note)
        _check_imbalance(stage.imbalance, objective, data)
        stages.append(_choose(stage, strategy, objective, data))
        strategies.append(strategy)
        objectives.append(objective)
    surgery = tuple(Choice.parse(written(build_operation(choice)), "surgery") for choice in recipe.surgery)
    chosen = dataclasses.replace(recipe, stages=tuple(stages), surgery=surgery)
    return Plan(chosen, tuple(strategies), tuple(objectives), tuple(notes))


def check_shards(recipe: Recipe, processes: int) -> None:
    """Check that each process gets rows of each batch.

    Args:
        recipe: With everything chosen.
        processes: That share each batch.

    Raises:
        UsageError: A stage's batch has fewer rows than there are processes.
    """
    for number, stage in enumerate(recipe.stages):
        assert stage.batch_size is not None
        if stage.batch_size < processes:
            raise UsageError(
                f"Stage {number} has {stage.batch_size} rows in a batch, fewer than the {processes} processes. "
                "Use fewer processes or a larger --batch-size."
            )


def _tell_rows(backbone: Backbone, data: Dataset, listen: Listener) -> None:
    """Say which classes the source knows; refuse where it knows none."""
    labels = backbone.card.labels
    for target, rows in rows_for(backbone, data.task.predicted).items():
        known = ", ".join(f"{name} = {labels[row]}" for name, row in rows.items())
        unknown = [name for name in data.task.targets[target].classes if name not in rows]
        rest = f"; unknown to it: {', '.join(unknown)}" if unknown else ""
        listen(Event("note", f"rows of the source's classifier: {known}{rest}", {"rows": rows}))


def _choose_strategy(stage: Stage, data: Dataset, *, pretrained: bool) -> tuple[Stage, str]:
    """Take the strategy that did best in the study; give the stage and what to tell."""
    if not pretrained:
        name, why = MANY_ROWS, "the network's weights are not all the source's"
    elif stage.objective.name != "supervised":
        name, why = MANY_ROWS, f"the objective {stage.objective.name} is to change the features"
    else:
        rows = len(data.pools["train"])
        name = FEW_ROWS if rows < MANY else MANY_ROWS
        why = f"there are {rows:,} training rows, {'fewer' if rows < MANY else 'not fewer'} than {MANY:,}"
    told = f"strategy: {name}, as {why} (name another with --strategy)"
    return dataclasses.replace(stage, strategy=Choice(name)), told


def _strategy(stage: Stage) -> Strategy:
    choice = stage.strategy or Choice(MANY_ROWS)
    return plugins.build("strategies", choice.name, choice.options)


def _choose(stage: Stage, strategy: Strategy, objective: Objective, data: Dataset) -> Stage:
    defaults = strategy.defaults
    rows = max(len(data.pools[stream.name]) for stream in objective.streams)
    batch_size = min(stage.batch_size or (BATCH if rows >= MANY else SMALL_BATCH), rows)
    epoch = math.ceil(rows / batch_size)
    steps = stage.steps or max(1, math.ceil(epoch * (stage.epochs or 0)))
    if stage.steps is None and stage.epochs is None:
        steps = max(math.ceil(epoch * defaults.epochs), math.ceil(defaults.examples / batch_size))
    return dataclasses.replace(
        stage,
        strategy=_with_options((stage.strategy or Choice(MANY_ROWS)).name, strategy),
        objective=_with_options(stage.objective.name, objective),
        steps=steps,
        epochs=None,
        lr=defaults.lr if stage.lr is None else stage.lr,
        batch_size=batch_size,
        accumulate=min(stage.accumulate, batch_size),
        augment=(defaults.augment if data.task.modality == "image" else "none")
        if stage.augment is None
        else stage.augment,
        evaluate=stage.evaluate or min(steps, max(epoch, math.ceil(steps / MOST_LOOKS))),
    )


def _choose_imbalance(stage: Stage, objective: Objective, data: Dataset) -> tuple[Stage, str]:
    """Decide "auto" by the rows that the heads learn from; give the stage and what to tell.

    With several targets the first one that asks for anything decides; the others take of it what fits them.
    """
    pool = next(stream.name for stream in objective.streams if stream.labelled)
    labels = data.pools[pool].labels
    chosen = [data.task.targets[name].choose_imbalance(labels[name], objective.loss_options) for name in labels]
    kind, why = next((pair for pair in chosen if pair[0] != "none"), chosen[0])
    return dataclasses.replace(stage, imbalance=cast(Any, kind)), f"imbalance: {kind}, as {why}"


def _check_imbalance(kind: str, objective: Objective, data: Dataset) -> None:
    """Refuse a way of making up for rare classes that fits none of the targets."""
    refusals = []
    for target in data.task.predicted.values():
        try:
            target.check_imbalance(kind, objective.loss_options)
        except UsageError as error:
            refusals.append(error)
    if refusals and len(refusals) == len(data.task.predicted):
        raise refusals[0]


def _with_options(name: str, plugin: Any) -> Choice:
    return Choice(name, to_plain(plugin))


def _check_streams(name: str, objective: Objective, data: Dataset) -> None:
    missing = [stream.name for stream in objective.streams if stream.name not in data.pools]
    if missing:
        raise UsageError(
            f"The objective '{name}' needs rows for {', '.join(missing)}; the data has {', '.join(data.pools)}. "
            "For two domains give --source-domain NAME --target-domain NAME "
            "(DOMAIN/CLASS folders, or a column `domain`)."
        )
