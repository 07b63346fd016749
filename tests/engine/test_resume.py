"""Claims of resume: a run that was cut off anywhere ends with the same weights, log and score as one that was not."""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

import toys
from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.errors import StorageError, UsageError
from headstart.core.recipe import Stage
from headstart.core.stopping import Stop, Stopped
from headstart.core.types import Event
from headstart.engine import checkpoint
from headstart.engine.job import Outcome
from headstart.engine.stage import StageRun
from headstart.inputs.vector import Vector

STAGE = Stage(steps=9, batch_size=8, lr=1e-2, evaluate=4, patience=0)  # 24 rows: an epoch has 3 steps


class Cut(BaseException):
    """The process is gone: nothing is tidied up, nothing saved."""


def cut_at(count: int) -> Any:
    """Make a listener that ends the run at its event number `count`."""
    seen: list[Event] = []

    def listen(event: Event) -> None:
        seen.append(event)
        if len(seen) == count:
            raise Cut

    return listen


def cut_in(stage: int, step: int) -> Any:
    """Make a listener that ends the run when a stage has taken so many steps."""

    def listen(event: Event) -> None:
        if event.kind == "step" and (event.values["stage"], event.values["step"]) == (stage, step):
            raise Cut

    return listen


def run(folder: Path, **options: Any) -> tuple[dict[str, torch.Tensor], Outcome]:
    options = {"stage": STAGE, "validate": True, "checkpoint": 0, **options}
    name = options.pop("source", None)
    backbone = toys.tiny(dropout=0.5) if name is None else toys.small(name)
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    outcome = toys.train(folder, model, data, **options)
    return toys.snapshot(model), outcome


