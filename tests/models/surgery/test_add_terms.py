"""The terms of texts beside the features of a network."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import headstart as hs
import toys
from headstart.core.errors import UsageError
from headstart.inputs._terms import Terms
from headstart.models.load import rebuild
from headstart.models.model import Backbone
from headstart.models.operate import operate
from headstart.models.surgery.add_terms import AddTerms
from headstart.models.surgery.siamese import Siamese
from models.surgery.patients import patient_after, tiny_bert

TEXTS = ["good virus", "bad virus", "the bad covid19", "the good good"]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tiny_bert(tmp_path_factory.mktemp("bert"))


def features(backbone: Backbone, texts: list[Any]) -> torch.Tensor:
    expects: Any = backbone.card.input
    return backbone.eval()(expects.collate(expects.prepare(texts)))["pooled"]


def test_features_come_first_and_the_weights_of_the_terms_behind_them(bert: Any) -> None:
    added = operate(bert, [AddTerms(texts=TEXTS)]).backbone
    new = ["good covid19", "unheard words"]
    found = features(added, new)
    terms = Terms.learn(TEXTS, "words")
    assert added.dim == found.shape[1] == bert.dim + len(terms.terms)
    dense = np.zeros((2, len(terms.terms)), np.float32)
    told = terms(new)
    for row, (places, weights) in enumerate(zip(told["input_ids"], told["weights"], strict=True)):
        dense[row, places] = weights
    np.testing.assert_allclose(found[:, bert.dim :].detach(), dense, atol=1e-6)
    assert dense[0].any() and not dense[1].any()
    own = torch.nn.functional.normalize(features(bert, new))
    torch.testing.assert_close(found[:, : bert.dim], own * found[0, : bert.dim].norm())


def test_both_parts_differ_as_much_among_the_training_texts(bert: Any) -> None:
    found = features(operate(bert, [AddTerms(texts=TEXTS)]).backbone, TEXTS)
    spread = found.var(dim=0, correction=0)
    assert spread[: bert.dim].sum().item() == pytest.approx(1, abs=0.01)
    assert 0.5 < spread[bert.dim :].sum().item() < 1


@pytest.mark.parametrize("before", [[], ["cut after=layers.0"]])
def test_it_goes_with_a_cut_before_and_after_and_is_built_again(bert: Any, before: list[str]) -> None:
    steps = [*before, AddTerms(texts=TEXTS), *([] if before else ["cut after=layers.0"])]
    added = operate(bert, steps).backbone
    again = rebuild(added.card)
    again.load_state_dict(added.state_dict())
    assert torch.equal(features(again, TEXTS), features(added, TEXTS))
    inner = features(patient_after(bert, "cut after=layers.0"), TEXTS)
    torch.testing.assert_close(
        torch.nn.functional.normalize(features(added, TEXTS)[:, : bert.dim]), torch.nn.functional.normalize(inner)
    )


def test_terms_of_a_pair_are_told_apart(bert: Any) -> None:
    added = operate(bert, [AddTerms(texts=[("good", "bad"), ("bad", "good")])]).backbone
    one, other = features(added, [("good", "bad"), ("bad", "good")])[:, bert.dim :]
    assert one.any() and not (one * other).any()


def test_what_has_no_terms_is_refused(bert: Any) -> None:
    terms = AddTerms(texts=TEXTS)
    with pytest.raises(UsageError, match="takes rows of numbers, and only texts have terms"):
        operate(toys.source("vector:mlp"), [terms])
    with pytest.raises(UsageError, match="there are none here: name the data"):
        operate(bert, ["add_terms"])
    with pytest.raises(UsageError, match="has terms beside its features already"):
        operate(bert, [terms, terms])
    with pytest.raises(UsageError, match="go through this network one by one"):
        operate(bert, [Siamese(), terms])
    with pytest.raises(UsageError, match="cannot be told apart"):
        operate(bert, [terms, Siamese()])


def test_a_saved_model_has_the_terms_in_it(bert: Any, tmp_path: Path) -> None:
    texts = [f"{word} virus" for word in ("good", "the", "bad", "covid19") for _ in range(6)]
    data = (texts, ["+"] * 12 + ["-"] * 12)
    source = tmp_path / "source"
    shutil.copytree(Path(bert.card.input.tokenizer), source)
    run = hs.fit(
        data,
        source=f"hf:{source}",
        strategy="linear_probe",
        settings={"surgery": [{"name": "add_terms"}], "data.validation": 0},
        out=tmp_path / "run",
    )
    model = hs.load(run.folder)
    assert (run.folder / "model" / "terms" / "terms.json").is_file()
    assert set(model.predict(["good", "bad"])) == {"+", "-"}
    before = model.embed(["good unheard"])
    moved = shutil.move(run.folder / "model", tmp_path / "elsewhere")
    np.testing.assert_array_equal(hs.load(moved).embed(["good unheard"]), before)
    assert "texts" not in run.recipe.to_toml()
