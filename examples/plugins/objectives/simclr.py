"""SimCLR's contrast (Chen 2020, arXiv:2002.05709) with the keys of a moving-average teacher (He 2020).

Two strong views of each row: the student's projection of one is to find the teacher's of the other among the batch's.
"""

import copy
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional

from headstart.core.types import Loss, Objective, Stream


@dataclass(frozen=True)
class Simclr(Objective):
    """Contrast two views of each row with all others of the batch; no label is read."""

    temperature: float = 0.2
    decay: float = 0.9
    width: int = 8
    couples_rows: ClassVar[bool] = True
    criterion: ClassVar[str] = "last"

    @property
    def streams(self):
        """The training rows in two views."""
        return (Stream("train", labelled=False, views={"one": "strong", "other": "strong"}),)

    def modules(self, model):
        """Make the student's projection, and a teacher of backbone and projection that never learns."""
        projection = nn.Linear(model.backbone.dim, self.width)
        teacher = nn.ModuleList([copy.deepcopy(model.backbone), copy.deepcopy(projection)]).requires_grad_(False)
        return nn.ModuleDict({"projection": projection, "teacher": teacher})

    def losses(self, model, extra, batches, progress):
        """Compute the contrast."""
        views = batches["train"].views
        queries = extra["projection"](model.features(views["one"])["pooled"]).float()
        with torch.no_grad():
            backbone, projection = extra["teacher"]
            keys = projection(backbone(views["other"])["pooled"]).float()
        logits = functional.normalize(queries, dim=1) @ functional.normalize(keys, dim=1).T / self.temperature
        return {"contrast": Loss(functional.cross_entropy(logits, torch.arange(len(logits), device=logits.device)))}

    def after_step(self, model, extra):
        """Let the teacher follow."""
        student = nn.ModuleList([model.backbone, extra["projection"]])
        for teacher, learnt in zip(extra["teacher"].parameters(), student.parameters(), strict=True):
            teacher.lerp_(learnt, 1 - self.decay)
