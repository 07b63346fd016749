"""Claims of a stage with a rule: what reaches common and private weights; batches in pieces; a resume."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import toys
from headstart.combine.uncertainty import Uncertainty
from headstart.core.choice import Choice
from headstart.core.errors import UsageError
from headstart.core.recipe import Stage
from headstart.core.stopping import Stop
from headstart.core.types import Loss
from headstart.engine.combiner import Combiner
from headstart.inputs.vector import Vector
from headstart.objectives.supervised import Supervised

RULE = """
from dataclasses import dataclass
import numpy as np
from headstart.core.types import OfGradients

@dataclass(frozen=True)
class Plain(OfGradients):
    \"\"\"Weigh by fixed numbers.\"\"\"
    first: float = 1.0
    second: float = 1.0

    def weights(self, losses, gram, state, random):
        assert gram.shape == (2, 2) and np.allclose(gram, gram.T)
        return np.array([self.first, self.second])
"""


@pytest.fixture(autouse=True)
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own" / "combine").mkdir(parents=True)
    (tmp_path / "own" / "combine" / "by_numbers.py").write_text(RULE)
    monkeypatch.setenv("HEADSTART_PLUGINS", str(tmp_path / "own"))


def trained(
    folder: Path, combine: str | None, strategy: str = "full", objective: Any = "dann", **more: Any
) -> dict[str, torch.Tensor]:
    """Train with two losses, the task's and by default the domains'; return the weights."""
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(), data)
    settings = {"steps": 4, "batch_size": 8, "lr": 1e-2, "optimiser": "sgd"} | more.pop("stage", {})
    choice = None if combine is None else Choice.parse(combine, "combine")
    stage = Stage(objective=Choice("dann"), combine=choice, **settings)
    toys.train(folder, model, data, strategy, objective, stage=stage, **more)
    return toys.snapshot(model)


def assert_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, other[name], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("strategy", ["full", "partial", "lora", "l2_sp"])
@pytest.mark.parametrize("on", ["features", "weights"])
@pytest.mark.parametrize("pieces", [1, 2])
def test_equal_weights_are_the_sum(tmp_path: Path, strategy: str, on: str, pieces: int) -> None:
    stage = {"accumulate": pieces}
    summed = trained(tmp_path / "sum", None, strategy, stage=stage)
    assert_same(trained(tmp_path / "rule", f"by_numbers on={on}", strategy, stage=stage), summed)


@pytest.mark.parametrize("on", ["features", "weights"])
def test_weights_count_in_what_is_common_and_heads_learn_by_their_own_loss(tmp_path: Path, on: str) -> None:
    stage = {"steps": 2, "warmup": 0.0, "clip": 0.0, "weight_decay": 0.0, "schedule": "constant"}
    made = {}
    for factor in (1, 3, 5):
        rule = f"by_numbers on={on} first={factor} second={factor}"
        made[factor] = trained(tmp_path / str(factor), rule, stage=stage)
    for name, once in made[1].items():
        if name.startswith("heads"):  # of the second step; in the first one the domains do not count yet
            torch.testing.assert_close(made[5][name], once)
        else:
            step = made[3][name] - once
            assert step.abs().max() > 1e-6
            torch.testing.assert_close(made[5][name] - once, 2 * step, rtol=1e-3, atol=1e-7)


def test_auto_takes_weights_where_no_two_losses_share_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []
    weigh = Combiner.weigh
    monkeypatch.setattr(
        Combiner, "weigh", lambda self, losses, gram, random: (seen.append(gram), weigh(self, losses, gram, random))[1]
    )
    auto, features, weights = (trained(tmp_path / on, f"mgda on={on}") for on in ("auto", "features", "weights"))
    assert_same(auto, features)  # both losses of dann see the source's rows
    assert any((features[name] - weights[name]).abs().max() > 1e-6 for name in features)
    assert not np.allclose(seen[0], seen[-3])


def test_a_rule_that_reads_values_alone_weighs_whole_losses(tmp_path: Path) -> None:
    one, cut = (trained(tmp_path / str(n), "uncertainty rate=0.5", stage={"accumulate": n}) for n in (1, 2))
    assert_same(one, cut)
    assert any((one[n] - t).abs().max() > 1e-6 for n, t in trained(tmp_path / "sum", None).items())


def test_what_a_rule_remembers_goes_by_the_names_of_losses() -> None:
    combiner = Combiner(Uncertainty(rate=0.5))
    random = np.random.default_rng(0)
    for losses in ({"a": 2.0, "b": 4.0}, {"a": 2.0}, {"b": 4.0, "c": 1.0}):
        weights, after = combiner.weigh(losses, np.zeros((len(losses),) * 2), random)
        combiner.become(after)
    # a and b moved once: s = -0.5 (1 - L); c starts; a step with one loss leaves all as it was
    assert weights.tolist() == pytest.approx([np.exp(-1.5), 1.0])
    again = Combiner(Uncertainty(rate=0.5))
    again.restore(combiner.pack(), combiner.names)
    assert again.weigh({"a": 1.0, "c": 1.0}, np.eye(2), random)[0].tolist() == pytest.approx([np.exp(-0.5), 1.0])


@pytest.mark.parametrize("rule", ["uncertainty rate=0.5", "pcgrad"])
def test_it_goes_on_as_if_it_had_not_stopped(tmp_path: Path, rule: str) -> None:
    whole = trained(tmp_path / "whole", rule, stage={"steps": 6}, checkpoint=0)
    stop = Stop()

    def listen(event: Any) -> None:
        if event.kind == "step" and event.values["step"] == 3:
            stop.signal = 15

    with pytest.raises(BaseException, match=r"."):
        trained(tmp_path / "cut", rule, stage={"steps": 6}, checkpoint=0, stop=stop, listen=listen)
    resumed = trained(tmp_path / "cut", rule, stage={"steps": 6}, checkpoint=0, resume=True)
    assert all(torch.equal(tensor, whole[name]) for name, tensor in resumed.items())


def test_nothing_common_is_refused_before_the_first_step(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="of these none learns"):
        trained(tmp_path, "mgda", "linear_probe")


class Seen(torch.nn.Module):
    """Counts rows, as an objective's averages do."""

    rows: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("rows", torch.zeros(()))


