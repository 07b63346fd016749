"""The nested head: the source's own answers, then a linear layer; weights here are made by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import headstart as hs
from headstart.core.errors import SourceError, UsageError
from headstart.core.types import Features, LossOptions, Solving
from headstart.models.heads.mlp import Mlp
from headstart.models.heads.nested import Nested
from headstart.models.load import load_source
from headstart.models.model import Backbone
from headstart.models.weights import load_exactly
from models.heads.contract import CLASSES, learn


def source(**has: Any) -> Backbone:
    """Make a backbone of two features whose head is what `has` says."""
    backbone = load_source("vector:mlp", {"dim": 2, "width": 2})
    for name, value in has.items():
        setattr(backbone, name, value)
    return backbone


def started(options: Nested, **has: Any) -> Any:
    head = options.build(2, CLASSES)
    head.start(source(**has))
    return head


LOGS = (torch.tensor([[math.log(2), 0.0], [0.0, math.log(3)]]), torch.zeros(2))  # logits: log 2^x0, log 3^x1


def test_it_is_an_even_guess_at_first_and_learns():
    head: Any = Nested().build(32, CLASSES)
    out = head(Features(pooled=torch.randn(64, 32)))
    assert head.loss(out, torch.randint(5, (64,))).item() == pytest.approx(math.log(5), abs=0.1)
    assert learn(head)(Features(pooled=torch.randn(3, 32))).shape == (3, 5)


@pytest.mark.parametrize("features", [True, False])
def test_the_layer_sees_the_probabilities_of_the_sources_classes_and_the_features(features):
    head = started(Nested(features=features), source_classifier=LOGS)
    seen = head.trunk.seen(torch.tensor([[1.0, 1.0], [2.0, 0.0]]))
    expected = torch.tensor([[2 / 5, 3 / 5, 1.0, 1.0], [4 / 5, 1 / 5, 2.0, 0.0]])
    assert torch.allclose(seen, expected if features else expected[:, :2])
    width = 4 if features else 2
    with torch.no_grad():
        head.trunk.layer.weight.copy_(torch.arange(5 * width).view(5, width))
        head.trunk.layer.bias.fill_(0.5)
    out = head(Features(pooled=torch.tensor([[1.0, 1.0]])))
    first = 0.5 + (0.6 + 2.0 + 3.0 if features else 0.6)  # 0 · 2/5 + 1 · 3/5 (+ 2 · 1 + 3 · 1) + 1/2
    assert out[0, 0].item() == pytest.approx(first)


def test_the_layer_sees_the_hidden_layer_of_the_source():
    hidden = (torch.tensor([[1.0, 0.0], [0.0, -1.0], [1.0, 1.0]]), torch.tensor([0.0, 0.0, 1.0]))
    head = started(Nested(answer="hidden", features=False), source_hidden=hidden)
    z = torch.tensor([[1.0, -2.0, 4.0]])  # of x = (1, 2)
    gelu = z * 0.5 * (1 + torch.erf(z / math.sqrt(2)))
    assert torch.allclose(head.trunk.seen(torch.tensor([[1.0, 2.0]])), gelu)


@pytest.mark.parametrize("learns", [True, False])
def test_the_sources_head_learns_only_if_it_is_to(learns):
    head = started(Nested(learns=learns), source_classifier=LOGS)
    head.loss(head(Features(pooled=torch.randn(8, 2))), torch.randint(5, (8,))).backward()
    names = {name for name, parameter in head.named_parameters() if parameter.grad is not None}
    own = {"trunk.layer.weight", "trunk.layer.bias"}
    assert names == (own | {"trunk.source.weight", "trunk.source.bias"} if learns else own)
    assert head.solves(Solving(LossOptions(), "none")) is not learns
    assert torch.equal(LOGS[0], started(Nested(), source_classifier=LOGS).trunk.source.weight)


@pytest.mark.parametrize("learns", [True, False])
def test_what_is_loaded_gives_the_size_of_the_sources_head(learns):
    options = Nested(learns=learns)
    head, loaded = started(options, source_classifier=LOGS), options.build(2, CLASSES)
    load_exactly(loaded, head.state_dict(), "here")
    assert torch.equal(loaded(x := Features(pooled=torch.randn(3, 2))), head(x))
    with pytest.raises(SourceError, match="missing"):
        load_exactly(loaded, {}, "here")


def test_it_is_solved_on_what_the_layer_sees():
    """Classes that a line on the features cannot tell apart, and one on the source's answers can."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2)).astype(np.float32)
    hidden = (torch.tensor([[3.0, 0.0], [-3.0, 0.0]]), torch.zeros(2))  # GELU of both: about 3 |x0|
    y = (np.abs(x[:, 0]) > 0.6).astype(np.int64)
    head = started(Nested(answer="hidden"), source_hidden=hidden)
    solved = head.solve(x, y, Solving(LossOptions(), "none"))
    out = head(Features(pooled=torch.from_numpy(x))).detach().numpy()
    assert (out.argmax(axis=1) == y).mean() > 0.97 and (solved.out_of_fold.argmax(axis=1) == y).mean() > 0.95