def log(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def check_same(tmp_path: Path, *cuts: int | tuple[int, int], **options: Any) -> None:
    """Compare an undisturbed run with one that is cut off at events, or stages and steps, and resumed each time."""
    whole, outcome = run(tmp_path / "whole", **options)
    for cut in cuts:
        with pytest.raises(Cut):
            listen = cut_at(cut) if isinstance(cut, int) else cut_in(*cut)
            run(tmp_path / "cut", listen=listen, resume=True, **options)
    again, resumed = run(tmp_path / "cut", resume=True, **options)
    assert {name for name in whole if not torch.equal(whole[name], again[name])} == set()
    assert log(tmp_path / "whole") == log(tmp_path / "cut")
    assert (resumed.best, resumed.steps, resumed.endings) == (outcome.best, outcome.steps, outcome.endings)


@pytest.mark.parametrize("count", range(1, 12))
def test_cut_at_any_event(tmp_path: Path, count: int) -> None:
    check_same(tmp_path, count)


def test_cut_again_and_again(tmp_path: Path) -> None:
    check_same(tmp_path, 4, 4, 5, 4)


@pytest.mark.parametrize(
    "changes",
    [
        {"optimiser": "sgd"},
        {"optimiser": "adagrad"},
        {"ema": 0.9},
        {"swad": 1.3, "evaluate": 1, "lr": 0.5},
        {"schedule": "plateau", "plateau_looks": 1, "evaluate": 1},
        {"accumulate": 3},
        {"lr": 3.0, "evaluate": 1, "patience": 3},
        {"imbalance": "sampler"},
    ],
    ids=str,
)
@pytest.mark.parametrize("count", [3, 7])
def test_whatever_the_stage_remembers_is_kept(tmp_path: Path, changes: dict[str, Any], count: int) -> None:
    check_same(tmp_path, count, stage=dataclasses.replace(STAGE, **changes))


def test_a_stage_that_levelled_off_goes_on_winding_down(tmp_path: Path) -> None:
    levelled = Stage(steps=40, batch_size=24, lr=1e-9, evaluate=1, patience=2, warmup=0.0)  # the rest in 4 steps
    check_same(tmp_path, (0, 5), (0, 8), (0, 9), stage=levelled)
    assert run(tmp_path / "again", stage=levelled)[1].endings[0].startswith("no gain in 2 evaluations")


def test_images_with_batch_norm_and_augmentation(tmp_path: Path) -> None:
    stage = Stage(steps=4, batch_size=8, lr=1e-2, evaluate=2, patience=0, augment="weak")
    check_same(tmp_path, 4, source="timm:test_resnet", stage=stage)


def test_modules_of_the_objective_go_on_too(tmp_path: Path) -> None:
    check_same(tmp_path, 5, objective="dann")


@pytest.mark.parametrize(("strategy", "objective"), [("full", "mcd"), ("delta", "supervised")])
def test_the_way_with_rare_classes_is_set_anew(tmp_path: Path, strategy: str, objective: str) -> None:
    stage = dataclasses.replace(STAGE, steps=4, evaluate=2, batch_size=4, imbalance="focal")
    more = dataclasses.replace(stage, strategy=Choice(strategy), objective=Choice(objective))
    check_same(tmp_path, (1, 1), (1, 3), strategy=strategy, objective=objective, stage=stage, more=(more,))


def test_computed_features_are_computed_again(tmp_path: Path) -> None:
    check_same(tmp_path, 6, strategy="linear_probe")


@pytest.mark.parametrize("count", [3, 12, 14, 15, 16, 21])
@pytest.mark.parametrize("second", ["full", "scratch"])
def test_several_stages(tmp_path: Path, count: int, second: str) -> None:
    more = dataclasses.replace(STAGE, strategy=Choice(second), augment="plain")
    check_same(tmp_path, count, source="vector:mlp", strategy="linear_probe", more=(more,))


@pytest.mark.parametrize("second", ["itself", pytest.param("full", marks=pytest.mark.slow)])
@pytest.mark.parametrize("strategy", plugins.names("strategies"))
def test_every_strategy_in_both_stages(tmp_path: Path, strategy: str, second: str) -> None:
    source = next(name for name in ("vector:mlp", "timm:test_resnet", "timm:test_vit") if takes(strategy, name))
    stage = dataclasses.replace(STAGE, steps=4, evaluate=2, batch_size=4, augment="plain")
    more = dataclasses.replace(stage, strategy=Choice(strategy if second == "itself" else second))
    check_same(tmp_path, (0, 3), (1, 1), (1, 3), source=source, strategy=strategy, stage=stage, more=(more,))


@cache
def takes(strategy: str, source: str) -> bool:
    """Return whether a strategy can work with a backbone."""
    backbone = toys.small(source)
    try:
        plugins.build("strategies", strategy, {}).prepare(toys.make_model(backbone, toys.dataset(backbone.card.input)))
    except UsageError:
        return False
    return True


def test_without_validation_the_last_step_is_kept(tmp_path: Path) -> None:
    check_same(tmp_path, 5, 3, validate=False)


@pytest.mark.parametrize("steps", [3, 6])
def test_at_the_end_of_an_epoch_the_next_one_runs(tmp_path: Path, steps: int) -> None:
    check_same(tmp_path, 1 + steps, validate=False)  # the event of the last step of the epoch


def test_after_the_last_step_no_other_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = run(tmp_path)

    def no_step(*_: Any) -> None:
        raise AssertionError("a step was taken")

    monkeypatch.setattr(StageRun, "_step", no_step)
    again, outcome = run(tmp_path, resume=True)
    assert outcome.steps == STAGE.steps and outcome.endings == ("all steps done",)
    assert all(torch.equal(whole[name], again[name]) for name in whole)


@pytest.mark.parametrize("batches", [1, 2, 3])
def test_a_stop_within_a_look_saves_and_the_look_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batches: int
) -> None:
    whole, _ = run(tmp_path / "whole")
    stop = Stop()
    calls: list[int] = []
    check = stop.check

    def stop_later() -> None:  # the third batch of validation rows comes after two looks
        calls.append(1)
        if len(calls) == 5 + batches:
            stop.signal = 15
        check()

    monkeypatch.setattr(stop, "check", stop_later)
    with pytest.raises(Stopped) as stopped:
        run(tmp_path / "cut", stop=stop, checkpoint=60)
    assert Path(stopped.value.saved).is_dir()
    again, _ = run(tmp_path / "cut", resume=True)
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    assert log(tmp_path / "whole") == log(tmp_path / "cut")


def test_a_stop_while_features_are_computed(tmp_path: Path) -> None:
    stop = Stop(signal=15)
    with pytest.raises(Stopped) as stopped:
        run(tmp_path, strategy="linear_probe", stop=stop)
    assert stopped.value.saved == ""  # there was nothing yet


