"""One network that all targets pass in step: a tensor of which each target has one, and what is computed of it.

Where the targets go through a network one after the other, none knows what another has in the middle of it. Here the
network is run once, with such tensors in the place of its own: every operation on one of them is done for each target,
and gives one again. What all targets have in common is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from headstart.core.errors import UsageError
from headstart.core.learning import map_tensors


class Each(torch.Tensor):
    """Tensors of the same shape, one a target; it has no values itself.

    Args:
        parts: Those of the targets, in order.
    """

    parts: tuple[torch.Tensor, ...]

    @staticmethod
    def __new__(cls, parts: Sequence[torch.Tensor]) -> Each:
        like = parts[0]
        made = torch.Tensor._make_wrapper_subclass(cls, like.shape, dtype=like.dtype, device=like.device)
        made.parts = tuple(parts)
        return made

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = (args, dict(kwargs or {}))
        changed = kwargs["out"] if kwargs and "out" in kwargs else args[0] if args and _is_in_place(func) else None
        if isinstance(changed, torch.Tensor) and not isinstance(changed, Each):
            raise _not_so(func, "puts what is each target's own into a tensor that all have in common")
        found = []
        for k in range(count_of(given)):
            own, named = part_of(given, k)
            found.append(func(*own, **named))
        return _together(func, found)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise _not_so(func, "cannot be done for each target")


def part_of(value: Any, place: int) -> Any:
    """Take one target's part of each `Each` in nested dicts, lists and tuples; anything else stays."""
    return map_tensors(value, lambda tensor: tensor.parts[place] if isinstance(tensor, Each) else tensor)


def count_of(value: Any) -> int:
    """Count the targets of the first `Each` in nested dicts, lists and tuples; 0 without any."""
    if isinstance(value, Each):
        return len(value.parts)
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return next((count for inner in value if (count := count_of(inner))), 0)
    return 0


def _together(func: Any, found: Sequence[Any]) -> Any:
    """Make one of what an operation gave for each target: tensors, sequences of them, or what is the same for all."""
    like = found[0]
    if isinstance(like, torch.Tensor):
        return Each(found)
    if isinstance(like, list | tuple) and not isinstance(like, torch.Size):
        inner = [_together(func, each) for each in zip(*found, strict=True)]
        return type(like)(inner)  # also what torch gives with names, such as values and indices
    if any(other != like for other in found[1:]):
        raise _not_so(func, "steers the network by values, which differ between targets")
    return like


def _is_in_place(func: Any) -> bool:
    name = getattr(func, "__name__", "")
    return name.startswith(("__set", "__i")) or (name.endswith("_") and not name.endswith("__"))


def _not_so(func: Any, why: str) -> UsageError:
    return UsageError(
        f"The targets cannot pass this network in step: its operation '{getattr(func, '__name__', func)}' {why}. "
        "Choose another scheme."
    )
