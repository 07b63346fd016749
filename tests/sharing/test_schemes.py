"""Claims of all schemes: what is common, merged, saved, resumed, kept over stages, and combined by rules."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from divided import moved, own, rebuild_toy, stages, trained, two
from torch import nn

import toys
from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.errors import UsageError
from headstart.core.recipe import Recipe, Stage
from headstart.core.stopping import Stop, Stopped
from headstart.core.types import Event, Scheme
from headstart.objectives.tasks import Tasks
from headstart.runs.network import build_model


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


@pytest.mark.parametrize("strategy", ["lora", "ia3", "partial", "bottleneck", "l2_sp", "layerwise_lr"])
@pytest.mark.parametrize(
    "sharing",
    [*plugins.names("sharing"), "share_gradients common=1 share=0.5", "ple own=3", "cross_stitch own=0.5 by=stage"],
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


@pytest.mark.parametrize("strategy", ["full", "lora"])
@pytest.mark.parametrize("sharing", ["soft", "share_gradients", "cross_stitch"])
def test_what_surgery_froze_stays_as_it_was_for_every_target(tmp_path: Path, sharing: str, strategy: str) -> None:
    def network() -> toys.Tiny:
        backbone = toys.tiny()
        backbone.freeze_overrides = dict.fromkeys(stages()["first"], True)
        return backbone

    model = trained(tmp_path, sharing, strategy, network)
    for target in ("first", "second"):
        assert "second.weight" in moved(model, target) <= set(stages()["second"])


@pytest.mark.parametrize("sharing", ["share_weights", "mmoe"])
@pytest.mark.parametrize("strategy", ["feature_distillation", "bss", "delta", "wise_ft", "surgical", "side_tuning"])
def test_a_strategy_that_works_on_features_of_one_network_is_refused(
    tmp_path: Path, sharing: str, strategy: str
) -> None:
    with pytest.raises(UsageError, match=f"{strategy} works on the features of one network, and {sharing} gives "):
        trained(tmp_path, sharing, strategy)


@pytest.mark.parametrize("sharing", plugins.names("sharing"))
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


@pytest.mark.parametrize("rule", ["upgrad", "mgda", "gradnorm"])
@pytest.mark.parametrize("on", ["features", "weights"])
@pytest.mark.parametrize("sharing", ["share_weights common=1", "cross_stitch own=1"])
def test_a_rule_leaves_each_target_s_own_part_to_its_own_loss(tmp_path: Path, rule: str, on: str, sharing: str) -> None:
    """The first step of the private tensors is that of the sum; what gradnorm weighs losses by is 1 then."""
    summed = trained(tmp_path / "sum", sharing, steps=1)
    model = trained(tmp_path / rule, sharing, steps=1, combine=Choice(rule, {"on": on}))
    common = set(next(iter(stages().values()))) if sharing.startswith("share") else set()
    for target in ("first", "second"):
        for name in set(stages()["second"]) | set(stages()["first"]) - common:
            torch.testing.assert_close(own(model, target)[name], own(summed, target)[name], rtol=1e-5, atol=1e-7)
            assert name in moved(model, target)


@pytest.mark.parametrize("strategy", ["lora", "dora", "ia3"])
@pytest.mark.parametrize("sharing", plugins.names("sharing"))
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


@pytest.mark.parametrize(
    ("before", "after"), [("mmoe", "soft"), ("soft", "mmoe"), ("mmoe", "mmoe experts=2"), ("soft", "share_weights")]
)
def test_a_network_is_divided_once(tmp_path: Path, before: str, after: str) -> None:
    data = two()
    model = build_model(Recipe(), data, toys.tiny())
    first, second = (
        Stage(steps=1, batch_size=8, lr=1e-2, strategy=Choice("full"), augment="plain", sharing=Choice.parse(text, "s"))
        for text in (before, after)
    )
    with pytest.raises(UsageError, match="divided the network among targets otherwise"):
        toys.train(tmp_path, model, data, "full", "supervised", stage=first, more=(second,))
