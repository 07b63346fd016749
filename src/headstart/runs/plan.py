"""Plan a run: choose everything that the recipe leaves open, and refuse what cannot work, before any slow work."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence, Sized
from functools import cache
from types import MappingProxyType
from typing import Any, cast

from headstart import views
from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.counting import agree, counted
from headstart.core.errors import UsageError, first_few
from headstart.core.interface import option
from headstart.core.options import to_plain
from headstart.core.recipe import Recipe, Stage
from headstart.core.types import Criterion, Objective, Rule, Scheme, Strategy
from headstart.criteria._target import OfTarget
from headstart.data.domains import FEW
from headstart.data.rows import Dataset
from headstart.engine.optimisers import SOLVE, check_optimiser
from headstart.features.frozen import KnownFeatures
from headstart.metrics._find import every
from headstart.models.load import parts_of
from headstart.models.model import Backbone
from headstart.models.operate import build as build_operation
from headstart.models.operate import keeps_weights, written
from headstart.runs import checks, defaults
from headstart.runs.refit import choose_refit
from headstart.runs.rules import check_rule, check_scheme, made
from headstart.runs.solving import choose_optimiser


@dataclasses.dataclass(frozen=True)
class Plan:
    """A recipe with everything chosen, and its plug-ins built."""

    recipe: Recipe
    strategies: tuple[Strategy, ...]
    objectives: tuple[Objective, ...]
    criteria: tuple[Criterion, ...]
    notes: tuple[str, ...] = ()  # what was chosen and why


def views_of(recipe: Recipe) -> list[str]:
    """List the views in which a recipe's training shows rows."""
    shown = [
        view
        for stage in recipe.stages
        for stream in _objective(stage).streams
        for view in stream.shown(stage.augment or views.PLAIN).values()
    ]
    return list(dict.fromkeys([views.PLAIN, *shown]))


def check_names(recipe: Recipe) -> None:
    """Build every plug-in that the recipe names, and every metric, so that a wrong one is refused before data is read.

    Args:
        recipe: The plan as it was given.

    Raises:
        UsageError: A name or an option is wrong, or an own metric lacks something.
    """
    if recipe.source is not None:
        prefix, _ = parts_of(recipe.source.name)
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
        if stage.augment is not None:
            views.build(stage.augment)
        _criterion(stage, _objective(stage))


def make_plan(
    recipe: Recipe,
    data: Dataset,
    *,
    pretrained: bool = True,
    fixed: bool = False,
    backbone: Backbone | None = None,
    known: KnownFeatures | None = None,
) -> Plan:
    """Choose strategy, steps, rates and the like for each stage, where the recipe leaves them open.

    Args:
        recipe: Its names have been checked.
        data: Decides how many steps an epoch has.
        pretrained: Whether the source's weights were learnt; features of others are not worth keeping.
        fixed: Whether the source has no weights, so that only heads learn.
        backbone: What learns; its cost and what it sees in varied rows decide too. None leaves both out.
        known: Features of rows that need not be computed again for that; takes those that are.

    Returns:
        The plan. Its recipe, run again, gives the same run.

    Raises:
        UsageError: An objective or a criterion needs rows that the data has not, a loss does not fit the task, or a
            batch whose rows are compared with each other would be cut, or be of one row.
    """
    strategies, objectives, criteria, stages, notes = [], [], [], [], []
    operations = [build_operation(choice) for choice in recipe.surgery]
    learnt = pretrained and all(keeps_weights(operation) for operation in operations)
    judge = backbone if pretrained and not fixed else None
    shown = cache(lambda usual: defaults.view(usual, data, judge, recipe.seed, known))
    for stage in recipe.stages:
        objective = _objective(stage)
        criterion = _criterion(stage, objective)
        main = objective.only or recipe.main
        checks.check_forms(stage.objective.name, objective, data)
        checks.check_streams(stage.objective.name, objective, data)
        if stage.strategy is None:
            start = defaults.Start(backbone, pretrained=learnt, fixed=fixed)
            stage, note = defaults.choose_strategy(stage, recipe, data, objective, start)
            notes.append(note)
        strategy = _strategy(stage)
        judged = data if main is None else dataclasses.replace(data, task=data.task.alone(main))
        checks.check_pools(stage.criterion.name if stage.criterion else objective.criterion, criterion, judged)
        checks.check_average(stage, criterion, data)
        check_rule(stage, objective, data.task)
        check_scheme(stage, data.task)
        checks.check_whole(stage, strategy, objective, 1)
        if stage.augment is not None:
            checks.check_view(stage.augment, objective, data)
        for target in data.task.predicted.values():
            target.check_loss(objective.loss_options)
        if stage.imbalance == "auto":
            stage, note = defaults.imbalance(stage, objective, data)
            notes.append(note)
        checks.check_imbalance(stage.imbalance, objective, data)
        stage, note = _choose(stage, strategy, objective, recipe.head, data, backbone, shown)
        checks.check_several(stage, objective, data)
        stages.append(stage)
        notes += [note] if note and note not in notes else []
        strategies.append(strategy)
        objectives.append(objective)
        criteria.append(criterion if main is None else OfTarget(criterion, main))
    checks.check_learnt(objectives, data)
    refit, note = choose_refit(recipe, stages, objectives, data)
    notes += [note] if note else []
    notes += [_main(recipe.main, data, stages)] if recipe.main is not None else []
    read = {stream.pool for objective in objectives for stream in objective.streams_in(data.pools)}
    read |= {pool for criterion in criteria for pool in criterion.pools}
    if "unlabelled" in data.pools and "unlabelled" not in read:
        notes.append("the rows without labels are not used: no objective or criterion of this recipe asks for them")
    if FEW in data.pools and FEW not in read:
        notes.append("the labelled rows of the target are not used: no objective of this recipe asks for them")
    surgery = tuple(Choice.parse(written(operation), "surgery") for operation in operations)
    chosen = dataclasses.replace(recipe, stages=tuple(stages), surgery=surgery, refit=cast(Any, refit))
    return Plan(chosen, tuple(strategies), tuple(objectives), tuple(criteria), tuple(notes))


