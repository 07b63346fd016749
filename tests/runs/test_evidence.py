"""What spoke for an answer is found where it was put: one corner of a picture, one word, one column."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image as Pillow

import headstart as hs
import toys
from headstart.core.types import Input, Task
from headstart.data.rows import Dataset, Rows
from headstart.inputs._evidence import column_pieces, cut_pieces, overlay, text_pieces
from headstart.models.model import Model
from headstart.models.pooling import pool
from headstart.runs.evidence import heat_maps
from headstart.runs.mistakes import some


def corner(rows: int, size: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Make pictures of noise; in half of them the lower right corner is bright."""
    rng = np.random.default_rng(seed)
    pictures, labels = rng.integers(0, 90, (rows, size, size, 3)).astype(np.uint8), np.arange(rows) % 2
    pictures[labels == 1, -size // 4 :, -size // 4 :] = 250
    return pictures, labels


def solved(source: str, size: int) -> tuple[Model, torch.Tensor]:
    """Put a head on a frozen network of random weights that tells the corner by least squares."""
    backbone = toys.small(source)
    expects = backbone.card.input
    pictures, labels = corner(24, size)
    task = Task.of("image", "multiclass", ("x",), ("y",), ("dark", "bright"))
    rows = Rows([str(i) for i in range(24)], list(pictures), {"target": labels})
    model = toys.make_model(backbone, Dataset(task, {"train": rows}, {"train": rows})).eval()
    x, y = expects.collate([expects.example(expects.open(item)) for item in rows.inputs]), torch.from_numpy(labels)
    with torch.no_grad():
        pooled = pool(model.features(x), model.head.pooling)
        mean, scale = pooled.mean(dim=0), pooled.std(dim=0) + 1e-6
        z = torch.cat([(pooled - mean) / scale, torch.ones(24, 1)], dim=1)
        weight = torch.linalg.solve(z.T @ z + 0.1 * torch.eye(z.shape[1]), z.T @ (2.0 * y - 1))
        assert ((z @ weight > 0).long() == y).all()
        (linear,) = [part for part in model.head.modules() if isinstance(part, torch.nn.Linear)]
        linear.weight.copy_(torch.stack([-weight[:-1] / scale, weight[:-1] / scale]))
        assert linear.bias is not None
        linear.bias.copy_((weight[-1] - (weight[:-1] / scale) @ mean) * torch.tensor([-1.0, 1.0]))
        assert (model(x).argmax(dim=1) == y).all()
    for parameter in model.parameters():
        parameter.requires_grad_(False)  # as in a probe
    return model, x[y == 1][:4]


@pytest.mark.parametrize(("source", "size"), [("digits:cnn", 32), ("timm:test_resnet", 64), ("timm:test_vit", 160)])
def test_heat_is_where_the_label_is_decided(source, size):
    model, bright = solved(source, size)
    heat = heat_maps(model, model.head, bright, [1] * len(bright))
    assert heat is not None and heat.min() >= 0 and heat.max() == pytest.approx(1)
    height, width = heat.shape[1:]
    assert height * width >= 9
    share = heat[:, -height // 4 :, -width // 4 :].mean(axis=(1, 2)) / heat.mean(axis=(1, 2))
    assert (share > 2).all(), share
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in model.parameters())


def test_the_word_that_decides_is_marked(tmp_path):
    rng = np.random.default_rng(0)
    filler = "the film was about a man who went home by train and met an old friend".split()  # noqa: SIM905
    texts, labels = [], []
    for i in range(120):
        words = [*rng.permutation(filler)]
        words[rng.integers(len(words))] = ("awful", "great")[i % 2]
        texts.append(" ".join(words))
        labels.append(("bad", "good")[i % 2])
    for i in range(0, 120, 11):  # some are labelled wrongly: the mistakes
        labels[i] = ("good", "bad")[i % 2]
    run = hs.fit((texts, labels), source="tfidf:words", out=tmp_path / "run")
    seen = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    mistakes = _observed(run)["mistakes"]
    words = [max(mistake["pieces"], key=lambda piece: piece[1])[0].strip() for mistake in mistakes]
    assert len(words) > 1 and sum(word in ("awful", "great") for word in words) > 0.7 * len(words), words
    assert '<mark class="for" style="--share:1.00" title="+1.00">' in seen


def test_the_column_that_decides_is_first(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 5)), columns=list("abcde"))
    frame["label"] = np.where(frame["c"] + 0.3 * rng.normal(size=200) > 0, "yes", "no")
    run = hs.fit(frame, source="vector:columns", head="linear", out=tmp_path / "run")
    mistakes = _observed(run)["mistakes"]
    assert mistakes and all(mistake["listed"] for mistake in mistakes)
    first = [mistake["pieces"][0][0].split(" = ")[0] for mistake in mistakes]
    assert first.count("c") > 0.6 * len(first)


