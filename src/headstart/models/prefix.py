"""What the first tokens of an image transformer are: class, distillation and register tokens, before its patches."""

from __future__ import annotations

from torch import nn

from headstart.core.types import Prefix, PrefixToken

NAMES: dict[PrefixToken, tuple[str, ...]] = {  # of the parameters that timm and transformers keep them in
    "class": ("cls_token", "class_token", "class_embedding"),
    "distillation": ("dist_token", "distillation_token"),
    "register": ("reg_token", "register_tokens"),
}


def prefix_of(net: nn.Module, count: int | None = None) -> Prefix:
    """Find the tokens that a network puts before those of the patches.

    Args:
        net: A network of timm or transformers.
        count: How many there are, where the network says it.

    Returns:
        What each of them is, in order; () where the patches come first.
    """
    parameters = {name.rpartition(".")[2]: parameter for name, parameter in net.named_parameters()}
    found: list[PrefixToken] = []
    for kind, names in NAMES.items():
        for parameter in (parameters[name] for name in names if name in parameters):
            tokens = parameter.shape[-2] if parameter.ndim > 1 else 1  # [1, tokens, D], or [D] of a single one
            found.extend(kind for _ in range(tokens))
    if count is None:
        return tuple(found)
    found.extend("register" for _ in range(count - len(found)))
    return tuple(found[:count])
