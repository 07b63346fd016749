"""Let learn what is named, whatever the strategy freezes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from headstart.core.errors import first_few
from headstart.models.layers import find_parameters
from headstart.models.operate import Body


@dataclass(frozen=True)
class Unfreeze:
    """Let the parameters learn that `layers` names: stages, layers or parameters, or patterns of them."""

    structural: ClassVar[bool] = False
    layers: tuple[str, ...] = ()

    def apply(self, body: Body) -> Self:
        """Mark the parameters; the engine adds them to every strategy's groups. UsageError: a pattern fits nothing."""
        names = find_parameters(body.backbone, self.layers or ("",), "unfreeze")
        body.backbone.freeze_overrides = {**body.backbone.freeze_overrides, **dict.fromkeys(names, False)}
        body.note(f"learning on top of any strategy: {first_few(self.layers)} ({len(names)} tensors)")
        return self