def test_the_last_two_steps_and_what_they_need_are_kept(tmp_path: Path) -> None:
    """Whatever the moment, the best, the last and the one in use are there."""
    folder = tmp_path / "checkpoints"

    def listen(event: Event) -> None:
        if event.kind != "step":
            return
        names = {path.name for path in folder.glob("*-*")}
        steps = sorted(name for name in names if name.startswith("step"))
        assert len(steps) <= 2
        for name in steps:
            assert set(checkpoint.load(folder / name).state["needs"]) <= names
        assert len(names) <= 5

    more = dataclasses.replace(STAGE, strategy=Choice("full"), augment="plain")
    run(tmp_path, strategy="linear_probe", more=(more,), listen=listen)


def cut_off(folder: Path, count: int = 9) -> list[Path]:
    """Cut a run off in its step 7; give its steps, the newest first."""
    with pytest.raises(Cut):
        run(folder, listen=cut_at(count))
    return sorted((folder / "checkpoints").glob("step-*"), reverse=True)


@pytest.mark.parametrize("name", ["model.safetensors", "optimiser.safetensors", "state.json", "manifest.json"])
@pytest.mark.parametrize("harm", ["truncated", "one bit", "empty", "missing"])
def test_a_damaged_checkpoint_is_passed_over_by_name(tmp_path: Path, name: str, harm: str) -> None:
    whole, _ = run(tmp_path / "whole")
    newest, older = cut_off(tmp_path / "cut")
    file = newest / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    if harm == "missing":
        file.unlink()
    else:
        file.write_bytes({"truncated": content[:-7], "one bit": content, "empty": b""}[harm])
    seen: list[Event] = []
    again, _ = run(tmp_path / "cut", resume=True, listen=seen.append)
    said = [event.message for event in seen if event.kind == "warning"]
    assert len(said) == 1 and newest.name in said[0]
    step = int(older.name.rpartition("-")[2])
    assert f"going on: training from step {step}" in [event.message for event in seen]
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    assert log(tmp_path / "whole") == log(tmp_path / "cut")


def test_a_damaged_best_takes_its_steps_with_it(tmp_path: Path) -> None:
    whole, _ = run(tmp_path / "whole")
    cut_off(tmp_path / "cut")
    for path in (tmp_path / "cut" / "checkpoints").glob("best-*/model.safetensors"):
        path.write_bytes(b"")
    seen: list[Event] = []
    again, _ = run(tmp_path / "cut", resume=True, listen=seen.append)
    assert sum(event.kind == "warning" for event in seen) == 2  # both steps; the run begins again
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    assert log(tmp_path / "whole") == log(tmp_path / "cut")


def test_a_checkpoint_of_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "FORMAT", 99)
    cut_off(tmp_path)
    monkeypatch.undo()
    with pytest.raises(StorageError, match=r"format 99; this Headstart reads format 4"):
        run(tmp_path, resume=True)


def test_orphans_of_a_killed_save_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orphan = cut_off(tmp_path)[0].with_name(".tmp-host-1-abcd")
    orphan.mkdir()
    monkeypatch.setattr("headstart.core.storage._host", lambda: "host")
    monkeypatch.setattr("headstart.core.storage._alive", lambda pid: False)
    run(tmp_path, resume=True)
    assert not orphan.exists()


def test_a_run_that_is_not_resumed_begins_again(tmp_path: Path) -> None:
    whole, _ = run(tmp_path / "whole")
    cut_off(tmp_path / "cut")
    again, _ = run(tmp_path / "cut")
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    assert log(tmp_path / "whole") == log(tmp_path / "cut")


def test_the_budget_counts_the_time_before_a_resume(tmp_path: Path) -> None:
    data = toys.dataset(Vector(6))
    stage = dataclasses.replace(STAGE, steps=10**6, evaluate=10**6)
    stop = Stop()

    def listen(event: Event) -> None:
        if event.kind == "step" and event.values["step"] == 20:
            stop.signal = 15

    with pytest.raises(Stopped) as stopped:
        toys.train(
            tmp_path, toys.make_model(toys.tiny(), data), data, stage=stage, budget=1.0, listen=listen, stop=stop
        )
    path = Path(stopped.value.saved)
    state = json.loads((path / "state.json").read_text())
    assert 0 < state["stage"]["seconds"] <= state["run"]["seconds"] < 1
    assert state["stage"]["allowed"] == pytest.approx(1.0, abs=0.3)
