"""Return a layer or a stage another name, which strategies, later operations and the saved weights use from then on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from headstart.core.errors import UsageError
from headstart.models.dryrun import root
from headstart.models.layers import get, layer_names, no_layer
from headstart.models.operate import Body
from headstart.models.surgery._around import inner_forward
from headstart.models.surgery.cut import Until


@dataclass(frozen=True)
class Rename:
    """Rename a `layer` or a stage: the last part of its name becomes `to`. A stage of the layer's name follows it."""

    structural: ClassVar[bool] = True
    layer: str = ""
    to: str = ""

    def apply(self, body: Body) -> Self:
        """Register the layer under its new name; the network's own code goes on finding it under the old one.
        UsageError: there is no such layer or stage, or the new name is taken or has a dot.
        """
        backbone = body.backbone
        if not self.to.isidentifier():
            raise UsageError(f"rename needs `to`, a name of letters, digits and _; got '{self.to}'.")
        top, prefix = root(backbone)
        names = layer_names(backbone)
        layer = self.layer.removeprefix("net.") if "net" not in names else self.layer
        parent_name, _, own = layer.rpartition(".")
        new = f"{parent_name}.{self.to}" if parent_name else self.to
        stages = backbone.stages()
        if layer not in names and layer not in stages:
            raise no_layer(backbone, layer, "rename")
        if new in names or new in stages:
            raise UsageError(f"rename: there is a layer or stage '{new}' already.")
        if layer in stages:
            body.renamed[f"stage:{layer}"] = new
        if layer in names:
            parent, module = get(backbone, parent_name), get(backbone, layer)
            if hasattr(parent, self.to):
                raise UsageError(f"rename: '{parent_name or type(top).__name__}' has something called '{self.to}'.")
            old, name = f"{prefix}{layer}.", f"{prefix}{new}."
            for tensor, _ in module.named_parameters():
                body.renamed[old + tensor] = name + tensor
            backbone.freeze_overrides = {
                body.renamed.get(n, n): frozen for n, frozen in backbone.freeze_overrides.items()
            }
            parent._modules = {(self.to if key == own else key): value for key, value in parent._modules.items()}
            cut = inner_forward(backbone)  # finds its layer by name
            if isinstance(cut, Until) and f"{cut.layer}.".startswith(f"{layer}."):
                cut.layer = new + cut.layer.removeprefix(layer)
            if own.isidentifier():
                object.__setattr__(parent, own, module)
        body.note(f"renamed {layer} to {new}")
        return self