def _observed(run: hs.Run) -> dict[str, Any]:
    import json

    return json.loads((run.folder / "report.json").read_text(encoding="utf-8"))


def test_pieces_of_texts():
    assert text_pieces("one") == []
    assert text_pieces("a  b") == [("a", "b"), (" b", "a")]
    assert text_pieces(("a b", "c")) == [("a", ("b", "c")), (" b", ("a", "c"))]
    assert text_pieces(("a", "b c"))[0] == ("⏎ b", ("a", "c"))
    assert [piece for piece, _ in text_pieces("好电影")] == ["好", "电", "影"]
    long = text_pieces(" ".join(str(i) for i in range(100)))
    assert len(long) == 20 and long[0][0] == "0 1 2 3 4"


def test_a_long_text_shows_its_beginning_and_its_strongest_piece():
    pieces = [("x" * 99, 0.0)] * 6 + [("deciding", 1.0)]
    assert cut_pieces(pieces) == [*[("x" * 99, 0.0)] * 4, (" …", 0.0), ("deciding", 1.0), (" …", 0.0)]
    assert cut_pieces(pieces[-2:]) == pieces[-2:]


def test_a_cell_is_replaced_by_what_is_usual():
    numbers = np.array([[1.0, 5.0], [2.0, np.nan], [9.0, 7.0]], dtype=np.float32)
    found = column_pieces(numbers[2], ["a", "b"], numbers)
    assert [name for name, _ in found] == ["a = 9", "b = 7"]
    assert found[0][1].tolist() == [2, 7] and found[1][1].tolist() == [9, 6]
    cells = np.array([["x", 1.5], ["y", 2.5], ["x", 9.0]], dtype=object)
    assert [item.tolist() for _, item in column_pieces(cells[1], ["a", "b"], cells)] == [["x", 2.5], ["y", 2.5]]
    assert (
        column_pieces(np.zeros(1), ["a"], np.zeros((3, 1)))
        == []
        == column_pieces(np.zeros(999), "", np.zeros((1, 999)))
    )


def test_an_overlay_covers_what_the_network_sees():
    heat = np.zeros((4, 4))
    heat[0, 0] = 1
    uri = overlay(heat, (200, 100), (50, 0, 150, 100))
    with Pillow.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as image:
        assert image.size == (80, 40) and image.mode == "RGBA"
        alpha = np.asarray(image)[..., 3]
    assert alpha[0, 20] < 40 and alpha[0, 15] == alpha[30, 50] == 150


def test_a_network_without_places_or_pieces_has_no_evidence():
    class Plain(Input):
        """A modality that has neither."""

    assert Plain.pieces("x", ("x",), ["x"]) == [] and Plain.heated(Plain(), "x", np.ones((2, 2))) == {}  # pyright: ignore


def test_examples_are_right_and_wrong_and_of_different_classes():
    task = toys.task_for(toys.tiny().card.input)
    rows = toys.examples(toys.tiny().card.input, 60)
    outputs = np.full((60, 3), 0.1)
    outputs[np.arange(60), rows.y] = 0.8
    outputs[:6] = outputs[:6, ::-1]  # rows of the middle class stay right
    found = some(task, "target", rows, outputs, {}, seed=0)
    verdicts = [example.get("verdict") for example in found]
    assert verdicts == ["right"] * 5 + ["wrong"] * 3
    assert all((one["label"] == one["prediction"]) == (one.get("verdict") == "right") for one in found)
    assert {one["label"] for one in found[:5]} == {"a", "b", "c"}
    assert found == some(task, "target", rows, outputs, {}, seed=0)
    lopsided = Rows(rows.ids, rows.inputs, {"target": np.array([1, 2] + [0] * 58)})
    right = np.eye(3)[lopsided.y] * 0.7 + 0.1
    assert {one["label"] for one in some(task, "target", lopsided, right, {}, seed=0)[:3]} == {"a", "b", "c"}


def test_a_network_that_cannot_be_explained_ends_no_run(monkeypatch, tmp_path):
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr("headstart.runs.mistakes.explained", broken)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 3)), columns=list("abc"))
    frame["label"] = rng.integers(0, 2, 60)
    run = hs.fit(frame, source="vector:columns", settings={"data.labels": ["label"]}, out=tmp_path / "run")
    seen = _observed(run)
    assert seen["mistakes"] and not any("pieces" in mistake for mistake in seen["mistakes"])
    assert "the mistakes are not explained: CUDA out of memory" in seen["told"]