@dataclass(frozen=True)
class Counting(Supervised):
    """Counts the rows that it takes in of each step, and has two losses."""

    steps: list[float] = field(default_factory=list)

    def modules(self, model: Any) -> torch.nn.Module:
        return Seen()

    def losses(self, model: Any, extra: Any, batches: Any, progress: float) -> dict[str, Loss]:
        extra.rows += len(batches["train"])
        loss = next(iter(super().losses(model, extra, batches, progress).values()))
        return {"task": loss, "twice": Loss(2 * loss.value, loss.target)}

    def summed(self, extra: Any) -> list[torch.Tensor]:
        return [extra.rows]

    def after_step(self, model: Any, extra: Any) -> None:
        self.steps.append(float(extra.rows))
        extra.rows.zero_()


@pytest.mark.parametrize("rule", [None, "uncertainty", "mgda", "mgda on=weights"])
@pytest.mark.parametrize("pieces", [1, 2])
@pytest.mark.parametrize("fails", [False, True])
def test_rows_are_taken_in_once_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: str | None, pieces: int, fails: bool
) -> None:
    objective, forward, calls = Counting(), Supervised.losses, []

    def hungry(self: Any, *given: Any) -> Any:
        calls.append(1)
        if fails and len(calls) == pieces:  # memory runs out in the last piece of the first step
            raise MemoryError
        return forward(self, *given)

    monkeypatch.setattr(Supervised, "losses", hungry)
    trained(tmp_path, rule, objective=objective, stage={"accumulate": pieces})
    assert objective.steps == [8.0] * 4


def test_what_a_rule_remembers_moves_once_where_memory_runs_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = trained(tmp_path / "whole", "uncertainty rate=0.5")
    backward, failed = torch.Tensor.backward, []

    def hungry(self: torch.Tensor, **options: Any) -> None:
        if not failed:
            failed.append(True)
            raise MemoryError
        backward(self, **options)

    monkeypatch.setattr(torch.Tensor, "backward", hungry)
    pieces = trained(tmp_path / "pieces", "uncertainty rate=0.5")
    assert failed
    for name, tensor in whole.items():
        torch.testing.assert_close(pieces[name], tensor, rtol=1e-4, atol=1e-6)
