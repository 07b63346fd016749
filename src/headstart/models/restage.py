"""Keep a backbone's stages through surgery: what stays keeps its stage, what is new joins the stage where it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headstart.core.errors import UsageError
from headstart.models.dryrun import Trace, root
from headstart.models.model import Backbone
from headstart.models.stages import Stages


@dataclass(frozen=True)
class FixedStages:
    """Replaces a backbone's method `stages`, which knows only the names from before the surgery."""

    parameters: Stages

    def __call__(self) -> Stages:
        """Return the names of the parameters by stage."""
        return dict(self.parameters)


def restage(backbone: Backbone, stages: Stages, names: Sequence[str], renamed: Mapping[str, str], trace: Trace) -> None:
    """Set a backbone's stages after an operation.

    Args:
        backbone: The backbone after the operation.
        stages: The stages before the operation, perhaps under new names.
        names: All parameters before the operation; those in no stage (a strategy's own modules) stay in none.
        renamed: New names of parameters by the old ones; of stages as "stage:OLD" to "NEW".
        trace: The dry run after the operation.

    Raises:
        UsageError: No parameter is left.
    """
    stage_of = {
        renamed.get(name, name): renamed.get(f"stage:{stage}", stage) for stage, own in stages.items() for name in own
    }
    before = {renamed.get(name, name) for name in names}
    left = {name for name, _ in backbone.named_parameters()}
    if not left:
        raise UsageError("The operation leaves no parameter in the backbone. Nothing was changed.")
    order = {name: place for place, name in enumerate(stage_of)}
    for name in left - before:
        stage_of[name] = _stage_at(name, {n: s for n, s in stage_of.items() if n in before}, trace, root(backbone)[1])
    kept: dict[str, list[str]] = {renamed.get(f"stage:{stage}", stage): [] for stage in stages}
    for name in sorted(left & set(stage_of), key=lambda n: order.get(n, len(order))):
        kept[stage_of[name]].append(name)
    fixed = FixedStages({stage: tuple(own) for stage, own in kept.items() if own})
    object.__setattr__(backbone, "stages", fixed)


def _stage_at(name: str, known: Mapping[str, str], trace: Trace, prefix: str) -> str:
    """Find the stage of a new parameter: that of its nearest neighbours by name, else of the layer called before it."""
    parts = name.split(".")
    shared = {other: _common(parts, other.split(".")) for other in known}
    longest = max(shared.values(), default=0)
    near = {known[other] for other, count in shared.items() if count == longest}
    if longest and len(near) == 1:
        return near.pop()
    layer = name.removeprefix(prefix).rpartition(".")[0]
    start = trace.calls[layer].start if layer in trace.calls else 0
    earlier = [
        (call.start, known[other])
        for called, call in trace.calls.items()
        if call.start < start
        for other in known
        if other.rpartition(".")[0] == f"{prefix}{called}"
    ]
    return max(earlier)[1] if earlier else next(iter(known.values()))


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    """Count the parts that two names share from the start."""
    pairs = zip(first, second, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))
