"""What the first tokens of an image transformer are: class, distillation and register tokens, before its patches."""

from __future__ import annotations

from torch import nn

from headstart.core.types import PrefixToken

NAMES: dict[PrefixToken, tuple[str, ...]] = {  # of the parameters that timm and transformers keep them in
    "class": ("cls_token", "class_token", "class_embedding"),
    "distillation": ("dist_token", "distillation_token"),
    "register": ("reg_token", "register_tokens"),
}


def prefix_of(net: nn.Module, count: int | None = None) -> tuple[PrefixToken, ...]:
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
        for name in names:
            if name in parameters:  # [1, tokens, D]; a class_embedding is [D]
                found += [kind] * (parameters[name].shape[-2] if parameters[name].ndim > 1 else 1)
    if count is None:
        return tuple(found)
    return tuple([*found, *["register"] * count][:count])  # pyright: ignore[reportReturnType]
