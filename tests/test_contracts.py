"""What every plug-in of a kind must do. Plug-ins are found by themselves: a new file is tested without being listed."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import pytest
import torch

import toys
from headstart.artifact.load import load
from headstart.artifact.save import save
from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.errors import SourceError, UsageError
from headstart.core.options import to_plain
from headstart.core.recipe import Recipe, Stage
from headstart.core.types import Batch, Measured, Objective, Score
from headstart.data.rows import Dataset
from headstart.data.transforms import make_transform
from headstart.engine.predict import predict
from headstart.inputs.vector import Vector
from headstart.models.cards import card_from_plain, card_to_plain
from headstart.models.load import load_source, rebuild
from headstart.models.model import Backbone, Head, Model, frozen_modules_train
from headstart.models.operate import build, operate
from headstart.objectives._naming import Naming
from headstart.objectives.dann import Dann
from models.surgery.patients import tiny_bert, tiny_gpt

SOURCES = ("digits:cnn", "timm:test_resnet", "timm:test_vit")
NEEDED = {  # options without which a plug-in cannot be built
    ("combine", "fixed"): {"factors": (1.0, 0.5)},
    ("inputs", "image"): {"height": 16, "width": 16},
    ("inputs", "text"): {"tokenizer": "tokenizer", "max_length": 8},
}
KINDS: list[str] = ["binary", "multiclass", "multilabel", "regression", "retrieval"]


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in plugins.PACKAGES for name in plugins.names(kind)])
def test_every_plugin_is_a_frozen_dataclass_with_defaults_and_a_description(kind: str, name: str) -> None:
    made = plugins.build(kind, name, NEEDED.get((kind, name), {}))
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.anything = 1
    assert plugins.build(kind, name, to_plain(made)) == made
    assert plugins.describe(kind, name).endswith(".")


def pairs() -> list[Any]:
    """Pair strategies with objectives; most of the pairs, whose parts are also met in the others, are slow."""
    return [
        pytest.param(strategy, objective, marks=() if quick else pytest.mark.slow)
        for strategy, objective in product(plugins.names("strategies"), plugins.names("objectives"))
        for quick in [objective in ("supervised", "dann") or strategy in ("full", "linear_probe")]
    ]


@pytest.mark.parametrize(("strategy", "objective"), pairs())
def test_every_strategy_works_with_every_objective(tmp_path: Path, strategy: str, objective: str) -> None:
    what = plugins.build("objectives", objective, {})
    backbone = texts_for(what, tmp_path) or suited(strategy, "timm:test_resnet", "timm:test_vit")
    data = toys.with_pools(toys.dataset(backbone.card.input, toys.kind_for(what)), what)
    model = toys.make_model(backbone, data)
    try:
        outcome = toys.train(tmp_path, model, data, strategy, objective, stage=Stage(steps=3, batch_size=8, lr=1e-3))
    except UsageError as error:
        if str(error).startswith(f"{objective} needs"):  # what it moves is fixed under this strategy
            assert strategy != "full"
            return
        if toys.kind_for(what) != "multiclass" and str(error).startswith(f"{strategy} needs a task of one class a row"):
            return
        if backbone.card.input.ragged and str(error).startswith(f"{strategy} needs"):
            return
        assert "labelled rows" in str(error)  # a strategy that learns from labels first, and an objective without any
        assert not any(stream.labelled for stream in plugins.build("objectives", objective, {}).streams)
        return
    assert outcome.steps == 3
    assert all(torch.isfinite(tensor).all() for tensor in toys.snapshot(model).values())


def texts_for(objective: Objective, folder: Path) -> Backbone | None:
    """Make a network of texts that an objective of tokens takes; None for other objectives."""
    if not isinstance(objective, Naming):
        return None
    for made in (tiny_bert(folder / "bert"), tiny_gpt(folder / "gpt")):
        shorter = dataclasses.replace(cast(Any, made.card.input), max_length=16)  # prompts take positions, too
        made.card = dataclasses.replace(made.card, input=shorter)
        with contextlib.suppress(UsageError):
            objective.modules(toys.make_model(made, toys.dataset(made.card.input)))
            return made
    raise AssertionError("takes no network of texts")


@pytest.mark.parametrize("strategy", plugins.names("strategies"))
def test_a_strategy_works_or_says_what_it_needs_of_a_backbone(strategy: str) -> None:
    refusals = {source: refusal(strategy, source) for source in SOURCES}
    for source, message in refusals.items():
        assert not message or (f"{strategy} needs" in message and toys.source(source).card.name in message)
    assert not all(refusals.values())


@cache
def refusal(strategy: str, source: str) -> str:
    """Return the message by which a strategy refuses a backbone; "" where it takes it."""
    backbone = toys.small(source)
    try:
        plugins.build("strategies", strategy, {}).prepare(toys.make_model(backbone, toys.dataset(backbone.card.input)))
    except UsageError as error:
        return str(error)
    return ""


def suited(strategy: str, *sources: str) -> Backbone:
    """Return the first backbone that a strategy takes."""
    return toys.small(next(source for source in sources if not refusal(strategy, source)))


@pytest.mark.parametrize("strategy", plugins.names("strategies"))
def test_a_strategy_moves_what_it_names_and_nothing_else_and_merging_changes_no_prediction(
    tmp_path: Path, strategy: str
) -> None:
    backbone = suited(strategy, "timm:test_resnet", "timm:test_vit")
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    prepared: dict[str, Any] = {}
    inner = plugins.build("strategies", strategy, {})

    class Watched:
        defaults: ClassVar[Any] = inner.defaults

        def prepare(self, model: Any) -> Any:
            tuning = inner.prepare(model)

            def note(groups: Any) -> None:
                learning = {id(p) for group in groups for p in group.params}
                prepared["names"] = {name for name, p in model.named_parameters() if id(p) in learning}

            note(tuning.groups)
            prepared["before"], prepared["merge"] = toys.snapshot(model), tuning.merge
            survey, tuning.merge = tuning.survey, None
            if survey is not None:
                tuning.survey = lambda rows: (survey(rows), note(tuning.groups))
            return tuning

    toys.train(tmp_path, model, data, Watched(), stage=Stage(steps=3, batch_size=8, lr=1e-2))
    parameters = {name for name, _ in model.named_parameters()}
    moved = toys.moved(prepared["before"], model) & parameters
    assert prepared["names"], "nothing learns"
    assert moved <= prepared["names"]
    assert {name for name in prepared["names"] if name.startswith("heads.")} <= moved
    assert frozen_modules_train(model) == []
    if prepared["merge"] is not None:
        before = outputs(model, data)
        prepared["merge"]()
        assert torch.allclose(before, outputs(model, data), atol=1e-5)


@pytest.mark.parametrize("strategy", plugins.names("strategies"))
def test_a_model_tuned_by_any_strategy_is_saved_and_loaded(tmp_path: Path, strategy: str) -> None:
    backbone = suited(strategy, "timm:test_vit", "timm:test_resnet")
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    toys.train(tmp_path, model, data, strategy, stage=Stage(steps=2, batch_size=8, lr=1e-2))
    save(tmp_path / "model", model, data.task, Recipe(), fingerprint="toy", precision="float32")
    loaded = load(tmp_path / "model", device="cpu").model
    assert torch.equal(outputs(model, data), outputs(loaded, data))
    again = load_source(f"run:{tmp_path / 'model'}")
    copied = copy.deepcopy(model)
    for parameter in model.parameters():
        parameter.data.zero_()
    assert torch.equal(outputs(copied, data), outputs(Model(again, {"target": loaded.head}), data))


def outputs(model: Model, data: Dataset) -> torch.Tensor:
    """Compute what a model gives for the validation rows."""
    found = predict(model, data.splits["validation"], make_transform(model.backbone.card.input))
    return torch.from_numpy(found["target"])


@pytest.mark.parametrize("objective", plugins.names("objectives"))
def test_an_objective_names_its_streams_and_gets_no_labels_where_it_asks_for_none(objective: str) -> None:
    made = plugins.build("objectives", objective, {})
    assert made.streams and len({stream.name for stream in made.streams}) == len(made.streams)
    assert "test" not in {stream.name for stream in made.streams}
    data = toys.with_pools(toys.dataset(Vector(6), toys.kind_for(made)), made)
    model = toys.make_model(toys.normed(), data)
    batches = {}
    for stream in made.streams_in(data.pools):
        rows = data.pools[stream.pool].take(range(stream.rows(8)))
        x, y = torch.from_numpy(rows.inputs), torch.from_numpy(rows.y) if stream.labelled else None
        labels = {} if y is None else {"target": y}
        domains = None if rows.domains is None else torch.from_numpy(rows.domains)
        batches[stream.name] = Batch(list(rows.ids), dict.fromkeys(stream.views, x), labels, domains)
    try:
        extra = made.modules(model)
    except UsageError as error:
        assert f"{objective} needs" in str(error)
        return
    losses = made.losses(model, extra, batches, 0.5)
    assert losses and all(loss.value.ndim == 0 and torch.isfinite(loss.value) for loss in losses.values())
    assert {loss.target for loss in losses.values()} <= {"target", None}
    made.after_step(model, extra)


@pytest.mark.parametrize("objective", plugins.names("objectives"))
def test_a_share_of_the_label_that_is_none_is_refused(objective: str) -> None:
    if "label_smoothing" in plugins.load("objectives", objective).__dataclass_fields__:
        for share in (-0.1, 1.0):
            with pytest.raises(UsageError, match="label_smoothing must be in"):
                plugins.build("objectives", objective, {"label_smoothing": share})


@pytest.mark.parametrize("criterion", plugins.names("criteria"))
def test_a_criterion_names_its_pools_and_gives_a_score_or_none(criterion: str) -> None:
    made = plugins.build("criteria", criterion, {})
    assert "test" not in made.pools
    data = toys.dataset(Vector(6), "multiclass")
    known = {**data.pools, **data.splits}
    outputs = {"target": np.full((len(data.splits["validation"]), 3), 1 / 3, np.float32)}
    features = np.zeros((len(data.splits["validation"]), 5), np.float32) if made.features else None
    rows = {pool: known.get(pool, data.splits["validation"]).take(range(12)) for pool in made.pools}
    score = made.score(data.task, {pool: Measured(own, outputs, features) for pool, own in rows.items()})
    assert score is None or (isinstance(score, Score) and score.name and np.isfinite(score.value))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", plugins.names("heads"))
def test_a_head_maps_features_to_the_outputs_of_the_task(name: str, kind: str) -> None:
    task = toys.task_for(Vector(6), kind)
    try:
        head = plugins.build("heads", name, {}).build(5, task.target)
    except UsageError as error:
        assert f"{name} needs a target of embeddings" in str(error)
        return
    assert isinstance(head, Head)
    if not head.pooled:
        pytest.skip(f"{name}: reads maps or tokens, and has claim tests of its own")
    out = head({"pooled": torch.randn(4, 5)})
    assert out.shape == (4, head.target.outputs)
    y = torch.from_numpy(toys.examples(Vector(6), 4, kind).y)
    assert head.loss(out, y).ndim == 0
    decoded = head.decode(out)
    assert decoded.shape == (4, head.target.outputs)
    if kind in ("binary", "multiclass"):
        assert torch.allclose(decoded.sum(1), torch.ones(4))


def loadable(name: str) -> tuple[str, Backbone]:
    """Load the first model that a source lists, with random weights where that is an option."""
    source = plugins.load("sources", name)
    options: dict[str, Any] = (
        {"pretrained": False} if "pretrained" in {f.name for f in dataclasses.fields(source)} else {}
    )
    told = {"dim": 6, "texts": ["some words", "other words"], "seconds": 0.5}
    options |= {f.name: told[f.name] for f in dataclasses.fields(source) if f.name in told}
    names = plugins.build("sources", name, options).names("")
    if not names:
        pytest.skip(
            f"{name}: lists no model where there is none in this folder or cache; it has claim tests of its own"
        )
    chosen = next((n for n in names if n.startswith(("test_resnet", "MobileNetV2"))), names[0])
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
    x = backbone.card.input.blank(2)
    assert backbone.eval()(x)["pooled"].shape == (2, backbone.dim)


OPERATIONS = {
    "adapt_input": "channels=1",
    "cut": "after=layer2",
    "freeze": "layers=layer1",
    "insert": "after=layer1",
    "load_layers": "layers=layer1",
    "remove": "layers=layer1.0",
    "rename": "layer=conv1 to=entrance",
    "replace": "layers=*.act2 by=gelu",
    "unfreeze": "layers=layer1",
}


@pytest.mark.parametrize("name", plugins.names("surgery"))
def test_an_operation_is_recorded_replayed_and_undone(name: str, tmp_path: Path) -> None:
    of_texts = name in ("siamese", "add_terms", "words", "context")
    backbone = tiny_bert(tmp_path) if of_texts else toys.source("timm:test_resnet")
    weight = torch.randn(2, backbone.dim)
    backbone.source_classifier = (weight, None)
    backbone.card = dataclasses.replace(backbone.card, labels=("a", "b"))
    before, stages, card = toys.snapshot(backbone), backbone.stages(), backbone.card
    operation = build(Choice.parse(f"{name} {OPERATIONS.get(name, '')}", "surgery"))
    if name == "add_terms":  # the training texts come from the data
        operation = dataclasses.replace(cast(Any, operation), texts=["good virus", "bad"])
    operated = operate(backbone, [operation])
    assert operated.notes and all(note.message for note in operated.notes)
    assert operated.backbone.card.architecture["surgery"]["operations"][0]["name"] == name
    staged = [parameter for stage in operated.backbone.stages().values() for parameter in stage]
    assert sorted(staged) == sorted(n for n, _ in operated.backbone.named_parameters())
    again = rebuild(card_from_plain(card_to_plain(operated.backbone.card)))
    assert again.card == operated.backbone.card and again.dim == operated.backbone.dim
    assert again.stages() == operated.backbone.stages()
    again.load_state_dict(operated.backbone.state_dict())
    with torch.no_grad():
        pictures = torch.randn(2, 1 if name == "adapt_input" else 3, 160, 160)
        x = operated.backbone.card.input.blank(2) if of_texts else pictures
        assert torch.equal(again.eval()(x)["pooled"], operated.backbone.eval()(x)["pooled"])
    for parameter in operated.backbone.parameters():
        parameter.data.add_(1.0)
    undone = operated.undo()
    assert toys.moved(before, undone) == set() and undone.stages() == stages and undone.card == card


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
