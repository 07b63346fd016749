"""The rule and the scheme of a stage: whether there are several losses to combine, and targets to divide among."""

from __future__ import annotations

from typing import TypeVar

from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.core.recipe import Stage
from headstart.core.types import Objective, Rule, Scheme, Task
from headstart.engine.optimisers import SOLVE

T = TypeVar("T", Rule, Scheme)


def made(kind: type[T], choice: Choice) -> T:
    """Make a rule or a scheme of its name and options.

    Args:
        kind: `Rule` or `Scheme`.
        choice: A file of `combine/` or `sharing/`.

    Returns:
        The plug-in.

    Raises:
        UsageError: There is none of that name, an option is wrong, or it is of another type.
    """
    folder = "combine" if kind is Rule else "sharing"
    found = plugins.build(folder, choice.name, choice.options)
    if not isinstance(found, kind):
        raise UsageError(
            f"The {plugins.SINGULAR[folder]} '{choice.name}' must derive from headstart.core.types.{kind.__name__}."
        )
    return found


def check_rule(stage: Stage, objective: Objective, task: Task) -> None:
    """Refuse a rule where there are no steps, or one loss alone.

    Args:
        stage: May have a rule.
        objective: Of the stage.
        task: What is learnt.

    Raises:
        UsageError: There is nothing to combine, or no such rule.
    """
    if stage.combine is None:
        return
    made(Rule, stage.combine)
    if stage.optimiser == SOLVE or not objective.learns_by_steps:
        raise UsageError(f"Solved heads take no steps in which '{stage.combine.name}' could combine losses.")
    if objective.is_heads_loss and (len(task.predicted) < 2 or objective.only is not None):
        raise UsageError(
            f"The rule '{stage.combine.name}' combines several losses, and '{stage.objective.name}' has one here. "
            f"Leave {option('combine')} away, name several targets, or choose an objective of several losses."
        )
    if len(task.predicted) > 1 and len(objective.turn(dict.fromkeys(task.predicted, 1), 0)) < 2:
        raise UsageError(
            f"The rule '{stage.combine.name}' combines the losses of one step, and '{stage.objective.name}' takes one "
            f"task a step here. Leave {option('combine')} or the alternating away."
        )


def check_scheme(stage: Stage, task: Task) -> None:
    """Refuse a scheme for several targets where there is one.

    Args:
        stage: May have a scheme.
        task: What is learnt.

    Raises:
        UsageError: There is nothing to divide, or no such scheme.
    """
    if stage.sharing is None:
        return
    made(Scheme, stage.sharing)
    if stage.optimiser == SOLVE:
        raise UsageError(f"Solved heads move nothing that '{stage.sharing.name}' could divide.")
    if len(task.predicted) < 2:
        raise UsageError(
            f"The scheme '{stage.sharing.name}' divides a network among several targets, and there is one. Leave "
            f"{option('sharing')} away, or name several targets."
        )
