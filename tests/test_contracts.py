"""What every plug-in of a kind must do. Plug-ins are found by themselves: a new file is tested without being listed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

import toys
from headstart.core import plugins
from headstart.core.errors import SourceError, UsageError
from headstart.core.options import to_plain
from headstart.core.recipe import Stage
from headstart.core.types import ImageInput, Kind, TextInput, VectorInput
from headstart.models.cards import card_from_plain, card_to_plain
from headstart.models.load import load_source, rebuild
from headstart.models.model import Backbone, Head, frozen_modules_train
from headstart.objectives.dann import Dann

KINDS: list[Kind] = ["binary", "multiclass", "multilabel", "regression"]


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in plugins.PACKAGES for name in plugins.names(kind)])
def test_every_plugin_is_a_frozen_dataclass_with_defaults_and_a_description(kind: str, name: str) -> None:
    made = plugins.build(kind, name, {})
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.anything = 1
    assert plugins.build(kind, name, to_plain(made)) == made
    assert plugins.describe(kind, name).endswith(".")


@pytest.mark.parametrize("source", ["digits:cnn", "timm:test_resnet"])
@pytest.mark.parametrize("objective", plugins.names("objectives"))
@pytest.mark.parametrize("strategy", plugins.names("strategies"))
def test_every_strategy_works_with_every_objective(tmp_path: Path, strategy: str, objective: str, source: str) -> None:
    backbone = toys.source(source)
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    stage = Stage(steps=2, batch_size=8, lr=1e-3)
    try:
        outcome = toys.train(tmp_path, model, data, strategy, objective, stage=stage)
    except UsageError as refusal:
        assert source == "digits:cnn", "test_resnet has batch norm and a source classifier"
        assert f"{strategy} needs" in str(refusal) and backbone.card.name in str(refusal)
        return
    assert outcome.steps == 2
    assert all(torch.isfinite(tensor).all() for tensor in toys.snapshot(model).values())


@pytest.mark.parametrize("strategy", plugins.names("strategies"))
def test_a_strategy_moves_what_it_names_and_nothing_else(tmp_path: Path, strategy: str) -> None:
    backbone = toys.source("timm:test_resnet")
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    prepared: dict[str, Any] = {}

    @dataclasses.dataclass(frozen=True)
    class Watched:
        inner: Any
        defaults: ClassVar[Any] = plugins.load("strategies", strategy).defaults

        def prepare(self, model: Any) -> Any:
            tuning = self.inner.prepare(model)
            learning = {id(p) for group in tuning.groups for p in group.params}
            prepared["names"] = {name for name, p in model.named_parameters() if id(p) in learning}
            prepared["before"] = toys.snapshot(model)
            return tuning

    inner = plugins.build("strategies", strategy, {})
    toys.train(tmp_path, model, data, Watched(inner), stage=Stage(steps=3, batch_size=8, lr=1e-2))
    parameters = {name for name, _ in model.named_parameters()}
    moved = toys.moved(prepared["before"], model) & parameters
    assert prepared["names"], "nothing learns"
    assert moved <= prepared["names"]
    assert {name for name in prepared["names"] if name.startswith("heads.")} <= moved
    assert frozen_modules_train(model) == []


@pytest.mark.parametrize("objective", plugins.names("objectives"))
def test_an_objective_names_its_streams_and_gets_no_labels_where_it_asks_for_none(objective: str) -> None:
    made = plugins.build("objectives", objective, {})
    assert made.streams and len({stream.name for stream in made.streams}) == len(made.streams)
    assert "test" not in {stream.name for stream in made.streams}
    data = toys.dataset(VectorInput(6))
    model = toys.make_model(toys.tiny(), data)
    batches = {}
    for stream in made.streams:
        rows = data.pools[stream.name].take(range(8))
        batches[stream.name] = {"x": torch.from_numpy(rows.inputs), "ids": list(rows.ids)}
        if stream.labelled:
            batches[stream.name]["y"] = torch.from_numpy(rows.targets)
    losses = made.losses(model, made.modules(model), batches, 0.5)
    assert losses and all(loss.ndim == 0 and torch.isfinite(loss) for loss in losses.values())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", plugins.names("heads"))
def test_a_head_maps_features_to_the_outputs_of_the_task(name: str, kind: Kind) -> None:
    task = toys.task_for(VectorInput(6), kind)
    head = plugins.build("heads", name, {}).build(5, task)
    assert isinstance(head, Head)
    out = head({"pooled": torch.randn(4, 5)})
    assert out.shape == (4, task.outputs)
    y = torch.from_numpy(toys.examples(VectorInput(6), 4, kind).targets)
    assert head.loss(out, y).ndim == 0
    decoded = head.decode(out)
    assert decoded.shape == (4, task.outputs)
    if kind in ("binary", "multiclass"):
        assert torch.allclose(decoded.sum(1), torch.ones(4))


def loadable(name: str) -> tuple[str, Backbone]:
    """Load the first model that a source lists, with random weights where that is an option."""
    source = plugins.load("sources", name)
    options: dict[str, Any] = (
        {"pretrained": False} if "pretrained" in {f.name for f in dataclasses.fields(source)} else {}
    )
    options |= {"dim": 6} if "dim" in {f.name for f in dataclasses.fields(source)} else {}
    names = plugins.build("sources", name, options).names("")
    if not names:
        pytest.skip(
            f"{name}: lists no model where there is none in this folder or cache; it has claim tests of its own"
        )
    chosen = next((n for n in names if n.startswith("test_resnet")), names[0])
    try:
        return f"{name}:{chosen}", load_source(f"{name}:{chosen}", options)
    except SourceError as error:
        pytest.skip(f"{name}: {error}")


@pytest.mark.parametrize("name", plugins.names("sources"))
def test_a_source_gives_a_backbone(name: str) -> None:
    _, backbone = loadable(name)
    parameters = [parameter for parameter, _ in backbone.named_parameters()]
    in_stages = [parameter for stage in backbone.stages().values() for parameter in stage]
    assert sorted(in_stages) == sorted(parameters), "each parameter in exactly one stage"
    assert card_from_plain(card_to_plain(backbone.card)) == backbone.card
    again = rebuild(backbone.card)
    assert {n: t.shape for n, t in again.state_dict().items()} == {n: t.shape for n, t in backbone.state_dict().items()}
    expects = backbone.card.input
    if isinstance(expects, ImageInput):
        x: Any = torch.zeros(2, expects.channels, expects.height, expects.width)
    elif isinstance(expects, TextInput):
        x = {"input_ids": torch.ones(2, 3, dtype=torch.long), "attention_mask": torch.ones(2, 3, dtype=torch.long)}
    else:
        x = torch.zeros(2, expects.dim or 6)
    assert backbone.eval()(x)["pooled"].shape == (2, backbone.dim)


@pytest.mark.parametrize("name", plugins.names("readers"))
def test_a_reader_takes_no_strangers(name: str) -> None:
    reader = plugins.build("readers", name, {})
    assert reader.matches(object()) is False
    assert reader.matches("no such file or data set") is False


def test_dann_is_no_special_case() -> None:
    """The engine knows an objective only by its contract."""
    source = Path(__file__).parents[1] / "src" / "headstart"
    users = [
        p.name
        for p in source.rglob("*.py")
        if "dann" in p.read_text(encoding="utf-8").lower() and p.parent.name != "objectives"
    ]
    assert users == [] and Dann().streams