def check_shards(plan: Plan, processes: int, pools: Mapping[str, Sized] = MappingProxyType({})) -> None:
    """Check that the batches can be divided among the processes.

    Args:
        plan: With everything chosen.
        processes: That divide each batch.
        pools: Those that the data has.

    Raises:
        UsageError: A stage's batch has fewer rows than there are processes, or must not be divided.
    """
    stages = zip(plan.recipe.stages, plan.strategies, plan.objectives, strict=True)
    for number, (stage, strategy, objective) in enumerate(stages):
        assert stage.batch_size is not None
        checks.check_whole(stage, strategy, objective, processes)
        rows = min(stream.rows(stage.batch_size) for stream in objective.streams_in(pools))
        if rows < processes:
            raise UsageError(
                f"Stage {number} has {rows} rows in a batch, fewer than the {processes} processes. "
                f"Use fewer processes or a larger batch ({option('batch-size')})."
            )


def _main(name: str, data: Dataset, stages: Sequence[Stage]) -> str:
    """Tell which of several targets counts."""
    rows = data.splits.get("validation")
    count = 0 if rows is None or name not in rows.targets else len(rows.of(name))
    others = [f"'{other}'" for other in data.task.predicted if other != name]
    helped = f"; {first_few(others)} {agree(len(others), 'help')}" if others else ""
    if all(stage.optimiser == SOLVE for stage in stages):
        chosen = "each head is solved by itself, and no step is chosen"
    elif count:
        chosen = f"steps are chosen by its {counted(count, 'validation rows')} alone{helped}"
    else:
        chosen = f"it has no validation rows, so that the last step is taken{helped}"
    return f"the target that counts is '{name}': {chosen}"


def _strategy(stage: Stage) -> Strategy:
    choice = stage.strategy or Choice(defaults.MANY_ROWS)
    return plugins.build("strategies", choice.name, choice.options)


def _objective(stage: Stage) -> Objective:
    name = stage.objective.name
    made = plugins.build("objectives", name, stage.objective.options)
    if not isinstance(made, Objective):
        raise UsageError(f"The objective '{name}' must derive from headstart.core.types.Objective.")
    return made


def _criterion(stage: Stage, objective: Objective) -> Criterion:
    choice = stage.criterion or Choice(objective.criterion)
    made: Criterion = plugins.build("criteria", choice.name, choice.options)
    if "test" in made.pools:
        raise UsageError(f"The criterion '{choice.name}' asks for the test rows, by which nothing may be chosen.")
    return made


def _choose(
    stage: Stage,
    strategy: Strategy,
    objective: Objective,
    head: Choice,
    data: Dataset,
    backbone: Backbone | None,
    shown: Callable[[str], tuple[str, str]],
) -> tuple[Stage, str]:
    """Fill in what the stage leaves open; give what to tell of the view, which `shown` chooses by the usual one."""
    augment, told = (stage.augment, "") if stage.augment is not None else shown(strategy.defaults.augment)
    ways = views.build(augment).ways if augment else 0
    fixed = min(stage.views or ways, ways or math.inf)
    stage = dataclasses.replace(stage, augment=augment, views=int(fixed) or stage.views)
    chosen = dataclasses.replace(
        stage,
        strategy=_with_options((stage.strategy or Choice(defaults.MANY_ROWS)).name, strategy),
        objective=_with_options(stage.objective.name, objective),
        sharing=stage.sharing and _with_options(stage.sharing.name, made(Scheme, stage.sharing)),
        combine=stage.combine and _with_options(stage.combine.name, made(Rule, stage.combine)),
        criterion=stage.criterion and Choice(stage.criterion.name, to_plain(_criterion(stage, objective))),
        optimiser=choose_optimiser(stage, strategy, objective, head, data.task.predicted),
        epochs=None,
    )
    if chosen.optimiser == SOLVE:
        rows = defaults.passed(objective, data)
        return dataclasses.replace(chosen, steps=1, batch_size=rows, evaluate=1), told
    batch_size, steps, evaluate = defaults.length(stage, strategy.defaults, objective, data)
    chosen = dataclasses.replace(
        chosen,
        steps=steps,
        lr=defaults.rate(strategy.defaults, backbone) if stage.lr is None else stage.lr,
        batch_size=batch_size,
        accumulate=min(stage.accumulate, batch_size),
        evaluate=evaluate,
    )
    return chosen, told


def _with_options(name: str, plugin: Any) -> Choice:
    return Choice(name, to_plain(plugin))
