"""Claims of the schemes: what targets share and what each has of its own, in training, merged, saved and resumed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import toys
from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.errors import UsageError
from headstart.core.recipe import Recipe, Stage
from headstart.core.stopping import Stop, Stopped
from headstart.core.types import Event, Scheme, Task
from headstart.data.rows import Dataset, Rows
from headstart.inputs.vector import Vector
from headstart.models.model import Model
from headstart.models.paths import paths_of
from headstart.objectives.tasks import Tasks
from headstart.runs.network import build_model


def two() -> Dataset:
    """Make a class and a number of the same rows."""
    data, more = toys.dataset(Vector(6), "multiclass"), toys.dataset(Vector(6), "regression")
    targets = {"first": data.task.target, "second": more.task.target}

    def both(rows: Rows, others: Rows) -> Rows:
        return Rows(rows.ids, rows.inputs, {"first": rows.y, "second": others.y}, rows.digests)

    splits = {name: both(rows, more.splits[name]) for name, rows in data.splits.items()}
    return Dataset(Task("vector", ("x",), targets), splits, {"train": splits["train"]}, fingerprint="two")


def trained(folder: Path, sharing: str | None, strategy: str = "full", **settings: Any) -> Model:
    data = two()
    model = build_model(Recipe(), data, toys.tiny())
    train = {key: settings.pop(key) for key in ("resume", "checkpoint", "stop", "listen") if key in settings}
    options = {"steps": 4, "batch_size": 8, "lr": 1e-2, "optimiser": "sgd", "clip": 0.0} | settings
    stage = Stage(sharing=None if sharing is None else Choice.parse(sharing, "sharing"), **options)
    toys.train(folder, model, data, strategy, "supervised", stage=stage, **train)
    return model


def own(model: Model, target: str) -> dict[str, torch.Tensor]:
    """Return a target's tensors of the backbone, by the network's names."""
    paths = paths_of(model.backbone)
    assert paths is not None
    every = {n: t for n, t in model.backbone.state_dict().items() if not n.startswith("inserted_paths")}
    return every | paths.of(target)


def moved(model: Model, target: str) -> set[str]:
    before = toys.tiny().state_dict()
    return {name for name, tensor in own(model, target).items() if not torch.equal(tensor, before[name])}


def stages() -> dict[str, tuple[str, ...]]:
    return toys.tiny().stages()


def test_share_weights_has_one_common_part_and_others_of_their_own(tmp_path: Path) -> None:
    model = trained(tmp_path, "share_weights common=1")
    first, second = own(model, "first"), own(model, "second")
    common = set(next(iter(stages().values())))
    assert common and moved(model, "first") == set(first)
    for name in first:
        assert torch.equal(first[name], second[name]) == (name in common)


def test_fix_common_stays_as_it_was(tmp_path: Path) -> None:
    model = trained(tmp_path, "fix_common common=1")
    common = set(next(iter(stages().values())))
    assert moved(model, "first") == moved(model, "second") == set(toys.tiny().state_dict()) - common


def test_shared_gradients_keep_copies_equal_and_do_what_shared_weights_do(tmp_path: Path) -> None:
    model = trained(tmp_path / "gradients", "share_gradients common=1 share=1")
    other = trained(tmp_path / "weights", "share_weights common=1")
    common = set(next(iter(stages().values())))
    for name in common:
        torch.testing.assert_close(own(model, "first")[name], own(model, "second")[name], rtol=0, atol=0)
        torch.testing.assert_close(own(model, "first")[name], own(other, "first")[name], rtol=1e-5, atol=1e-7)
    apart = trained(tmp_path / "apart", "share_gradients common=1 share=0")
    assert all(not torch.equal(own(apart, "first")[name], own(apart, "second")[name]) for name in common)


def test_without_a_share_targets_are_as_if_each_was_alone(tmp_path: Path) -> None:
    both = trained(tmp_path / "both", "soft weight=0")
    data = two()
    for target in ("first", "second"):
        task = Task("vector", ("x",), {target: data.task.targets[target]})
        splits = {name: rows.of(target) for name, rows in data.splits.items()}
        alone = Dataset(task, splits, {"train": splits["train"]}, fingerprint=target)
        model = build_model(Recipe(), alone, toys.tiny())
        stage = Stage(steps=4, batch_size=8, lr=1e-2, optimiser="sgd", clip=0.0)
        toys.train(tmp_path / target, model, alone, "full", "supervised", stage=stage)
        for name, tensor in model.backbone.state_dict().items():
            torch.testing.assert_close(own(both, target)[name], tensor, rtol=1e-5, atol=1e-7)


def test_soft_pulls_copies_together(tmp_path: Path) -> None:
    def apart(weight: float) -> float:
        model = trained(tmp_path / str(weight), f"soft weight={weight}", steps=12)
        pairs = zip(own(model, "first").values(), own(model, "second").values(), strict=True)
        return sum(float((one - other).detach().square().sum()) for one, other in pairs)

    assert apart(0.0) > 2 * apart(10.0) > 0


@pytest.mark.parametrize("strategy", ["lora", "ia3", "partial", "bottleneck", "l2_sp", "layerwise_lr"])
@pytest.mark.parametrize(
    "sharing", ["share_weights common=1", "share_gradients common=1 share=0.5", "soft", "mmoe", "ple"]
)
def test_every_strategy_s_changes_are_merged_saved_and_loaded(tmp_path: Path, sharing: str, strategy: str) -> None:

    model = trained(tmp_path, sharing, strategy)
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32))
    with model.evaluating(), torch.no_grad():
        expected = model(x)
        again = rebuild_toy(model)
        found = again(x)
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=0, atol=0)
    assert not torch.equal(*(model.backbone(x)["pooled"].chunk(2, dim=1)))


def rebuild_toy(model: Model) -> Model:
    """Make the network anew as a saved model's card says, then load the weights."""
    from headstart.models.load import insert_shared

    fresh = toys.tiny()
    for entry in model.backbone.card.inserted:
        if entry.get("kind") == "sharing":
            insert_shared(fresh, entry)
        else:
            options = {key: value for key, value in entry.items() if key != "name"}
            plugins.build("strategies", str(entry["name"]), options).insert(fresh)
    again = build_model(Recipe(), two(), fresh)
    again.load_state_dict(model.state_dict())
    return again


