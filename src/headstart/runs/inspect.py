"""Inspect: load a source, do its surgery, apply a strategy, and describe the network. Nothing is trained."""

from __future__ import annotations

from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.errors import UsageError
from headstart.core.recipe import Recipe
from headstart.core.seeding import torch_seeded
from headstart.core.types import TARGET, Event, Listener, Strategy, silent
from headstart.engine.freezing import apply_freezes, let_learn
from headstart.models.load import load_source
from headstart.models.model import Model
from headstart.models.operate import build, operate
from headstart.models.tree import Inspection, inspect_network
from headstart.targets.binary import Binary


def inspect_recipe(recipe: Recipe, strategy: Choice | None = None, listen: Listener = silent) -> Inspection:
    """Describe the network of a recipe.

    Args:
        recipe: Its source, surgery and head count.
        strategy: Decides what learns, with a head for two classes; None describes the backbone alone.
        listen: Is told what the surgery did.

    Returns:
        The tree.

    Raises:
        UsageError: A name, an option or an operation is wrong.
        SourceError: The source cannot be loaded.
    """
    if recipe.source is None:
        raise UsageError("Name a source to inspect, such as timm:resnet18.")
    with torch_seeded(recipe.seed, "source"):
        backbone = load_source(recipe.source.name, recipe.source.options)
    if recipe.surgery:
        operated = operate(backbone, [build(choice) for choice in recipe.surgery], seed=recipe.seed)
        backbone = operated.backbone
        for note in operated.notes:
            listen(note)
    if strategy is None:
        return inspect_network(backbone)
    chosen: Strategy = plugins.build("strategies", strategy.name, strategy.options)
    target = Binary(("label",), ("a", "b"))
    head = plugins.build("heads", recipe.head.name, recipe.head.options).build(backbone.dim, target)
    model = Model(backbone, {TARGET: head})
    tuning = chosen.prepare(model)
    tuning.groups = apply_freezes(backbone, tuning.groups)
    let_learn(model, tuning)
    if tuning.survey is not None:
        listen(
            Event("note", f"{strategy.name} looks at the training rows first, and may let less learn than is shown.")
        )
    if any(group.start for group in tuning.groups):
        listen(Event("note", f"{strategy.name} lets parts learn one after another; shown is the end of its stage."))
    return inspect_network(model)
