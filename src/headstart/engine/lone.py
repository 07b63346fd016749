"""Norms over a batch that is a single value a channel: they keep to their stored averages, and it is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from headstart.core.errors import TrainingError, first_few
from headstart.core.interface import option
from headstart.core.types import Batch

if TYPE_CHECKING:
    from headstart.engine.build import BuiltStage

FAULT = "Expected more than 1"  # torch's, of a norm without stored averages


@contextmanager
def lone_values(built: BuiltStage, micro_batches: Sequence[Mapping[str, Batch]]) -> Iterator[None]:
    """Let batch norms that get one value a channel compute as in evaluation.

    Args:
        built: Its model and its objective's modules have the norms.
        micro_batches: Micro-batches of each stream; where all have two rows or more no norm is changed.

    Raises:
        TrainingError: A norm has no stored averages to keep to.
    """
    fewest = min(len(batch) for batches in micro_batches for batch in batches.values())
    lone: dict[str, nn.Module] = {}
    with ExitStack() as hooks:
        for part in (built.model, built.extra) if fewest == 1 else ():
            for name, module in part.named_modules():
                if isinstance(getattr(module, "running_mean", None), torch.Tensor):
                    for handle in _hooks(name, module, lone):
                        hooks.callback(handle.remove)
        try:
            yield
        except ValueError as error:
            if FAULT not in str(error):
                raise
            raise TrainingError(
                f"A norm has a single value a channel to compute with ({error}). Use {option('batch-size', 2)} or "
                "more, with at least two rows in each micro-batch (accumulate); an instance norm needs larger images, "
                f"as with {option('surgery', 'adapt_input size=…')}."
            ) from error
    if lone:
        built.tell_once(
            f"batch norm gets one value a channel from micro-batches of one row and keeps to its stored averages "
            f"({first_few(lone, most=3)}); a larger {option('batch-size')} or fewer micro-batches let it learn"
        )


def _hooks(name: str, module: nn.Module, lone: dict[str, nn.Module]) -> Iterator[Any]:
    """Put the module into evaluation mode for the calls that get one value a channel."""
    switched: list[bool] = []

    def before(_: nn.Module, args: tuple[Any, ...]) -> None:
        x = args[0]
        one = module.training and x.ndim > 1 and x.numel() == x.shape[1]
        switched.append(one)
        if one:
            lone[name] = module
            module.training = False

    def after(*_: Any) -> None:
        if switched.pop():
            module.training = True

    yield module.register_forward_pre_hook(before)
    yield module.register_forward_hook(after, always_call=True)