def test_only_one_target_s_features_can_be_asked_for(tmp_path: Path) -> None:
    model = trained(tmp_path, "share_weights common=1")
    x = torch.randn(3, 6)
    with model.evaluating(), torch.no_grad():
        both, one = model.features(x)["pooled"].chunk(2, dim=1), model.features(x, "second")["pooled"].chunk(2, dim=1)
    assert torch.equal(one[1], both[1]) and not one[0].any() and both[0].any()


def test_a_batch_of_one_task_goes_one_task_s_way_alone(tmp_path: Path) -> None:
    """Two tasks, two passes a step, not four: the network is called for the rows of a task by its own tensors alone."""
    data = toys.mixed()
    passes: list[list[int]] = []

    class Counted(Tasks):
        def losses(self, model: Any, extra: Any, batches: Any, progress: float) -> Any:
            layer = next(module for module in model.backbone.modules() if isinstance(module, nn.Linear))
            with layer.register_forward_hook(lambda *_: passes[-1].append(1)):
                passes.append([])
                return super().losses(model, extra, batches, progress)

    for alternating, each in ((False, 2), (True, 1)):
        model = build_model(Recipe(), data, toys.tiny())
        stage = Stage(sharing=Choice("share_weights"), steps=3, batch_size=8, lr=1e-2)
        toys.train(tmp_path / str(each), model, data, "full", Counted(alternating=alternating), stage=stage)
        assert [len(step) for step in passes] == 3 * [each]
        passes.clear()


def test_what_cannot_be_divided_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the common part takes 1 to"):
        trained(tmp_path / "a", "share_weights common=9")
    with pytest.raises(UsageError, match="There is no stage"):
        trained(tmp_path / "b", "share_weights common=layerr")
    with pytest.raises(UsageError, match="nothing learns by linear_probe"):
        trained(tmp_path / "c", "share_weights", "linear_probe")


def test_each_target_mixes_experts_by_its_own_gate() -> None:
    from headstart.sharing._experts import Level

    level = Level(2, 2, shared=2, own=0, passes=False)
    with torch.no_grad():
        for name, tensor in level.named_parameters():
            tensor.zero_()
            if name.endswith("0.weight") and name.startswith("shared"):
                tensor.copy_((1.0 if name.startswith("shared.0") else 3.0) * torch.eye(2))
            if name == "gates.1.weight":
                tensor[1, 0] = np.log(3.0)
    x = torch.tensor([[1.0, 2.0]])
    _, (one, other) = level(x, [x, x])
    assert one.tolist() == [[2.0, 4.0]]  # halves of 1 x and 3 x
    torch.testing.assert_close(other, torch.tensor([[2.5, 5.0]]))  # a quarter of 1 x and three of 3 x


