"""Claims of the loop: the seed decides the weights, micro-batches change nothing, the best step is kept."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

import toys
from headstart.core.choice import Choice
from headstart.core.errors import TrainingError
from headstart.core.recipe import Stage
from headstart.core.stopping import Stop, Stopped
from headstart.core.types import Event
from headstart.data.rows import Dataset
from headstart.data.transforms import make_transform
from headstart.engine import checkpoint
from headstart.engine.predict import predict
from headstart.evaluation.quick import score
from headstart.inputs.vector import Vector
from headstart.strategies.full import Full

STAGE = Stage(steps=6, batch_size=8, lr=1e-2)


def weights(folder: Path, stage: Stage = STAGE, *, dropout: float = 0.0, **options: Any) -> dict[str, torch.Tensor]:
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(dropout), data)
    toys.train(folder, model, data, stage=stage, **options)
    return toys.snapshot(model)


def many_to_choose_by(data: Dataset) -> Dataset:
    validation = toys.examples(Vector(6), 60, start=1000)
    return dataclasses.replace(data, splits={**data.splits, "validation": validation})


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_the_seed_decides_everything_dropout_included(tmp_path: Path) -> None:
    first = weights(tmp_path, dropout=0.5)
    torch.manual_seed(99)  # whatever was drawn before
    assert equal(first, weights(tmp_path, dropout=0.5))
    assert not equal(first, weights(tmp_path, dropout=0.5, seed=1))


def test_workers_change_nothing(tmp_path: Path) -> None:
    backbone = toys.source("digits:cnn")
    data = toys.dataset(backbone.card.input)
    results = []
    for workers in (0, 2):
        model = toys.make_model(toys.source("digits:cnn"), data)
        toys.train(tmp_path, model, data, stage=dataclasses.replace(STAGE, augment="weak"), workers=workers)
        results.append(toys.snapshot(model))
    assert equal(*results)


def test_the_callers_randomness_is_untouched(tmp_path: Path) -> None:
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    weights(tmp_path, dropout=0.5)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("accumulate", [2, 3, 8])
def test_micro_batches_give_the_same_steps(tmp_path: Path, accumulate: int) -> None:
    sgd = dataclasses.replace(STAGE, optimiser="sgd", clip=1.0)
    whole, parts = weights(tmp_path, sgd), weights(tmp_path, dataclasses.replace(sgd, accumulate=accumulate))
    assert all(torch.allclose(whole[name], parts[name], atol=1e-6) for name in whole)
    assert not equal(whole, toys.snapshot(toys.make_model(toys.tiny(), toys.dataset(Vector(6)))))


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_step_and_its_loss_are_those_computed_by_hand(tmp_path: Path, accumulate: int) -> None:
    data = toys.dataset(Vector(6))
    rows = data.splits["train"]
    model, by_hand = toys.make_model(toys.tiny(), data), toys.make_model(toys.tiny(), data)
    outputs, labels = by_hand(torch.from_numpy(rows.inputs)), torch.from_numpy(rows.y)
    loss = torch.nn.functional.cross_entropy(outputs, labels)
    assert torch.equal(by_hand.head.loss(outputs, labels), loss)
    loss.backward()
    once = {"steps": 1, "batch_size": len(rows), "schedule": "constant", "warmup": 0.0, "accumulate": accumulate}
    stage = Stage(optimiser="sgd", lr=0.1, weight_decay=0.0, clip=0.0, **once)
    toys.train(tmp_path, model, data, Full(head_lr=1.0), stage=stage)
    for moved, start in zip(model.parameters(), by_hand.parameters(), strict=True):
        assert start.grad is not None
        expected = start - 0.1 * (1 + 0.9) * start.grad  # Nesterov's momentum of 0.9, at the first step
        assert torch.allclose(moved, expected, atol=1e-6) and not torch.equal(moved, start)
    assert json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[0])["loss"] == pytest.approx(loss.item())


def test_features_computed_once_give_the_same_head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def head() -> dict[str, torch.Tensor]:
        data = toys.dataset(Vector(6))
        model = toys.make_model(toys.tiny(dropout=0.5), data)
        toys.train(tmp_path, model, data, "linear_probe", stage=STAGE)
        return toys.snapshot(model.head)

    once = head()
    monkeypatch.setattr("headstart.engine.stage_data.backbone_is_constant", lambda model: False)
    each_step = head()
    assert all(torch.allclose(once[name], each_step[name], atol=1e-5) for name in once)


def test_a_loss_that_is_not_finite_stops_before_the_update_and_names_the_rows(tmp_path: Path) -> None:
    data = toys.dataset(Vector(6))
    data.splits["train"].inputs[5, 0] = float("nan")
    model = toys.make_model(toys.tiny(), data)
    before = toys.snapshot(model)
    with pytest.raises(TrainingError, match=r"task = nan.*row 5.*No weight was changed"):
        toys.train(tmp_path, model, data, stage=dataclasses.replace(STAGE, batch_size=24, steps=1))
    assert toys.moved(before, model) == set()


def test_the_best_step_on_validation_is_kept(tmp_path: Path) -> None:
    """A rate that ruins the model: what is kept is the best evaluation, not the last one."""
    data = toys.dataset(Vector(6))
    data = many_to_choose_by(data)
    model = toys.make_model(toys.tiny(), data)
    seen: list[Event] = []
    stage = Stage(steps=40, batch_size=8, lr=0.3, evaluate=1, patience=0, schedule="constant", warmup=0.1)
    outcome = toys.train(tmp_path, model, data, stage=stage, validate=True, listen=seen.append)
    accuracies = [event.values["accuracy"] for event in seen if event.kind == "evaluation"]
    assert outcome.best is not None and outcome.best.value == max(accuracies) > accuracies[-1]
    with torch.inference_mode():
        validation = data.splits["validation"]
        right = model(torch.from_numpy(validation.inputs)).argmax(1).numpy() == validation.y
    assert right.mean() == pytest.approx(max(accuracies))


def test_the_budget_ends_training_and_the_schedule_follows_it(tmp_path: Path) -> None:
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(), data)
    weights(tmp_path / "first")  # torch imports what its optimisers need with the first one
    outcome = toys.train(tmp_path, model, data, stage=dataclasses.replace(STAGE, steps=10**6), budget=0.5)
    assert 0 < outcome.steps < 10**6 and outcome.seconds < 5
    assert "time budget" in outcome.endings[0]
    rates = [json.loads(line)["lr"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert rates[-1] < 0.5 * max(rates), "by the steps alone it would still rise"


def test_a_stage_starts_from_the_best_of_the_one_before(tmp_path: Path) -> None:
    data = toys.dataset(Vector(6))
    data = many_to_choose_by(data)
    model = toys.make_model(toys.tiny(), data)
    ruin = Stage(strategy=Choice("full"), steps=20, batch_size=8, lr=100.0, warmup=0.0, evaluate=5, patience=0)
    good = Stage(steps=60, batch_size=8, lr=1e-2, evaluate=20, patience=0)
    outcome = toys.train(tmp_path, model, data, "linear_probe", stage=good, more=(ruin,), validate=True)
    alone = toys.make_model(toys.tiny(), data)
    first = toys.train(tmp_path / "alone", alone, data, "linear_probe", stage=good, validate=True)
    assert outcome.best is not None and first.best is not None and outcome.best.value >= first.best.value
    rows = data.splits["validation"]
    assert rows.y is not None
    predictions = predict(model, rows, make_transform(Vector(6)))["target"]
    assert outcome.best.value == pytest.approx(score(data.task.target, rows.y, predictions)[1])  # nothing is ruined


@pytest.mark.parametrize("strategy", ["scratch", "fix_common", "share_weights", "head2toe"])
def test_the_best_of_a_later_stage_is_what_the_model_scores(tmp_path: Path, strategy: str) -> None:
    backbone = toys.source("digits:cnn")
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    good = Stage(steps=60, batch_size=8, lr=1e-2, evaluate=20, patience=0)
    other = Stage(strategy=Choice(strategy), steps=1, batch_size=8, lr=1e-4, augment="plain")  # prepares another model
    outcome = toys.train(tmp_path, model, data, stage=good, more=(other,), validate=True)
    rows = data.splits["validation"]
    assert rows.y is not None and outcome.best is not None
    predictions = predict(model, rows, make_transform(backbone.card.input))["target"]
    assert outcome.best.value == pytest.approx(score(data.task.target, rows.y, predictions)[1])


@pytest.mark.parametrize("validate", [False, True])
def test_a_stop_within_the_last_step_stops(tmp_path: Path, validate: bool) -> None:
    stop = Stop()

    def listen(event: Event) -> None:
        if event.kind == "step" and event.values["step"] == STAGE.steps:
            stop.signal = 15

    with pytest.raises(Stopped) as caught:
        weights(tmp_path, validate=validate, listen=listen, stop=stop)
    assert Path(caught.value.saved).name == "step-0-0000006"


def test_a_stop_saves_the_last_step(tmp_path: Path) -> None:
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(), data)
    stop = Stop()

    def listen(event: Event) -> None:
        if event.kind == "step" and event.values["step"] == 3:
            stop.signal = 15

    with pytest.raises(Stopped) as caught:
        toys.train(tmp_path, model, data, stage=STAGE, listen=listen, stop=stop)
    saved = checkpoint.load(Path(caught.value.saved))
    assert saved.state["stage"]["step"] == 3
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in saved.parts["model"].items())


def test_the_log_has_losses_and_rates(tmp_path: Path) -> None:
    weights(tmp_path, dataclasses.replace(STAGE, steps=20), validate=True)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [10, 20]
    assert any("accuracy" in line for line in lines)


def test_a_request_after_the_last_check_is_heeded_at_the_end() -> None:
    stop = Stop()
    with pytest.raises(Stopped), stop.between_steps():
        stop.request(2)
        stopped_at_once = False
    assert not stopped_at_once and not stop.deferred
