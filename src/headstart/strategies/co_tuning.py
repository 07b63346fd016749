"""Co-tuning: the source's head learns along, on the source classes that a target class stands for (You 2020, NeurIPS).

The relation p(source class | target class) is their "direct approach", algorithm 1 without its calibration: the mean of
the source model's probabilities over the training rows of each target class. Calibration needs source data, which is
not there; `temperature` takes its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional

from headstart.core.learning import where_known
from headstart.core.types import TARGET, Batch, Defaults, ForwardPass, ParamGroup, Tuning
from headstart.models.model import Model
from headstart.strategies._groups import backbone_group, head_group
from headstart.strategies._rates import FINE_TUNING
from headstart.strategies._source import class_heads, mean, source_head


@dataclass(frozen=True)
class CoTuning:
    """All stages and both heads learn; the source's head on soft source labels of each target class.

    Needs the source task's classifier, which is thrown away afterwards, and a task of one class a row. weight: weight
    of the source head's loss. temperature: divides the source's logits where the relation is learnt. head_lr: the new
    head learns so many times faster.
    """

    weight: float = 2.3
    temperature: float = 1.0
    head_lr: float = 10.0
    defaults: ClassVar[Defaults] = FINE_TUNING

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise ValueError(f"temperature must be above 0; it is {self.temperature}.")

    def prepare(self, model: Model) -> Tuning:
        """Put the source's head beside the new ones. UsageError: the source brings no classifier, or no target is one
        of classes.
        """
        heads = class_heads(model, "co_tuning")
        head = source_head(model, "co_tuning")
        model.add_module("source_head", head)
        relations: dict[str, torch.Tensor] = {}

        def survey(rows: Callable[[], Iterable[Batch]]) -> None:
            for name, new in heads.items():
                classes = len(new.target.classes)
                relations[name] = category_relation(model, head, rows(), classes, self.temperature, target=name)

        def watch(passes: Sequence[ForwardPass]) -> torch.Tensor:
            losses = []
            for seen in passes:
                for name, labels in seen.labels.items():
                    pooled, y = (where_known(part, seen.known.get(name)) for part in (seen.features["pooled"], labels))
                    if name in relations and len(y):
                        soft = functional.cross_entropy(head(pooled).float(), relations[name][y])
                        losses.append(soft * (len(y) / len(labels)))
            return self.weight * mean(losses, model)

        def merge() -> None:
            del model.source_head

        groups = [backbone_group(model), ParamGroup(list(head.parameters())), head_group(model, self.head_lr)]
        return Tuning(groups, survey=survey, watch=watch, merge=merge)


@torch.no_grad()
def category_relation(
    model: Model,
    head: nn.Module,
    batches: Iterable[Batch],
    classes: int,
    temperature: float = 1.0,
    *,
    target: str = TARGET,
) -> torch.Tensor:
    """Estimate p(source class | target class).

    Args:
        model: Gives the features, in evaluation mode.
        head: The source task's classifier, [B, D] to [B, S].
        batches: Labelled rows of the target.
        classes: Number C of target classes.
        temperature: Divides the logits.
        target: The target whose classes they are.

    Returns:
        [C, S], each row a distribution; an even one for a class without rows.
    """
    sums, counts = None, torch.zeros(classes)
    for batch in batches:
        found = (batch.labels[target], model.features(batch.x)["pooled"])
        y, pooled = (where_known(part, batch.known.get(target)) for part in found)
        answers = (head(pooled) / temperature).softmax(dim=1).double()  # [B, S]
        if sums is None:
            sums = answers.new_zeros(classes, answers.shape[1])
            counts = answers.new_zeros(classes)
        sums.index_add_(0, y, answers)
        counts.index_add_(0, y, torch.ones_like(y, dtype=answers.dtype))
    assert sums is not None, "no labelled rows"
    even = torch.full_like(sums, 1 / sums.shape[1])
    return torch.where(counts[:, None] > 0, sums / counts[:, None].clamp(min=1), even).float()
