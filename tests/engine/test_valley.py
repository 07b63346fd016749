"""Claims of SWAD: start and end are those of the paper's algorithm 1, and what is kept is the mean between them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import headstart as hs
import toys
from headstart.core.errors import UsageError
from headstart.core.recipe import Stage
from headstart.data.streams import in_order
from headstart.data.transforms import make_transform
from headstart.engine.valley import Dense
from headstart.inputs.vector import Vector

EVERY = 2  # steps between looks


def followed(losses: list[float], tolerance: float, cut: int = 0) -> tuple[Dense, torch.nn.Linear]:
    """Let the weight be the number of the step; go on from what a restart has at a step."""
    layer = torch.nn.Linear(1, 1, bias=False)
    average = Dense(layer, list(layer.parameters()), tolerance)
    for step in range(1, EVERY * len(losses) + 1):
        torch.nn.init.constant_(layer.weight, step)
        average.update()
        if step % EVERY == 0:
            average.look(losses[step // EVERY - 1])
        if step == cut:
            tensors, plain = average.pack()
            average = Dense(layer, list(layer.parameters()), tolerance)
            average.restore(tensors, json.loads(json.dumps(plain)))
    return average, layer


def published(losses: list[float], r: float, starts: int = 3, ends: int = 6) -> tuple[int, int] | None:
    """Give t_s and t_e of algorithm 1, a look being an iteration; None where no start was found."""
    start, limit = None, 0.0
    for i in range(starts - 1, len(losses)):
        if start is None:
            window = losses[i - starts + 1 : i + 1]
            if window[0] == min(window):
                start, limit = i - starts + 1, r / starts * sum(window)
        elif i >= ends and limit < min(losses[i - ends + 1 : i + 1]):
            return start + 1, i - ends + 1
    return None if start is None else (start + 1, len(losses))


def test_it_starts_where_the_loss_stopped_falling_and_ends_where_it_has_risen() -> None:
    falling, start, valley = [5.0, 3.0], [2.0, 2.5, 2.1], [2.8, 3.0, 2.9, 3.0, 3.0, 2.7]
    average, layer = followed([*falling, *start, *valley, *[3.0] * 6, 0.1], 1.3)  # the limit is 1.3 * 6.6 / 3 = 2.86
    assert average.over and average.window() == (6, 22)
    average.apply()
    assert layer.weight.item() == pytest.approx(np.mean(range(6, 23)))


def test_of_equal_losses_the_first_is_the_start() -> None:
    assert followed([3.0, 2.0, 2.0, 2.0, 2.0], 1.3)[0].window() == (4, 10)


@pytest.mark.parametrize("cut", range(1, 36))
def test_a_restart_at_any_step_comes_to_the_same_mean(cut: int) -> None:
    losses = [5.0, 2.0, 2.5, 2.1, 3.0, 2.9, 2.2, 3.0, 3.0, 2.7, *[3.0] * 7, 0.1]
    ends = []
    for average, layer in (followed(losses, 1.3), followed(losses, 1.3, cut)):
        average.apply()
        ends.append((average.window(), average.over, layer.weight.item()))
    assert ends[0] == ends[1] and ends[0][:2] == ((4, 20), True)


def test_a_loss_that_falls_to_the_end_averages_nothing() -> None:
    average, layer = followed([5.0, 4.0, 3.0, 2.0, 2.5], 1.3)
    assert average.window() is None and not average.over
    average.apply()
    assert layer.weight.item() == 10


@pytest.mark.parametrize("seed", range(30))
def test_it_is_the_algorithm_of_the_paper(seed: int) -> None:
    rng = np.random.default_rng(seed)
    losses = (np.exp(-np.arange(30) / 4) + rng.uniform(0, 0.6, 30) + np.linspace(0, rng.uniform(0, 3), 30)).tolist()
    found, (average, layer) = published(losses, 1.3), followed(losses, 1.3)
    assert found is not None and average.window() == (EVERY * found[0], EVERY * found[1])
    average.apply()
    assert layer.weight.item() == pytest.approx(np.mean(range(EVERY * found[0], EVERY * found[1] + 1)), rel=1e-6)
    assert len(average.spans) <= average.growth


@pytest.mark.slow
def test_the_mean_is_what_is_kept_with_the_statistics_that_batch_norm_has_there(tmp_path: Path, monkeypatch) -> None:
    backbone = toys.source("timm:test_resnet")
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    weights: list[dict[str, torch.Tensor]] = []
    kept: list[Dense] = []
    update = Dense.update

    def watched(self: Dense) -> None:
        weights.append(toys.snapshot(model))
        kept.append(self)
        update(self)

    monkeypatch.setattr(Dense, "update", watched)
    stage = Stage(steps=6, batch_size=8, lr=1e-2, swad=100.0, evaluate=1, patience=0)
    told: list[str] = []
    outcome = toys.train(
        tmp_path, model, data, stage=stage, validate=True, listen=lambda event: told.append(event.message)
    )
    window = kept[-1].window()
    assert window is not None and window[0] < window[1] == 6 and outcome.kept == (None,)
    assert any(f"the mean of the weights after the steps {window[0]} to 6 is taken" in line for line in told)
    for name, tensor in model.named_parameters():
        mean = torch.stack([each[name] for each in weights[window[0] - 1 :]]).mean(dim=0)
        assert torch.allclose(tensor, mean, atol=1e-6), name
    norms = {n: m for n, m in model.backbone.named_modules() if isinstance(m, torch.nn.BatchNorm2d)}
    seen: dict[torch.nn.Module, torch.Tensor] = {}
    for norm in norms.values():
        norm.register_forward_pre_hook(lambda module, given: seen.update({module: given[0].mean((0, 2, 3))}))
        norm.momentum, norm.training = 0.0, True
    _, batch = next(iter(in_order(data.splits["train"], make_transform(backbone.card.input), batch_size=24)))
    with torch.no_grad():
        model.backbone(batch.x)
    for name, norm in norms.items():
        assert norm.running_mean is not None and torch.allclose(norm.running_mean, seen[norm], atol=1e-4), name


def test_it_is_told_where_nothing_is_averaged(tmp_path: Path) -> None:
    data = toys.dataset(Vector(6))
    told: list[str] = []
    stage = Stage(steps=4, batch_size=8, lr=1e-2, swad=1.3, evaluate=2)
    model = toys.make_model(toys.tiny(), data)
    toys.train(tmp_path, model, data, stage=stage, validate=True, listen=lambda event: told.append(event.message))
    assert "swad: nothing is averaged, as the validation loss fell to the end" in told


def test_it_is_refused_without_validation_rows_and_with_another_average() -> None:
    with pytest.raises(UsageError, match=r"swad must be 0 or at least 1, and 0 with ema; it is 0\.5"):
        hs.fit("no such data", settings={"stages.0.swad": 0.5})
    with pytest.raises(UsageError, match=r"it is 1\.3 with ema = 0\.9"):
        hs.fit("no such data", settings={"stages.0.swad": 1.3, "stages.0.ema": 0.9})
    rows = np.random.default_rng(0).normal(size=(40, 4)), ["a", "b"] * 20
    words = {"source": "vector:mlp", "strategy": "full", "settings": {"stages.0.swad": 1.3}, "progress": False}
    with pytest.raises(UsageError, match="swad averages the weights by the loss of validation rows, and there are no"):
        hs.fit(rows, validation=0, **words)