@pytest.mark.parametrize(
    ("options", "has", "said"),
    [
        (Nested(), {}, "has none on these features.*Take a source that was trained to classify"),
        (Nested(), {"source_hidden": LOGS}, "none on these features; answer=hidden takes"),
        (Nested(), {"source_classifier": LOGS, "source_form": "labels"}, "has a head of the form 'labels'"),
        (Nested(answer="hidden"), {"source_classifier": LOGS}, "that of vector:mlp has none. Take run:FOLDER"),
    ],
)
def test_a_source_without_such_a_head_is_refused(options, has, said):
    with pytest.raises(UsageError, match=said):
        started(options, **has)


def rows(seed: int) -> tuple[np.ndarray, list[str]]:
    x = np.random.default_rng(seed).normal(size=(90, 4)).astype(np.float32)
    return x, [("in", "out")[int(row[0] ** 2 + row[1] ** 2 > 1.4)] for row in x]


@pytest.fixture(scope="module")
def earlier(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("earlier")
    for head in ("linear", "mlp"):
        hs.fit(rows(0), source="vector:mlp", head=head, out=folder / head, strategy="full", steps=20)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("head", ["nested", "nested answer=hidden", "nested learns=true features=false"])
def test_a_run_on_an_earlier_run_is_saved_and_loaded_without_it(earlier, tmp_path, head):
    of = earlier / ("mlp" if "hidden" in head else "linear")
    hs.fit(rows(1), source=f"run:{of}", head=head, out=tmp_path / "run", strategy="linear_probe")
    tensors = load_source(f"run:{of}")
    own = tensors.source_hidden if "hidden" in head else tensors.source_classifier
    assert own is not None
    assert ('optimiser = "solve"' in (tmp_path / "run" / "recipe.toml").read_text()) is ("learns" not in head)
    of.rename(of.with_suffix(".away"))
    try:
        loaded: Any = hs.load(tmp_path / "run")
    finally:
        of.with_suffix(".away").rename(of)
    kept = loaded.model.head.trunk.source.weight
    assert kept.shape == own[0].shape and torch.equal(kept, own[0]) is ("learns" not in head)
    assert isinstance(kept, torch.nn.Parameter) is ("learns" in head)
    assert len(loaded.predict(rows(2)[0])) == 90
    with pytest.raises(UsageError, match=r"none on these features"):
        hs.fit(rows(1), source=f"run:{tmp_path / 'run'}", head="nested", out=tmp_path / "more")


@pytest.mark.slow
def test_the_hidden_layer_of_a_run_is_that_of_its_head(earlier):
    found = load_source(f"run:{earlier / 'mlp'}")
    assert found.source_classifier is None and found.source_hidden is not None
    kept: Any = hs.load(earlier / "mlp").model.head
    x = torch.randn(5, found.dim)
    head = Nested(answer="hidden", features=False).build(found.dim, CLASSES)
    head.start(found)
    inner: Any = head.trunk
    assert torch.allclose(inner.seen(x), kept.eval().trunk[:2](x))
    assert Mlp().hidden_layer == "trunk.0"
