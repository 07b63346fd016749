"""WiSE-FT: full fine-tuning, then weights between the start and the end (Wortsman 2022, arXiv:2109.01903, eq. 1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from headstart.core.types import Batch, Defaults, Tuning
from headstart.models.model import Model
from headstart.models.norms import measure_norms
from headstart.strategies._groups import backbone_group, head_group
from headstart.strategies._rates import FINE_TUNING
from headstart.strategies._source import Start

STEPS = 10  # alphas that are tried on validation: 1, 0.9 … 0
WITHOUT_VALIDATION = 0.5  # the paper's recommendation


@dataclass(frozen=True)
class WiseFt:
    """All stages learn; then every weight becomes (1 - alpha) times its start plus alpha times its end.

    alpha None takes the best on validation, and 0.5 where there are no validation rows. The start of the head counts as
    well: put a `linear_probe` stage before, so that it is a good one. head_lr: the head learns so many times faster.
    Batch norm's statistics are not blended: those of the blended network are computed from the training rows, as for
    averaged weights (Izmailov et al. 2018, arXiv:1803.05407, section 3.3).
    """

    alpha: float | None = None
    head_lr: float = 10.0
    defaults: ClassVar[Defaults] = FINE_TUNING

    def __post_init__(self) -> None:
        if self.alpha is not None and not 0 <= self.alpha <= 1:
            raise ValueError(f"alpha must be in [0, 1]; it is {self.alpha}.")

    def prepare(self, model: Model) -> Tuning:
        """Let every parameter learn, and remember where it starts."""
        start = Start([tensor for tensor in model.state_dict().values() if tensor.is_floating_point()])
        names = [name for name, tensor in model.state_dict().items() if tensor.is_floating_point()]
        norms = [module for module in model.backbone.modules() if isinstance(module, _BatchNorm)]
        training_rows: list[Callable[[], Iterable[Batch]]] = []

        def survey(rows: Callable[[], Iterable[Batch]]) -> None:
            next(iter(rows()))  # refuses an objective without labelled rows now, not after training
            training_rows.append(rows)

        def select(score: Callable[[], float | None]) -> str:
            start.now = [model.state_dict()[name] for name in names]  # moving to a device may have made new buffers
            ends = [(now, then, now.clone()) for now, then in start.pairs()]
            moved = {now.data_ptr() for now, then, _ in ends if not torch.equal(now, then)}
            learnt = [norm for norm in norms if norm.running_mean is not None and norm.running_mean.data_ptr() in moved]

            @torch.no_grad()
            def put(alpha: float) -> None:
                for now, then, end in ends:
                    now.copy_(end if alpha == 1 else then.lerp(end, alpha))
                if 0 < alpha < 1 and learnt:
                    measure_norms(learnt, model.backbone, training_rows[0]())

            if self.alpha is not None:
                put(self.alpha)
                return f"blended with the start, alpha {self.alpha:g}"
            best, best_score = 1.0, score()
            for step in range(STEPS - 1, -1, -1) if best_score is not None else ():
                put(step / STEPS)
                found = score()
                if found is not None and best_score is not None and found > best_score:
                    best, best_score = step / STEPS, found
            alpha, how = (WITHOUT_VALIDATION, "without") if best_score is None else (best, "chosen on")
            put(alpha)
            return f"blended with the start, alpha {alpha:g} {how} validation rows"

        groups = [backbone_group(model), head_group(model, self.head_lr)]
        return Tuning(groups, select=select, survey=survey if norms else None)
