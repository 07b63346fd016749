"""Claim: rows that are empty or cut on their way into the network are named, alike alone and in a batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from PIL import Image as Pillow

import headstart as hs
from headstart.core.errors import DataError, UsageError
from headstart.core.interface import command_line
from headstart.data.rows import Rows
from headstart.data.transforms import check_examples, make_transform, told_cut
from headstart.inputs._encoding import Encoding
from headstart.inputs.image import Image
from headstart.inputs.text import Text
from headstart.inputs.vector import Vector
from headstart.models.load import load_source
from headstart.models.operate import keeps_weights, operate
from headstart.models.surgery.adapt_input import AdaptInput
from headstart.runs.evaluate import evaluate_saved
from toys import save_tokenizer


def rows(inputs: Any) -> Rows:
    return Rows([f"row {place}" for place in range(len(inputs))], inputs)


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tokenizer(tmp_path_factory.mktemp("words"), special=False)


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = save_tokenizer(tmp_path_factory.mktemp("gpt2"), "good bad film", special=False)
    torch.manual_seed(0)
    config = transformers.GPT2Config(n_embd=8, n_layer=1, n_head=2, vocab_size=20, n_positions=24)
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("separate", "texts", "empty"),
    [
        (False, ["good", "", " \t", "!", "bad film"], ["row 1", "row 2"]),
        (False, [("", "good"), ("", ""), ("bad", "film")], ["row 1"]),
        (True, [("", "good"), ("", ""), ("bad", "film"), ("bad", " ")], ["row 0", "row 1", "row 3"]),
    ],
)
def test_a_text_without_any_token_is_named(words: Path, separate: bool, texts: list[Any], empty: list[str]) -> None:
    with pytest.raises(DataError, match="nothing of it is left for the network") as caught:
        check_examples(rows(texts), Text(str(words), 8, separate=separate))
    assert [problem.where for problem in caught.value.problems] == empty


def test_a_length_that_leaves_nothing_is_refused(tmp_path: Path, words: Path) -> None:
    special = str(save_tokenizer(tmp_path))
    with pytest.raises(UsageError, match=r"takes 2 tokens, and 2 are special ones.*adapt_input max_length=3"):
        check_examples(rows(["good", "bad"]), Text(special, 2))
    with pytest.raises(UsageError, match="takes 3 tokens, and 3 are special ones"):
        check_examples(rows([("good", "bad")]), Text(special, 3))
    check_examples(rows([("good", "bad")]), Text(special, 3, separate=True))
    check_examples(rows(["good", "bad"]), Text(str(words), 1))
    with pytest.raises(UsageError, match="the rows of the data hold none"):
        check_examples(rows(np.zeros((3, 0), np.float32)), Vector())


def test_special_tokens_make_a_blank_text_an_example(tmp_path: Path) -> None:
    check_examples(rows(["good", ""]), Text(str(save_tokenizer(tmp_path)), 8))


def test_an_empty_text_is_named_in_fit_and_predict(gpt2: Path, tmp_path: Path) -> None:
    texts = [f"{'good' if place % 2 else 'bad'} film" for place in range(40)]
    labels = ["yes" if place % 2 else "no" for place in range(40)]
    settings = {"stages.0.steps": 2, "stages.0.batch_size": 1, "data.validation": 0.0}
    with pytest.raises(DataError, match=r"\[3\], column .x.: has no text"):
        hs.fit(([*texts[:3], "", *texts[4:]], labels), source=f"hf:{gpt2}", strategy="full", settings=settings)
    run = hs.fit((texts, labels), source=f"hf:{gpt2}", strategy="full", settings=settings, out=tmp_path / "run")
    model = hs.load(run.folder)
    for given in ([""], ["good film", ""]):
        with pytest.raises(DataError, match=rf"\[{len(given) - 1}\], column .x.: has no text"):
            model.predict(given)


def test_a_row_of_nothing_gives_one_answer_alone_and_in_a_batch(gpt2: Path) -> None:
    backbone = load_source(f"hf:{gpt2}").eval()
    transform = make_transform(backbone.card.input)
    items = transform.prepare(["", "good film bad"])
    with torch.no_grad():
        alone = backbone(transform.collate([items[0]]))["pooled"]
        beside = backbone(transform.collate([*items]))["pooled"][:1]
    assert torch.allclose(alone, beside, atol=1e-6)


def test_terms_that_are_all_unknown_have_an_answer(tmp_path: Path) -> None:
    data = (["good film", "bad film"] * 20, ["yes", "no"] * 20)
    run = hs.fit(data, source="tfidf:words", settings={"data.validation": 0.0}, out=tmp_path / "run")
    model = hs.load(run.folder)
    alone, beside = model.predict_proba(["zebra"]), model.predict_proba(["good film", "zebra", "!"])
    assert np.allclose(alone[0], beside[1], atol=1e-6) and np.allclose(alone[0], beside[2], atol=1e-6)


def test_long_texts_are_counted_and_named(words: Path) -> None:
    expects = Text(str(words), 4, positions=6)
    texts = ["good", "good bad film good", "good bad film good bad", "good " * 9]
    told = told_cut([rows(texts)], expects)
    assert told == (
        "2 of 4 texts are longer than 4 tokens and are cut: row 2, row 3; surgery='adapt_input max_length=6' shows more"
    )
    assert told_cut([rows(texts)], expects, advise=False).endswith("are cut: row 2, row 3")
    with command_line():
        assert "--surgery 'adapt_input max_length=6' shows more" in told_cut([rows(texts)], expects)
    assert "max_length=9" in told_cut([rows(texts)], Text(str(words), 4))
    assert told_cut([rows(texts)], Text(str(words), 6, positions=6)).endswith("is cut: row 3")
    assert told_cut([rows(texts)], Text(str(words), 9)) == ""
    pairs = [("good", "bad film"), ("good bad film", "good bad"), ("good", "good bad film good bad")]
    assert told_cut([rows(pairs)], Text(str(words), 4)).startswith("2 of 3 texts are longer than 4 tokens")
    assert told_cut([rows(pairs)], Text(str(words), 4, separate=True)).startswith("1 of 3 texts")


def test_of_many_rows_a_sample_is_looked_at_and_it_is_said(words: Path) -> None:
    texts = ["good " * 9, "bad"] * 2500
    told = told_cut([rows(texts[:4000]), rows(texts[4000:])], Text(str(words), 4))
    assert told.startswith(
        "834 of 1,668 texts looked at, of 5,000, are longer than 4 tokens and are cut: row 0, row 6, and"
    )


def test_wide_pictures_lose_much_unless_they_are_shown_whole() -> None:
    wide, square, tall = (np.zeros(size, np.uint8) for size in ((20, 50), (30, 30), (64, 20)))
    told = told_cut([rows([wide, square, tall])], Image(16, 16))
    assert told == (
        "2 of 3 images lose more than half of their area, as their centre is cut (16 x 16): row 0, row 2; "
        "surgery='adapt_input whole=true' shows more"
    )
    assert told_cut([rows([wide, square, tall])], Image(16, 16, whole=True)) == ""
    assert told_cut([rows([wide])], Image(16, 32, crop=0.9)) == ""
    halves = np.zeros((20, 60, 3), np.uint8)
    halves[:, 50:] = 255
    centre, whole = (make_transform(Image(16, 16, whole=each)) for each in (False, True))
    assert centre.example(halves, "x", None).max() == 0 and whole.example(halves, "x", None)[:, -1].min() == 255


def test_the_sizes_of_files_are_read_upright(tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6  # lies on its side
    Pillow.new("RGB", (40, 16)).save(tmp_path / "turned.jpg", exif=exif)
    assert told_cut([rows([tmp_path / "turned.jpg"])], Image(40, 16)) == ""
    assert told_cut([rows([tmp_path / "turned.jpg"])], Image(16, 40)).startswith("1 of 1 image loses")


def test_categories_without_a_number_are_named() -> None:
    city = np.array(["Rome", "Rome", "Oslo", "Oslo", "Bonn", None], dtype=object)
    expects = Vector(3, (Encoding.learn("city", city), Encoding("size", "number")))
    cells = np.array([["Rome", 1.0], ["Bern", 2.0], [None, 3.0], ["Bonn", 3.0]], dtype=object)
    told = told_cut([rows(cells)], expects)
    assert told.startswith("2 of 4 rows of numbers hold a value of 'city' that has no number of its own")
    assert told.endswith(": row 1, row 3")
    assert told_cut([rows(cells[[0, 2]])], expects) == ""


def test_a_longer_text_is_read_after_surgery_as_far_as_there_are_positions(gpt2: Path) -> None:
    short = load_source(f"hf:{gpt2}", {"max_length": 4})
    longer = operate(short, ["adapt_input max_length=24"])
    after, before = (cast(Text, backbone.card.input) for backbone in (longer.backbone, short))
    assert (after.max_length, before.max_length) == (24, 4)
    assert keeps_weights(longer.operations[0])
    assert not keeps_weights(AdaptInput(channels=1, whole=True))
    with pytest.raises(UsageError, match="max_length=25 is more than the 24 tokens"):
        operate(short, ["adapt_input max_length=25"])
    with pytest.raises(UsageError, match="max_length is for text"):
        operate(load_source("digits:cnn"), ["adapt_input max_length=25"])
    with pytest.raises(UsageError, match="whole is for images"):
        operate(short, ["adapt_input whole=true"])


def test_what_is_cut_is_told_by_fit_evaluate_and_predict(
    gpt2: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frame = pd.DataFrame({"text": ["good film " * 9, "bad"] * 20, "label": ["yes", "no"] * 20})
    frame.to_csv(tmp_path / "t.csv", index=False)
    settings = {"source.max_length": 8, "stages.0.steps": 2}
    run = hs.fit(tmp_path / "t.csv", source=f"hf:{gpt2}", settings=settings, out=tmp_path / "run", strategy="full")
    told = "20 of 40 texts are longer than 8 tokens and are cut"
    assert any(note.startswith(told) for note in run.notes)
    assert told in (tmp_path / "run" / "report.html").read_text()
    model = hs.load(run.folder)
    model.predict(["bad", "bad"])
    assert not caplog.records
    model.predict(["good film " * 9, "bad"])
    assert "1 of 2 texts is longer than 8 tokens and is cut: [0]\n" in caplog.text
    events = []
    evaluate_saved(run.folder, listen=events.append)
    assert any(told in event.message for event in events)
    again = hs.fit(
        tmp_path / "t.csv",
        source=f"hf:{gpt2}",
        settings={**settings, "surgery": [{"name": "adapt_input", "max_length": 20}]},
        out=tmp_path / "again",
        strategy="full",
    )
    assert not any("are cut" in note for note in again.notes)
    assert cast(Text, hs.load(again.folder).model.backbone.card.input).max_length == 20
