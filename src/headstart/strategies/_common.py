"""The common part of source and target, and the private part that starts anew."""

from __future__ import annotations

from torch import nn

from headstart.core.errors import UsageError, first_few
from headstart.models.load import rebuild
from headstart.models.model import Model


def split(model: Model, strategy: str, k: int | None) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Cut the backbone in two and give the second part fresh random weights.

    Args:
        model: Its backbone is cut.
        strategy: Who asks, for messages.
        k: Stages in the common part, from the input; None takes all but the last.

    Returns:
        The parameters of the common part and of the private part.

    Raises:
        UsageError: The backbone has no more than k stages, so that no private part would be left.
    """
    stages = model.backbone.stages()
    k = len(stages) - 1 if k is None else k
    if not 0 < k < len(stages):
        raise UsageError(
            f"{strategy}, k={k}: {model.backbone.card.name} has {len(stages)} stages ({first_few(stages)}); "
            f"the common part takes 1 to {len(stages) - 1}."
        )
    private = {name for stage in list(stages)[k:] for name in stages[stage]}
    modules = {name.rpartition(".")[0] for name in private}
    # statistics of a norm go with its weights
    renewed = private | {n for n, _ in model.backbone.named_buffers() if n.rpartition(".")[0] in modules}
    fresh, tensors = rebuild(model.backbone.card).state_dict(), model.backbone.state_dict()
    model.backbone.load_state_dict({name: fresh[name] if name in renewed else tensors[name] for name in tensors})
    parameters = dict(model.backbone.named_parameters())
    return (
        [p for name, p in parameters.items() if name not in private],
        [p for name, p in parameters.items() if name in private],
    )