def test_own_experts_of_a_target_are_moved_by_its_loss_alone() -> None:
    from headstart.sharing.ple import Ple

    levels = Ple(shared=1, own=1, depth=1).levels(3, 2)
    x = torch.randn(4, 3)
    _, (one, _) = levels[0](x, [x, x])
    one.square().sum().backward()
    moved = {name for name, p in levels[0].named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
    assert any(name.startswith("own.0") for name in moved) and any(name.startswith("shared") for name in moved)
    assert not any(name.startswith(("own.1", "gates.1")) for name in moved)


@pytest.mark.parametrize("sharing", ["share_weights common=1", "share_gradients share=0.5", "soft", "ple"])
@pytest.mark.parametrize("strategy", ["full", "lora"])
def test_it_goes_on_as_if_it_had_not_stopped(tmp_path: Path, sharing: str, strategy: str) -> None:
    whole = trained(tmp_path / "whole", sharing, strategy, steps=6, checkpoint=0)
    stop = Stop()

    def listen(event: Event) -> None:
        if event.kind == "step" and event.values["step"] == 3:
            stop.signal = 15

    with pytest.raises(Stopped):
        trained(tmp_path / "cut", sharing, strategy, steps=6, checkpoint=0, stop=stop, listen=listen)
    resumed = trained(tmp_path / "cut", sharing, strategy, steps=6, checkpoint=0, resume=True)
    assert all(torch.equal(tensor, whole.state_dict()[name]) for name, tensor in resumed.state_dict().items())


def test_stages_keep_one_division(tmp_path: Path) -> None:
    data = two()
    first = Stage(steps=3, batch_size=8, lr=1e-2, sharing=Choice.parse("fix_common common=1", "sharing"))
    second = Stage(steps=3, batch_size=8, lr=1e-2, strategy=Choice("full"), augment="plain")
    second = dataclasses.replace(second, sharing=Choice.parse("share_weights common=1", "sharing"))
    model = build_model(Recipe(), data, toys.tiny())
    toys.train(tmp_path, model, data, "full", "supervised", stage=first, more=(second,))
    assert [entry["name"] for entry in model.backbone.card.inserted] == ["share_weights"]
    one, other = own(model, "first"), own(model, "second")
    common = set(next(iter(stages().values())))
    assert moved(model, "first") == set(one)  # the second stage moved what the first one kept
    assert {name for name in one if torch.equal(one[name], other[name])} == common
    third = dataclasses.replace(second, sharing=Choice.parse("soft", "sharing"))
    with pytest.raises(UsageError, match="divided the network among targets otherwise"):
        toys.train(tmp_path / "other", model, data, "full", "supervised", stage=third)


@pytest.mark.parametrize("rule", ["upgrad", "graddrop", "gradnorm", "uncertainty"])
@pytest.mark.parametrize("strategy", ["full", "lora"])
def test_rules_combine_what_is_common_alone(tmp_path: Path, rule: str, strategy: str) -> None:
    model = trained(tmp_path, "share_weights common=1", strategy, combine=Choice(rule))
    assert all(tensor.isfinite().all() for tensor in model.state_dict().values() if tensor.is_floating_point())
    pieces = trained(tmp_path / "pieces", "share_weights common=1", strategy, combine=Choice(rule), accumulate=2)
    if rule != "graddrop":  # which draws by chance
        for name, tensor in model.state_dict().items():
            torch.testing.assert_close(pieces.state_dict()[name], tensor, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("strategy", ["lora", "dora", "ia3"])
@pytest.mark.parametrize("sharing", ["share_weights common=1", "soft", "mmoe"])
def test_merging_changes_no_target_s_answers(strategy: str, sharing: str) -> None:
    model = build_model(Recipe(), two(), toys.tiny())
    choice = Choice.parse(sharing, "sharing")
    scheme: Scheme = plugins.build("sharing", choice.name, choice.options)
    tuning = scheme.prepare(model, plugins.build("strategies", strategy, {}))
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in (p for group in tuning.groups for p in group.params):
            parameter.add_(torch.randn_like(parameter) / 4)
    x = torch.randn(3, 6)
    with model.evaluating(), torch.no_grad():
        before = model(x)
        assert tuning.merge is not None
        tuning.merge()
        after = model(x)
    for name in before:
        torch.testing.assert_close(after[name], before[name], rtol=1e-5, atol=1e-6)
    assert not any("parametrizations" in name for name in model.state_dict())
