"""Claim: before any training one can look at rows as the network sees them, and follow one on its way into it."""

from __future__ import annotations

import base64
import io
import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from PIL import Image as Pillow

import headstart as hs
from headstart import views as known_views
from headstart.cli.main import main
from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.inputs.image import Image
from toys import save_tokenizer


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for label, colour in (("red", (250, 0, 0)), ("blue", (0, 0, 250))):
        folder = tmp_path / "photos" / label
        folder.mkdir(parents=True)
        for number in range(8):
            picture = Pillow.new("RGB", (64, 32), colour)
            picture.paste((0, 250, 0), (0, 0, 10, 32 - number))
            picture.save(folder / f"{number}.png")
    return tmp_path / "photos"


@pytest.fixture
def bert(tmp_path: Path) -> str:
    folder = save_tokenizer(tmp_path / "bert", "good bad film")
    config = transformers.BertConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, vocab_size=20
    )
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    return f"hf:{folder}"


class Images(HTMLParser):
    """Finds the pictures of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.sources.append(dict(attrs)["src"] or "")


def test_pictures_are_shown_as_the_network_sees_them(photos: Path, tmp_path: Path) -> None:
    source = "timm:test_resnet pretrained=false"
    shown = hs.show(photos, source=source, surgery=["adapt_input size=32"], views=["plain", "weak"], rows=3)
    assert list(shown.examples[0]["views"]) == ["as it is", "plain", "weak"]
    pictures = Images(shown.save(tmp_path / "page.html").read_text(encoding="utf-8")).sources
    assert len(pictures) == 9
    opened = [Pillow.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) for uri in pictures]
    assert [picture.size for picture in opened[:3]] == [(64, 32), (32, 32), (32, 32)]
    first = shown.examples[0]
    inner = np.asarray(opened[1], dtype=int)[:, 8:].reshape(-1, 3).mean(axis=0)  # the green edge is cut
    assert inner.argmax() == (0 if first["label"] == "red" else 2) and inner[1] < 10
    steps = dict(shown.steps)
    assert steps["decoded, upright"] == "64 x 32, RGB"
    assert steps["the part that is seen"].startswith("30 x 30 at (17, 1) of 64 x 32, 45% of the area")
    assert any(name.startswith("resized") and gave.startswith("[32, 32, 3] uint8, ") for name, gave in shown.steps)
    assert steps["normalised, as a batch of one"].startswith("[1, 3, 32, 32] float32, -")
    assert shown.walked.endswith(".png") and f"{(photos / 'red' / '0.png').stat().st_size:,}"[:1] in steps["file"]
    assert len(repr(shown)) < 160 and "3 of " in repr(shown) and "in 2 views" in repr(shown)
    assert shown._repr_html_().startswith("<iframe srcdoc=")


def test_rows_without_labels_are_named_as_set_aside(photos: Path) -> None:
    (photos / "train").mkdir()
    for label in ("red", "blue"):
        (photos / label).rename(photos / "train" / label)
    (photos / "test").mkdir()
    Pillow.new("RGB", (64, 32)).save(photos / "test" / "0.png")
    told = f"test: 1 row without labels is set aside (hs.load(RUN).predict('{photos / 'test'}') answers it)"
    heard: list[str] = []
    found = hs.show(
        photos, source="timm:test_resnet pretrained=false", listen=lambda event: heard.append(event.message)
    )
    assert list(found.notes)[:1] == [told] and told in str(found) and told not in heard
    assert "1 row without labels is set aside" in found.page()


def test_each_view_shows_what_it_makes_of_a_row(photos: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (16, 64, 48, 3), dtype=np.uint8)
    for path, pixels in zip(sorted(photos.glob("*/*.png")), noise, strict=True):
        Pillow.fromarray(pixels).save(path)
    views = ["plain", "weak", "strong"]
    shown = hs.show(photos, source="digits:cnn", views=views, rows=4, seed=3)
    for example in shown.examples:
        pictures = [example["views"][view]["image"] for view in ("as it is", *views)]
        assert len(set(pictures)) == 4
    again = hs.show(photos, source="digits:cnn", views=views, rows=4, seed=3)
    assert again.examples == shown.examples


@pytest.mark.slow
def test_the_report_of_a_run_shows_what_its_training_saw(photos: Path, bert: str, tmp_path: Path) -> None:
    quick = {"validation": 0.25, "test": 0.25, "progress": False}
    looks = {
        "source": "timm:test_resnet pretrained=false",
        "strategy": "full",
        "steps": 1,
        "surgery": "adapt_input size=32",
    }
    for augment, views in (("weak", ["as it is", "plain", "weak"]), ("plain", ["as it is", "plain"])):
        run = hs.fit(photos, out=tmp_path / augment, augment=augment, **looks, **quick)
        told = json.loads((run.folder / "report.json").read_text(encoding="utf-8"))
        shown = told["shown"]
        assert shown["of"] == told["rows"]["train"]
        assert [list(example["views"]) for example in shown["examples"]] == [views] * 3
        pictures = [one["image"] for example in shown["examples"] for one in example["views"].values()]
        page = (run.folder / "report.html").read_text(encoding="utf-8")
        part = page[page.index('<section id="what-the-network-sees">') : page.index('<section id="the-data">')]
        assert Images(part).sources == pictures and len(set(pictures)) > 4
        assert "the part that is seen" in part and ("training shows them by weak" in part) == (augment == "weak")
    data = (["good film", "bad film good"] * 10, ["yes", "no"] * 10)
    page = hs.fit(data, source=bert, out=tmp_path / "texts", strategy="full", steps=1, **quick).report()
    assert "[CLS] bad film good [SEP]" in page.read_text(encoding="utf-8")


def test_whole_pictures_are_seen_whole(photos: Path) -> None:
    shown = hs.show(photos, source="timm:test_resnet pretrained=false", surgery=["adapt_input whole=true"], rows=1)
    steps = dict(shown.steps)
    assert steps["squeezed to the network's shape"] == "320 x 320, RGB"
    assert steps["the part that is seen"].endswith("100% of the area") and not shown.notes


def test_tokens_that_are_kept_and_cut(bert: str) -> None:
    data = (["good film", "bad film good"] * 10, ["yes", "no"] * 10)
    shown = hs.show(data, source=bert, settings={"source.max_length": 4}, rows=20)
    seen = {tuple(e["views"]["plain"].items()) for e in shown.examples}
    assert seen == {
        (("text", "[CLS] good film [SEP]"),),
        (("text", "[CLS] bad film [SEP]"), ("cut", "1 tokens, [SEP]")),
    }
    assert shown.notes and "are longer than 4 tokens" in shown.notes[0]
    assert "max_length" in dict(hs.show(data, source=bert, settings={"source.max_length": 3}).steps)["tokens"]
    terms = hs.show(data, source="tfidf:words", rows=1)
    assert "0." in terms.examples[0]["views"]["plain"]["text"]


def test_numbers_after_encoding_and_a_pair_of_texts(bert: str) -> None:
    frame = pd.DataFrame({"age": range(20, 60), "city": ["Rome", "Oslo"] * 20, "label": ["yes", "no"] * 20})
    shown = hs.show(frame, rows=2)
    assert "city = Oslo = " in shown.examples[0]["views"]["plain"]["text"]
    assert [name for name, _ in shown.steps] == [
        "row",
        "encoded by what the training rows say",
        "numbers",
        "a batch of one",
    ]
    pairs = pd.DataFrame({"text_a": ["good film"] * 20, "text_b": ["bad"] * 20, "label": ["yes", "no"] * 10})
    for surgery in ([], ["siamese"]):
        assert "bad" in hs.show(pairs, source=bert, surgery=surgery, rows=1).examples[0]["views"]["plain"]["text"]


def test_the_command_prints_words_and_writes_the_page(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = torch.random.get_rng_state()
    with pytest.raises(SystemExit) as ended:
        main(["show", str(photos), "--source", "digits:cnn", "--rows", "2", "--json"])
    out, told = capsys.readouterr()
    assert not ended.value.code and "decoded, upright" in told and "2 images" not in told
    plain = json.loads(out)
    assert plain["page"] == "show.html" and len(plain["examples"]) == 2 and len(plain["steps"]) >= 5
    ways = 1 + sum(known_views.shows(name, Image) for name in plugins.names("views"))  # as it is, and by each view
    assert len(Images(Path("show.html").read_text(encoding="utf-8")).sources) == 2 * ways
    assert torch.equal(before, torch.random.get_rng_state())
    with pytest.raises(SystemExit):
        main(["show", str(photos), "--out", "nowhere/show.html"])
    assert "there is no folder nowhere" in capsys.readouterr().err
    with pytest.raises(UsageError, match="rows= is how many"):
        hs.show(photos, rows=0)
