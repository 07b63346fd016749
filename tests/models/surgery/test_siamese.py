"""Both texts of a pair through one network, each by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import headstart as hs
import toys
from headstart.artifact.load import load
from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.inputs.text import Text
from headstart.models.load import rebuild
from headstart.models.surgery._towers import COSINE
from models.surgery.patients import pairs_of_words, patient_after, tiny_bert

PAIRS = [("good", "bad virus covid19"), ("the virus", "the virus"), ("bad bad", "good")]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tiny_bert(tmp_path_factory.mktemp("bert"))


def features(backbone: Any, inputs: list[Any]) -> torch.Tensor:
    expects = backbone.card.input
    return backbone.eval()(expects.collate(expects.prepare(inputs)))["pooled"]


@pytest.mark.parametrize(("kind", "width"), [("all", 65), ("symmetric", 33), ("cosine", 1)])
def test_features_are_made_of_what_each_text_gives_by_itself(bert: Any, kind: str, width: int) -> None:
    apart = patient_after(bert, f"siamese features={kind}")
    found = features(apart, PAIRS)
    u, v = (torch.nn.functional.normalize(features(bert, [pair[side] for pair in PAIRS])) for side in (0, 1))
    wanted = torch.cat([COSINE * (u * v).sum(1, keepdim=True), (u - v).abs(), u * v * 4, u, v], dim=1)
    assert apart.dim == width == found.shape[1]
    torch.testing.assert_close(found, wanted[:, :width])


def test_the_order_of_the_two_counts_only_where_u_and_v_are_features(bert: Any) -> None:
    turned = [pair[::-1] for pair in PAIRS]
    for kind, counts in (("all", True), ("symmetric", False)):
        apart = patient_after(bert, f"siamese features={kind}")
        assert torch.equal(features(apart, PAIRS), features(apart, turned)) != counts


def test_both_texts_teach_the_network(bert: Any) -> None:
    apart = patient_after(bert, "siamese features=cosine")
    words = apart.net.get_input_embeddings().weight
    features(apart, [("good", "bad")]).sum().backward()
    good, bad = (apart.card.input.prepare([(word, word)])[0][0]["input_ids"][1] for word in ("good", "bad"))
    assert words.grad[good].abs().sum() > 0 and words.grad[bad].abs().sum() > 0


@pytest.mark.parametrize("steps", [["cut after=layers.0", "siamese"], ["siamese", "cut after=layers.0"]])
def test_it_goes_with_a_cut_before_and_after_and_is_built_again(bert: Any, steps: list[str]) -> None:
    steps = [*steps, "rename layer=encoder.layer.0 to=first"]
    apart = patient_after(bert, *steps)
    again = rebuild(apart.card)
    again.load_state_dict(apart.state_dict())
    assert torch.equal(features(again, PAIRS), features(apart, PAIRS))
    assert features(apart, PAIRS).shape[1] == 65 and not torch.equal(
        features(apart, PAIRS), features(patient_after(bert, "siamese"), PAIRS)
    )


def test_what_has_no_parts_is_refused(bert: Any) -> None:
    with pytest.raises(UsageError, match="vector:mlp takes rows of numbers, which are no pairs"):
        hs.operate(toys.source("vector:mlp"), ["siamese"])
    with pytest.raises(UsageError, match="by themselves already"):
        hs.operate(bert, ["siamese", "siamese"])
    with pytest.raises(UsageError, match="head2toe takes each example's features from all layers"):
        plugins.build("strategies", "head2toe", {}).insert(patient_after(bert, "siamese"))


def test_a_run_on_pairs_probes_by_default_and_its_model_predicts_pairs(bert: Any, tmp_path: Path) -> None:
    source, settings = bert.card.name, {"surgery.0.name": "siamese", "stages.0.steps": 5}
    run = hs.fit(pairs_of_words(40), source=source, settings=settings, out=tmp_path / "run")
    strategy = run.recipe.stages[0].strategy
    assert strategy is not None and strategy.name == "linear_probe", "the weights are all the source's"
    predictor = load(run.folder)
    expects: Any = predictor.model.backbone.card.input
    assert expects.separate and predictor.model.backbone.dim == 65
    assert len(predictor.predict([("good", "bad")])) == 1
    lone = pairs_of_words(40).drop(columns="sentence2").rename(columns={"sentence1": "text"})
    with pytest.raises(UsageError, match="takes pairs of texts, each for itself"):
        hs.fit(lone, source=source, settings=settings, out=tmp_path / "lone")


def test_pairs_are_worth_trying_both_ways() -> None:
    assert Text.surgeries(["a"]) == ((),)
    assert Text.surgeries(["a", "b"]) == ((), ("siamese",))
