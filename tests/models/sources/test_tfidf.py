"""`tfidf:`: a text becomes what scikit-learn's TF-IDF of the training texts makes of it, in a saved model too."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

import headstart as hs
from headstart.core.choice import Choice
from headstart.core.errors import SourceError, UsageError
from headstart.core.recipe import Recipe
from headstart.core.types import Task
from headstart.data.rows import Dataset, Rows
from headstart.data.transforms import make_transform
from headstart.engine.predict import embed
from headstart.inputs._terms import Terms
from headstart.inputs.text import Text
from headstart.models.load import load_source, rebuild
from headstart.models.model import Backbone, Model
from headstart.models.sources.tfidf import Tfidf
from headstart.models.tree import inspect_network
from headstart.runs.network import load_backbone

TEXTS = ["a good film, a very good one", "a bad film", "good actors", "bad actors in a dull, dull film", "a film"]
CHINESE = ["很好吃", "不好吃", "送得很快", "太慢了", "很好"]
GRAMS: dict[str, Any] = {
    "words": {"analyzer": "word", "ngram_range": (1, 2)},
    "chars": {"analyzer": "char", "ngram_range": (1, 3)},
}


def features(backbone: Backbone, texts: list[Any]) -> np.ndarray:
    """Compute features without any head: the model has no parameter at all."""
    rows = Rows([str(place) for place in range(len(texts))], texts)
    return embed(Model(backbone, {}), rows, make_transform(backbone.card.input), batch_size=2)


@pytest.mark.parametrize(("by", "texts"), [("words", TEXTS), ("chars", CHINESE)])
def test_features_are_those_of_scikit_learn(by: str, texts: list[str]) -> None:
    backbone = load_source(f"tfidf:{by}", {"texts": texts})
    vectorizer = TfidfVectorizer(sublinear_tf=True, **GRAMS[by]).fit(texts)
    new = [*texts, texts[0] + texts[3], "!", "Ωμέγα"]
    expected: Any = vectorizer.transform(new)
    assert backbone.dim == len(vectorizer.vocabulary_)
    np.testing.assert_allclose(features(backbone, new), expected.toarray(), atol=1e-5)
    assert not list(backbone.parameters()) and rebuild(backbone.card).dim == backbone.dim
    assert f"0 parameters, of which 0 learn; features [B, {backbone.dim}]" in str(inspect_network(backbone))


def test_the_terms_of_the_two_texts_of_a_pair_are_told_apart() -> None:
    pairs = [("good", "bad"), ("bad", "good"), ("good", "good")]
    backbone = load_source("tfidf:words", {"texts": pairs})
    assert backbone.dim == 4
    found = features(backbone, pairs)
    assert np.abs(found[0] - found[1]).max() > 0.5 and (found[0] @ found[1]) == pytest.approx(0)


def test_the_features_of_the_training_rows_are_cut_to_what_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headstart.inputs._terms.MOST_BYTES", 2 * 4 * len(TEXTS))
    backbone = load_source("tfidf:words", {"texts": TEXTS})
    assert backbone.dim == 2 and "2 terms (the most frequent ones, as more would take" in backbone.card.source_task
    assert set(json.loads((Path(tokenizer(backbone)) / "terms.json").read_text())["terms"]) == {"film", "good"}


def tokenizer(backbone: Backbone) -> str:
    expects = backbone.card.input
    assert isinstance(expects, Text)
    return expects.tokenizer


def test_a_saved_model_needs_neither_the_data_nor_the_folder_of_the_terms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []
    keep = Terms.in_a_folder
    monkeypatch.setattr(Terms, "in_a_folder", lambda terms: made.append(keep(terms)) or made[-1])
    texts = [f"{word} film" for word in ("good", "fine", "bad", "dull") for _ in range(6)]
    data = {"train": (texts, ["+"] * 12 + ["-"] * 12), "test": (["fine", "dull", "unheard"], ["+", "-", "-"])}
    run = hs.fit(
        data, source="tfidf:words", settings={"data.validation": 0, "stages.0.steps": 60}, out=tmp_path / "run"
    )
    before = hs.load(run.folder)
    assert run.recipe.stages[0].strategy is not None and run.recipe.stages[0].strategy.name == "linear_probe"
    assert before.predict(["a good one", "so dull"]) == ["+", "-"]
    expected = before.embed(["bad", "unheard"])
    assert expected[0].any() and not expected[1].any(), "the vocabulary is of the training texts alone"
    for folder in made:
        shutil.rmtree(folder)
    moved = shutil.move(run.folder / "model", tmp_path / "elsewhere")
    assert sorted(path.suffix for path in Path(moved).rglob("*") if path.is_file()) == [".json"] * 3 + [
        ".md",
        ".safetensors",
    ]
    np.testing.assert_array_equal(hs.load(moved).embed(["bad", "unheard"]), expected)
    again = load_source(f"run:{moved}")
    np.testing.assert_array_equal(features(again, ["bad", "unheard"]), expected)


@pytest.mark.parametrize(("drawn", "expected"), [(("validation",), {"good", "fine"}), ((), {"good"})])
def test_terms_are_of_the_rows_that_are_learnt_in_the_end_and_never_of_test_rows(
    drawn: Any, expected: set[str]
) -> None:
    words = {"train": "good", "validation": "fine", "test": "unheard"}
    splits = {name: Rows([name], [word], {"target": np.array([0])}) for name, word in words.items()}
    task = Task.of("text", "binary", ("x",), ("y",), ("a", "b"))
    data = Dataset(task, splits, {"train": splits["train"]}, drawn=drawn)
    backbone = load_backbone(Recipe(source=Choice("tfidf:words")), data)
    assert set(Terms.read(Path(tokenizer(backbone)) / "terms.json").terms) == expected


def test_what_it_cannot_learn_from_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there are none here: name the data"):
        load_source("tfidf:words")
    with pytest.raises(UsageError, match="Did you mean"):
        load_source("tfidf:word", {"texts": TEXTS})
    with pytest.raises(SourceError, match="2 training texts have no words to learn from"):
        load_source("tfidf:words", {"texts": ["!", "?"]})
    with pytest.raises(UsageError, match=r"l2_sp needs weights of the source; tfidf:words has none"):
        hs.fit((TEXTS * 4, [1, 0, 1, 0, 0] * 4), source="tfidf:words", strategy="l2_sp", out=tmp_path / "run")


def test_damaged_terms_are_refused(tmp_path: Path) -> None:
    backbone = load_source("tfidf:words", {"texts": TEXTS})
    plain = json.loads((Path(tokenizer(backbone)) / "terms.json").read_text())
    for wrong in ({**plain, "idf": plain["idf"][1:]}, {**plain, "by": "ideas"}, {**plain, "format": 9}, [], {}):
        (tmp_path / "terms.json").write_text(json.dumps(wrong))
        with pytest.raises(UsageError, match="holds no terms"):
            Terms.read(tmp_path / "terms.json")


def test_terms_in_use_are_still_plain_data() -> None:
    terms = Terms.learn(TEXTS, "words")
    assert terms(["good film"])["weights"][0].size == 3
    assert pickle.loads(pickle.dumps(terms)) == terms


@pytest.mark.parametrize(
    ("texts", "source"),
    [
        (TEXTS, "tfidf:words"),
        (CHINESE, "tfidf:chars"),
        (["อร่อยมาก", "ไม่อร่อย ok"], "tfidf:chars"),
        (["Это хорошо 好", "плохо"], "tfidf:words"),
        ([("很好 OK", "不好"), ("太慢", "")], "tfidf:chars"),
        (["123", "!"], "tfidf:words"),
    ],
)
def test_the_script_decides_what_is_offered(texts: list[Any], source: str) -> None:
    task = Task.of("text", "binary", ("x",), ("y",), ("a", "b"))
    (offer,) = Tfidf.offers(task, texts)
    assert offer.source == source and (offer,) == Text.baselines(texts) and offer.head == "linear" and offer.why
    rows = np.zeros((3, 2), dtype=np.float32)
    assert Tfidf.offers(Task.of("vector", "binary", ("x",), ("y",), ("a", "b")), rows) == []


def test_rows_without_a_known_term_are_a_batch_too() -> None:
    backbone = load_source("tfidf:words", {"texts": TEXTS})
    assert torch.equal(torch.from_numpy(features(backbone, ["?", "!"])), torch.zeros(2, backbone.dim))
