"""Claims of a step: strategies see the passes that the objective made.

With labels where it had them; penalties; updates.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

import toys
from headstart.core.errors import UsageError
from headstart.core.recipe import Stage
from headstart.core.types import ForwardPass, Loss, Tuning
from headstart.engine.penalties import penalties
from headstart.inputs.vector import Vector
from headstart.objectives.mcd import Mcd
from headstart.objectives.supervised import Supervised
from headstart.strategies.full import Full
from headstart.strategies.linear_probe import LinearProbe

STAGE = Stage(steps=2, batch_size=8, lr=1e-2)


def watched(folder: Path, objective: Any, inner: Any, stage: Stage = STAGE) -> tuple[list[list[ForwardPass]], int]:
    """Train, and collect what a strategy's `watch` was given; count the backbone's passes."""
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(), data)
    calls: list[list[ForwardPass]] = []
    made: list[int] = []
    model.backbone.register_forward_hook(lambda *_: made.append(1))

    class Watching:
        defaults: ClassVar = inner.defaults

        def prepare(self, model: Any) -> Tuning:
            tuning = inner.prepare(model)

            def watch(passes: Sequence[ForwardPass]) -> torch.Tensor:
                calls.append(list(passes))
                return torch.zeros(())

            tuning.watch = watch
            return tuning

    toys.train(folder, model, data, Watching(), objective, stage=stage)
    return calls, len(made)


@pytest.mark.parametrize(
    ("objective", "labels"),
    [("supervised", [[True]]), ("dann", [[True, False]]), ("mcd", [[True], [], *[[False]] * 4])],
)
def test_a_strategy_sees_each_pass_with_its_labels_and_no_second_pass_is_made(
    tmp_path: Path, objective: str, labels: list[list[bool]]
) -> None:
    calls, passes = watched(tmp_path, objective, Full())
    assert [[seen.y is not None for seen in call] for call in calls] == labels * 2
    assert all(seen.features["pooled"].requires_grad for call in calls for seen in call)
    without_gradient = 2 if objective == "mcd" else 0  # where the classifiers part
    assert passes == 2 * (sum(map(len, labels)) + without_gradient)


def test_each_micro_batch_is_seen(tmp_path: Path) -> None:
    calls, _ = watched(tmp_path, "supervised", Full(), Stage(steps=1, batch_size=8, lr=1e-2, accumulate=4))
    assert [len(call[0].features["pooled"]) for call in calls] == [2, 2, 2, 2]


def test_nothing_is_seen_of_a_constant_backbone(tmp_path: Path) -> None:
    calls, _ = watched(tmp_path, "supervised", LinearProbe())
    assert calls == [[], []]


def test_a_survey_gives_every_labelled_row_once_mixed_in_evaluation_mode(tmp_path: Path) -> None:
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(dropout=0.5), data)
    found: list[list[str]] = []

    class Surveying(Full):
        def prepare(self, model: Any) -> Tuning:
            def survey(rows: Any) -> None:
                for _ in range(2):
                    found.append([name for batch in rows() for name in batch.ids])
                    assert not model.training

            tuning = super().prepare(model)
            tuning.survey = survey
            return tuning

    toys.train(tmp_path, model, data, Surveying(), "dann", stage=STAGE)
    rows = list(data.pools["source"].ids)
    assert found[0] == found[1] != rows and sorted(found[0]) == sorted(rows)


def test_l1_and_l2_are_of_the_matrices_that_learn() -> None:
    layer = torch.nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, -4.0]]))
    parameters = list(layer.parameters())
    found = penalties(Tuning([]), parameters, Stage(l1=0.1, l2=0.2))
    assert {name: round(loss.item(), 6) for name, loss in found.items()} == {"l1": 0.7, "l2": 2.5}
    assert penalties(Tuning([]), parameters, Stage()) == {}


def test_l1_makes_weights_smaller(tmp_path: Path) -> None:
    def size(l1: float) -> float:
        data = toys.dataset(Vector(6))
        model = toys.make_model(toys.tiny(), data)
        toys.train(tmp_path, model, data, stage=Stage(steps=40, batch_size=8, lr=1e-2, weight_decay=0.0, l1=l1))
        return sum(p.abs().sum().item() for p in model.parameters())

    assert size(0.1) < 0.6 * size(0.0)


class Counting(Mcd):
    """Counts what a step does."""

    def after_step(self, model: Any, extra: Any) -> None:
        DONE.append(model.backbone.get_parameter("first.weight").detach().clone())


DONE: list[torch.Tensor] = []


def test_after_step_follows_the_last_update_of_a_step(tmp_path: Path) -> None:
    DONE.clear()
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(), data)
    toys.train(tmp_path, model, data, "full", Counting(agree=2), stage=STAGE)
    assert len(DONE) == STAGE.steps and not torch.equal(*DONE)
    assert torch.equal(DONE[-1], model.backbone.get_parameter("first.weight"))


def test_an_objective_that_gives_no_loss_is_told_how(tmp_path: Path) -> None:
    data = toys.dataset(Vector(6))

    class Bare(Supervised):
        def losses(self, *arguments: Any) -> Any:
            return {name: loss.value for name, loss in super().losses(*arguments).items()}

    class Elsewhere(Supervised):
        def losses(self, *arguments: Any) -> Any:
            return {name: Loss(loss.value, "mood") for name, loss in super().losses(*arguments).items()}

    with pytest.raises(UsageError, match=r"gave a Tensor for the loss 'task'. Make it Loss\(value\)"):
        toys.train(tmp_path, toys.make_model(toys.tiny(), data), data, "full", Bare(), stage=STAGE)
    with pytest.raises(UsageError, match="There is no target 'mood'"):
        toys.train(tmp_path, toys.make_model(toys.tiny(), data), data, "full", Elsewhere(), stage=STAGE)


def test_a_strategy_sees_the_labels_that_the_losses_are_made_of_and_no_others(tmp_path: Path) -> None:
    class Blind(Supervised):
        def losses(self, model: Any, extra: Any, batches: Any, progress: float) -> Any:
            return {"size": Loss(model(batches["train"].x).square().mean())}

    calls, _ = watched(tmp_path, Blind(), Full())
    assert [[seen.labels for seen in call] for call in calls] == [[{}]] * 2
