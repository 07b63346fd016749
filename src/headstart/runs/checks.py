"""What a stage asks of the data, the task and the processes: refused before any slow work where it is not there."""

from __future__ import annotations

from collections.abc import Sequence

from headstart import views
from headstart.core import plugins
from headstart.core.choosing import suits
from headstart.core.errors import UsageError, first_few
from headstart.core.interface import option
from headstart.core.recipe import Stage
from headstart.core.tuning import couples_rows
from headstart.core.types import Criterion, Form, Objective, Strategy, kind_of
from headstart.data.rows import Dataset
from headstart.data.streams import check_moves
from headstart.inputs import by_name


def check_forms(name: str, objective: Objective, data: Dataset) -> None:
    """Refuse targets of a form that the objective does not learn."""
    for target_name, target in data.task.predicted.items():
        if objective.forms and target.form not in objective.forms:
            fitting = [each for each in plugins.names("objectives") if _learns(each, target.form)]
            raise UsageError(
                f"The objective '{name}' does not learn '{target_name}', a {kind_of(target)} target. Objectives that "
                f"do: {first_few(fitting, most=20)} ({option('objective')})."
            )


def _learns(name: str, form: Form) -> bool:
    forms = getattr(plugins.load("objectives", name), "forms", ())
    return not forms or form in forms


def check_streams(name: str, objective: Objective, data: Dataset) -> None:
    """Refuse an objective whose streams have no rows in the data, or none with labels."""
    missing = [stream.pool for stream in objective.streams if stream.pool not in data.pools]
    if missing:
        raise UsageError(
            f"The objective '{name}' needs rows for {first_few(missing)}; the data has {first_few(data.pools)}. "
            f"For two domains give {option('source-domain')} and {option('target-domain')} (DOMAIN/CLASS folders, or a "
            f"column `domain`); for rows without labels {option('unlabelled')}, a folder `unlabelled`, or "
            f"{option('blank-labels', 'unlabelled')}.{_others(name, objective, data)}"
        )
    bare = [stream.pool for stream in objective.streams if stream.labelled and not data.pools[stream.pool].labels]
    if bare:
        raise UsageError(
            f"The objective '{name}' needs labels, and the rows of {first_few(bare)} have none. "
            f"Without labels name another objective ({option('objective')}), one that learns from examples alone "
            "(docs/other-data.md)."
        )


def _others(name: str, objective: Objective, data: Dataset) -> str:
    """Say that an objective without labels can take the training rows, where it has an option for it."""
    fits = hasattr(objective, "pool") and not any(stream.labelled for stream in objective.streams)
    example = option("objective", f"{name} pool=train")
    return f" It takes the training rows, without their labels, by {example}." if fits and "train" in data.pools else ""


def check_pools(name: str, criterion: Criterion, data: Dataset) -> None:
    """Refuse a criterion without its rows; without validation rows the last step counts, as is told elsewhere."""
    known = [*data.pools, *(split for split in data.splits if split not in (*data.pools, "test"))]
    missing = [pool for pool in criterion.pools if pool not in (*known, "validation")]
    if missing:
        raise UsageError(
            f"The criterion '{name}' needs rows for {first_few(missing)}; the data has {first_few(known)}. "
            f"Choose another: {option('criterion')} (headstart list criteria)."
        )
    forms: tuple[str, ...] = getattr(criterion, "forms", ())
    if not suits(criterion, [target.form for target in data.task.predicted.values()]):
        raise UsageError(
            f"The criterion '{name}' is for targets of the form {first_few(forms)}; the task is "
            f"{data.task.sentence()}. Choose another: {option('criterion')} (headstart list criteria)."
        )


def check_average(stage: Stage, criterion: Criterion, data: Dataset) -> None:
    """Refuse an average by the validation loss where no criterion looks at validation rows."""
    if stage.swad and not ("validation" in criterion.pools and "validation" in data.splits):
        raise UsageError(
            "swad averages the weights by the loss of validation rows, and "
            f"{'there are none' if 'validation' in criterion.pools else 'the criterion looks at others'}. "
            f"Use ema=0.999, which needs none, or {option('criterion', 'validation')} and {option('validation', 0.15)}."
        )


def check_whole(stage: Stage, strategy: Strategy, objective: Objective, processes: int) -> None:
    """Refuse to cut a batch whose rows are compared with each other."""
    if stage.accumulate == 1 and processes == 1:
        return
    if objective.couples_rows:
        whose = f"objective '{stage.objective.name}'"
    elif couples_rows(strategy):
        whose = f"strategy '{stage.strategy.name if stage.strategy else ''}'"
    else:
        return
    cut, mend = (
        (
            f"accumulate = {stage.accumulate} would cut it into micro-batches",
            f"accumulate = 1 and a smaller batch ({option('batch-size')})",
        )
        if stage.accumulate > 1
        else (
            f"{processes} processes would divide it",
            f"one process, with a batch that fits its memory ({option('batch-size')})",
        )
    )
    raise UsageError(
        f"The {whose} compares the rows of a batch with each other: {cut}, which changes what is minimised. Use {mend}."
    )


def check_several(stage: Stage, objective: Objective, data: Dataset) -> None:
    """Refuse a single row where the rows of a batch are compared with each other."""
    for stream in objective.streams if objective.couples_rows else ():
        if (rows := min(stream.rows(stage.batch_size or 1), len(data.pools[stream.pool]))) < 2:
            raise UsageError(
                f"The objective '{stage.objective.name}' compares the rows of a batch with each other, and a batch of "
                f"'{stream.name}' has {rows}. Use {option('batch-size', 2)} or more, and more rows than one."
            )


def check_view(augment: str, objective: Objective, data: Dataset) -> None:
    """Refuse a view that cannot show such examples, or that does more than move labels which lie over them."""
    views.check_kind(augment, by_name(data.task.modality))
    for stream in objective.streams_in(data.pools):
        if stream.labelled and any(target.dense for target in data.task.predicted.values()):
            check_moves(stream, {key: views.build(view) for key, view in stream.shown(augment).items()})


def check_imbalance(kind: str, objective: Objective, data: Dataset) -> None:
    """Refuse a way of making up for rare classes that fits none of the targets."""
    refusals = []
    for target in data.task.predicted.values():
        try:
            target.check_imbalance(kind, objective.loss_options)
        except UsageError as error:
            refusals.append(error)
    if refusals and len(refusals) == len(data.task.predicted):
        raise refusals[0]


def check_learnt(objectives: Sequence[Objective], data: Dataset) -> None:
    """Refuse a task that no stage learns."""
    learnt = {objective.only for objective in objectives}
    left = [] if None in learnt else [name for name in data.task.predicted if name not in learnt]
    if left:
        raise UsageError(
            f"No stage learns {first_few(left)}: each has an objective with only=TASK. Add a stage or leave it away."
        )
