"""Whether a stage's heads are solved or trained by steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headstart import views
from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.core.recipe import Stage
from headstart.core.seeding import torch_seeded
from headstart.core.types import Objective, Solving, Strategy, Target
from headstart.engine.optimisers import SOLVE
from headstart.models.model import Head

USUAL = "adamw"
OF_STEPS = (  # settings of a stage that have a meaning for steps alone
    *(
        "epochs",
        "lr",
        "accumulate",
        "weight_decay",
        "l1",
        "l2",
        "schedule",
        "warmup",
        "ema",
        "clip",
        "patience",
        "combine",
    ),
)
CHOSEN = ("steps", "batch_size", "evaluate")  # as OF_STEPS, but planned for a stage that is solved, too


def choose_optimiser(
    stage: Stage, strategy: Strategy, objective: Objective, head: Choice, targets: Mapping[str, Target]
) -> str:
    """Choose what finds a stage's weights, where the recipe leaves it open: "solve" if nothing speaks against it.

    Args:
        stage: Its view is chosen.
        strategy: Says whether only heads learn.
        objective: Says whether the heads' loss is all that is minimised.
        head: The recipe's.
        targets: That are predicted.

    Returns:
        "solve", or an optimiser of torch.

    Raises:
        UsageError: "solve" was asked for or is the only way, and cannot be; the reason is told.
    """
    options = plugins.build("heads", head.name, head.options)
    with torch_seeded("solves"):  # building draws weights, which nobody sees
        heads: list[Head] = [options.build(1, target) for target in targets.values()]
    by_steps = objective.learns_by_steps and all(each.learns_by_steps for each in heads)
    if stage.optimiser not in ("auto", SOLVE) and by_steps:
        return stage.optimiser
    reason = _against(stage, strategy, objective, head.name, heads)
    if reason is None and stage.optimiser in ("auto", SOLVE):
        return SOLVE
    if not by_steps:
        raise UsageError(
            f"{_solved(stage, objective, head)} is solved and cannot be trained by steps, but "
            f"{reason or f'the optimiser is {stage.optimiser!r}'}. Use the strategy linear_probe, or another "
            f"{'head' if objective.learns_by_steps else 'objective'} "
            f"({option('head' if objective.learns_by_steps else 'objective')})."
        )
    if stage.optimiser == SOLVE:
        raise UsageError(f"optimiser = '{SOLVE}' cannot be used: {reason}. Leave it away, or set it to '{USUAL}'.")
    return USUAL


def _solved(stage: Stage, objective: Objective, head: Choice) -> str:
    """Name what is only solved."""
    return f"The head '{head.name}'" if objective.learns_by_steps else f"The objective '{stage.objective.name}'"


def _against(stage: Stage, strategy: Strategy, objective: Objective, name: str, heads: Sequence[Head]) -> str | None:
    """Say why heads have to be trained by steps; None where they need not."""
    if strategy.defaults.optimiser != SOLVE:
        return f"the strategy '{stage.strategy.name if stage.strategy else ''}' moves more than heads"
    if not objective.is_heads_loss or not heads:
        return f"the objective '{stage.objective.name}' minimises more than the heads' loss"
    if objective.only is not None:
        return f"the objective '{stage.objective.name}' learns one of the tasks"
    if stage.augment != views.PLAIN:
        return f"the view '{stage.augment}' shows each row in many ways"
    usual = Stage()
    settings = OF_STEPS if stage.optimiser == SOLVE else (*CHOSEN, *OF_STEPS)
    asked = [name for name in settings if getattr(stage, name) != getattr(usual, name)]
    if asked:
        return f"{', '.join(asked)} {'is' if len(asked) == 1 else 'are'} for training by steps"
    unfit = [head for head in heads if not head.solves(Solving(objective.loss_options, stage.imbalance))]
    return f"the head '{name}' has no solution for this loss" if unfit else None
