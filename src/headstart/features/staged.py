"""A network without a graph, cut after the last of the modules that run before anything that learns.

Such a network decides in Python, by its numbers, what it computes. It is run as a whole at each step, and the modules
before the cut give at once what was kept, or blanks of the right shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree
from torch.utils.flop_counter import FlopCounterMode

from headstart.core.types import Features
from headstart.features.graphs import Untraceable
from headstart.models.model import Backbone


class _Enough(Exception):
    pass


@dataclass(frozen=True)
class Staged:
    """A backbone cut in two, with the members of `headstart.features.tracing.Traced` that training needs.

    Attributes:
        backbone: The network as it stands.
        skipped: The outermost modules that run before the cut, with what each gave to `example`; the last is kept.
        example: The batch's x that it was found with.
        share: What part of a forward pass is done once, in [0, 1].
        ragged: Whether the second axis of what is kept is the number of tokens.
        code: Empty: what it computes cannot be named, so nothing is kept for other runs.
        needs_x: Always, as the network's own code may look at it.
    """

    backbone: Backbone
    skipped: Sequence[tuple[nn.Module, Any]]
    example: Any
    share: float
    ragged: tuple[bool, ...]
    code: str = ""
    needs_x: bool = True

    @property
    def row_bytes(self) -> float:
        """Bytes that are kept of a row."""
        kept = self.skipped[-1][1]
        return kept.nbytes / len(kept)

    @property
    def tensors(self) -> dict[str, torch.Tensor]:
        """All that the constant part computes with; nothing, as it has no name."""
        return {}

    def before(self, x: Any) -> list[torch.Tensor]:
        """Compute what is kept of a batch, tensors [B, …]. Untraceable: other modules run before the cut."""
        modules = [module for module, _ in self.skipped]
        called: list[nn.Module] = []
        found: list[torch.Tensor] = []

        def ends(module: nn.Module, _: Any, out: Any) -> None:
            called.append(module)
            if module is modules[-1]:
                found.append(out)
                raise _Enough

        hooks = [module.register_forward_hook(ends) for module in modules]
        try:
            with suppress(_Enough):
                self.backbone(x)
        finally:
            for hook in hooks:
                hook.remove()
        if list(map(id, called)) != list(map(id, modules)):
            raise Untraceable("it does not run the same modules for all examples")
        return found

    def after(self, x: Any, kept: Sequence[torch.Tensor], *, training: bool) -> Features:
        """Compute the features of a batch from what was kept of it, in the modes that the backbone is in."""
        own, was = (pytree.tree_leaves(each)[0].shape for each in (x, self.example))

        def blank(tensor: torch.Tensor) -> torch.Tensor:
            follows = self.ragged[0] and tensor.ndim > 1 and tensor.shape[1] == was[1]
            sizes = (own[0], own[1], *tensor.shape[2:]) if follows else (own[0], *tensor.shape[1:])
            return _laid_out(tensor.new_zeros(()).expand(sizes), tensor)

        gives = [pytree.tree_map_only(torch.Tensor, blank, out) for _, out in self.skipped[:-1]]
        with _giving([module for module, _ in self.skipped], [*gives, _laid_out(kept[0], self.skipped[-1][1])]):
            return self.backbone(x)


def stage(backbone: Backbone, x: Any, learning: Iterable[nn.Parameter], *, tokens: bool) -> Staged:
    """Cut a backbone after the last module that runs before anything that learns.

    Args:
        backbone: In the modes that it trains in.
        x: A batch of two rows or more.
        learning: Every parameter that may learn.
        tokens: Whether the second axis of all tensors of x is a number of tokens that differs between batches.

    Returns:
        The cut.

    Raises:
        Untraceable: There is no such module.
    """
    skipped = _before(backbone, x, {id(parameter) for parameter in learning})
    first = pytree.tree_leaves(x)[0]
    while skipped and not _is_by_row(skipped[-1][1], len(first)):
        skipped.pop()
    if not skipped or len({id(module) for module, _ in skipped}) < len(skipped):
        raise Untraceable("no module in it runs once and before all that learns")
    kept = skipped[-1][1]
    made = Staged(backbone, skipped, x, 0.0, (tokens and kept.ndim > 1 and kept.shape[1] == first.shape[1],))
    whole, rest = _operations(lambda: backbone(x)), _operations(lambda: made.after(x, [kept], training=True))
    return replace(made, share=1 - rest / max(whole, 1.0))


def _before(backbone: Backbone, x: Any, learns: set[int]) -> list[tuple[nn.Module, Any]]:
    """Run the network; return the outermost modules that end before anything varies, with what they give."""
    done: list[tuple[nn.Module, Any]] = []
    opened: list[int] = []
    called: set[int] = set()
    varied = False

    def starts(module: nn.Module, _: Any) -> None:
        nonlocal varied
        varies = any(id(each) in learns for each in module.parameters(recurse=False))
        varied = varied or varies or (module.training and not any(module.children()))
        called.add(id(module))
        opened.append(len(done))

    def ends(module: nn.Module, _: Any, out: Any) -> None:
        start = opened.pop()
        if not varied:
            done[start:] = [(module, out)]

    hooks = [each.register_forward_pre_hook(starts) for each in backbone.modules()]
    hooks += [each.register_forward_hook(ends) for each in backbone.modules()]
    try:
        with torch.no_grad():
            backbone(x)
    finally:
        for hook in hooks:
            hook.remove()
    for module in backbone.modules():
        if id(module) not in called and any(id(each) in learns for each in module.parameters(recurse=False)):
            raise Untraceable("a parameter that learns belongs to a module that is not called")
    return done


def _is_by_row(out: Any, rows: int) -> bool:
    return isinstance(out, torch.Tensor) and out.shape[:1] == (rows,)


def _operations(run: Callable[[], Any]) -> float:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        run()
    return float(counter.get_total_flops())


def _laid_out(tensor: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Put a tensor's numbers into memory in the order of another one, which views of it rely on."""
    order = sorted(range(like.ndim), key=lambda axis: -like.stride(axis))
    return tensor.permute(order).contiguous().permute([order.index(axis) for axis in range(like.ndim)])


@contextmanager
def _giving(modules: Sequence[nn.Module], values: Sequence[Any]) -> Iterator[None]:
    """Let modules give these values, whatever they are called with."""
    for module, value in zip(modules, values, strict=True):
        module.forward = lambda *_, value=value, **__: value
    try:
        yield
    finally:
        for module in modules:
            del module.forward
