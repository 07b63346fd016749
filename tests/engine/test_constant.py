"""Training on what is kept of the constant part: as with the whole network, step by step, for every way of freezing."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests import toys

from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.recipe import Stage
from headstart.core.stopping import Stop, Stopped
from headstart.core.types import Event
from headstart.data.loading import LostWorker
from headstart.data.rows import Dataset, Rows
from headstart.engine import constant, stage_data
from headstart.features.cache import shelves
from headstart.features.graphs import Untraceable
from headstart.features.tracing import Traced
from headstart.models.model import Backbone, Model

STEPS = 8
SLOW = pytest.mark.slow
PATTERNS = (
    "layers layers=layer2.*",
    *(pytest.param(text, marks=SLOW) for text in ("partial k=1", "lora layers=*layer4*", "side_tuning")),
)


@pytest.fixture(autouse=True)
def _always(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constant, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(constant, "LEAST_GAIN", 0.0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def build(text: str) -> Any:
    choice = Choice.parse(text, "the strategy")
    return plugins.build("strategies", choice.name, choice.options)


def losses(
    folder: Path, backbone: Backbone, data: Dataset, strategy: Any, *, stage: Any = None, **options: Any
) -> tuple[list[float], Model, list[str]]:
    """Train; return each step's loss, the model, and what was told."""
    model = toys.make_model(copy.deepcopy(backbone), data)
    found: list[float] = []
    told: list[str] = []

    def listen(event: Event) -> None:
        told.append(event.message)
        if event.kind == "step":
            found.append(event.values["loss"])

    chosen = Stage(**{"steps": STEPS, "batch_size": 4, "lr": 1e-3, "evaluate": 3, **(stage or {})})
    torch.manual_seed(0)
    toys.train(folder, model, data, strategy, validate=True, stage=chosen, listen=listen, **options)
    return found, model, told


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let a call train on the whole network."""

    def train(*args: Any, **options: Any) -> Any:
        def refuse(*_: Any, **__: Any) -> Any:
            raise Untraceable("asked for")

        with monkeypatch.context() as patch:
            patch.setattr(stage_data, "keep_constant", refuse)
            return losses(*args, **options)

    return train


@pytest.mark.slow
@pytest.mark.parametrize("pattern", PATTERNS)
def test_losses_and_weights_are_those_of_the_whole_network(tmp_path: Path, whole: Any, pattern: str) -> None:
    backbone = toys.small("timm:test_resnet")
    data = toys.dataset(backbone.card.input)
    ours, model, told = losses(tmp_path / "ours", backbone, data, build(pattern))
    theirs, other, _ = whole(tmp_path / "theirs", backbone, data, build(pattern))
    assert any("stays constant" in text and "computed once" in text for text in told)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
    for name, tensor in other.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], tensor, rtol=1e-4, atol=1e-5, msg=name)
    assert model.after is None


def test_a_few_fixed_views_are_kept_too(tmp_path: Path, whole: Any) -> None:
    backbone = toys.small("timm:test_resnet")
    data = with_digests(toys.dataset(backbone.card.input))
    stage = {"augment": "weak", "views": 3}
    ours, _, told = losses(tmp_path / "ours", backbone, data, build("partial k=1"), cache=10**9, stage=stage)
    theirs, _, _ = whole(tmp_path / "theirs", backbone, data, build("partial k=1"), stage=stage)
    plain, _, _ = losses(tmp_path / "plain", backbone, data, build("partial k=1"), cache=10**9)
    assert any("computed once for each view of a row" in text for text in told)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
    epoch = len(data.splits["train"]) // 4
    np.testing.assert_allclose(ours[:epoch], plain[:epoch], rtol=0, atol=1e-5)
    assert abs(ours[epoch] - plain[epoch]) > 1e-3, "the second view is another one"
    assert len(shelves()) == 2, (
        "two epochs begin; the plain view is shared with validation and with runs that have no other"
    )
    _, _, told = losses(tmp_path / "fresh", backbone, data, build("partial k=1"), stage={"augment": "weak", "views": 0})
    assert not any("computed once" in text for text in told)


@pytest.mark.slow
def test_each_strategy_gives_the_losses_of_the_whole_network_or_says_why_not(tmp_path: Path, whole: Any) -> None:
    cut = []
    for name in plugins.names("strategies"):
        backbone = toys.small("timm:test_vit" if name == "prompt" else "timm:test_resnet")
        data = toys.dataset(backbone.card.input)
        ours, _, told = losses(tmp_path / name, backbone, data, build(name))
        if any("computed once for each row" in text for text in told):
            theirs, _, _ = whole(tmp_path / f"{name}-whole", backbone, data, build(name))
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5, err_msg=name)
            cut.append(name)
    assert {"partial", "side_tuning"} <= set(cut)
    assert not {"feature_distillation", "delta", "lwf", "gradual"} & set(cut), "they look at examples, or unfreeze"


def test_what_was_kept_is_there_for_the_next_run(tmp_path: Path) -> None:
    backbone = toys.small("timm:test_resnet")
    data = with_digests(toys.dataset(backbone.card.input))
    ours, _, _ = losses(tmp_path / "one", backbone, data, build("partial k=1"), cache=10**9)
    (shelf,) = shelves()
    assert shelf.rows == sum(len(data.splits[name]) for name in ("train", "validation"))
    again, _, told = losses(tmp_path / "two", backbone, data, build("partial k=1"), cache=10**9)
    assert ours == again
    assert not any("computing what stays constant" in text for text in told)
    losses(tmp_path / "three", toys.source("timm:test_resnet"), data, build("partial k=2"), cache=10**9)
    assert len(shelves()) == 2, "another cut has a shelf of its own"


@pytest.mark.slow
def test_a_stopped_run_goes_on_to_the_very_same_weights(tmp_path: Path) -> None:
    backbone = toys.small("timm:test_resnet")
    data = with_digests(toys.dataset(backbone.card.input))
    _, straight, _ = losses(tmp_path / "straight", backbone, data, build("partial k=1"), cache=10**9)
    for cache in (10**9, 0):  # from the disk, and computed again
        model, stop = toys.make_model(copy.deepcopy(backbone), data), Stop()

        def listen(event: Event, stop: Stop = stop) -> None:
            if event.kind == "step" and event.values["step"] == 5:
                stop.signal = 15

        stage = Stage(steps=STEPS, batch_size=4, lr=1e-3, evaluate=3)
        where, strategy = tmp_path / f"cut {cache}", build("partial k=1")
        with pytest.raises(Stopped):
            toys.train(where, model, data, strategy, validate=True, stage=stage, listen=listen, stop=stop, cache=cache)
        _, again, told = losses(where, backbone, data, strategy, cache=cache, resume=True)
        assert any("computed once for each row" in text for text in told)
        assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in straight.state_dict().items())


@pytest.mark.parametrize("source", ["timm:test_vit", pytest.param("timm:test_resnet", marks=SLOW)])
def test_a_network_without_a_graph_is_cut_after_whole_modules(tmp_path: Path, whole: Any, source: str) -> None:
    backbone = toys.small(source)
    data = with_digests(toys.dataset(backbone.card.input))
    backbone.register_forward_pre_hook(decides)
    ours, model, told = losses(tmp_path / "ours", backbone, data, build("partial k=1"), cache=10**9)
    theirs, other, _ = whole(tmp_path / "theirs", backbone, data, build("partial k=1"))
    assert any("computed once for each row (after whole modules, as" in text for text in told)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
    for name, tensor in other.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], tensor, rtol=1e-4, atol=1e-5, msg=name)
    assert not shelves(), "nothing names what its code computes"
    _, _, told = losses(tmp_path / "all", backbone, data, build("full"))
    assert not any("computed once" in text for text in told)


def decides(_: Any, given: tuple[torch.Tensor]) -> None:
    """Look at the numbers of an example, as no graph can."""
    assert not given[0].isnan().any().item()


def test_rows_that_depend_on_each_other_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = toys.small("timm:test_resnet")
    data = toys.dataset(backbone.card.input)
    stem = backbone.get_submodule("net.conv1")
    stem.register_forward_pre_hook(lambda _, given: (given[0] - given[0].mean(dim=0),))
    _, _, told = losses(tmp_path / "run", backbone, data, build("partial k=1"))
    assert any("its parts differ from the whole" in text for text in told)


def test_parts_that_cannot_be_run_leave_the_whole_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise RuntimeError("shape '[4, 2]' is invalid")

    backbone = toys.small("timm:test_resnet")
    monkeypatch.setattr(Traced, "after", fails)
    found, _, told = losses(tmp_path / "run", backbone, toys.dataset(backbone.card.input), build("partial k=1"))
    assert any("its parts cannot be run: shape '[4, 2]' is invalid" in text for text in told)
    assert len(found) == STEPS


def test_a_worker_that_is_lost_meanwhile_is_told_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def computes(*args: Any, workers: int, **options: Any) -> Any:
        asked.append(workers)
        if workers:
            raise LostWorker("process 1 ended by SIGKILL.")
        return real(*args, workers=workers, **options)

    real = constant._compute
    monkeypatch.setattr(constant, "_compute", computes)
    backbone = toys.small("timm:test_resnet")
    data = toys.dataset(backbone.card.input)
    found, _, told = losses(tmp_path / "run", backbone, data, build("partial k=1"), workers=1)
    assert asked[:2] == [1, 0]
    assert len(found) == STEPS
    assert any("was lost" in text for text in told)


def test_a_stage_that_is_too_small_is_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constant, "LEAST_SECONDS", 10.0)
    backbone = toys.small("timm:test_resnet")
    _, _, told = losses(tmp_path / "run", backbone, toys.dataset(backbone.card.input), build("partial k=1"))
    assert any("too little is computed" in text for text in told)


def test_a_gain_that_is_too_small_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constant, "LEAST_GAIN", 100.0)
    backbone = toys.small("timm:test_resnet")
    _, _, told = losses(tmp_path / "run", backbone, toys.dataset(backbone.card.input), build("partial k=1"))
    assert any("times cheaper" in text for text in told)


@pytest.mark.parametrize(("strategy", "rows"), [("partial k=1", 3), ("lora", 24), ("bitfit", 24), ("full", 24)])
def test_what_cannot_pay_is_refused_before_the_graph_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strategy: str, rows: int
) -> None:
    monkeypatch.setattr(constant, "LEAST_GAIN", 1.3)
    monkeypatch.setattr(constant, "trace", None)  # not even called
    backbone = toys.small("timm:test_resnet")
    stage = {"batch_size": rows}  # one pass in all, and eight
    _, _, told = losses(tmp_path, backbone, toys.dataset(backbone.card.input), build(strategy), stage=stage)
    assert any("times cheaper, and less than 1.3 does not pay" in text for text in told)


def test_the_gain_is_that_of_the_law() -> None:
    assert constant.gain_of(0.9, 20) == pytest.approx(20 * 1.2 / (0.9 + 20 * 0.3))
    assert constant.gain_of(0.0, 5) == 1.0


def with_digests(data: Dataset) -> Dataset:
    """Name each row's content by a hash of it."""
    import hashlib

    def named(rows: Rows) -> Rows:
        return dataclasses.replace(rows, digests=[hashlib.sha256(str(row).encode()).digest() for row in rows.ids])

    splits = {name: named(rows) for name, rows in data.splits.items()}
    return dataclasses.replace(data, splits=splits, pools={name: named(rows) for name, rows in data.pools.items()})
