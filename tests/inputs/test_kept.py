"""Pictures are decoded and texts tokenised once, however often they are looked at, and never taken for others."""

from __future__ import annotations

import dataclasses
import gc
import io
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

import headstart.inputs.image as images
from headstart.data import transforms
from headstart.data.rows import Rows
from headstart.data.streams import in_order
from headstart.data.transforms import make_transform
from headstart.inputs.image import Image
from headstart.inputs.text import Text
from toys import save_tokenizer

EXPECTS = Image(8, 8)


def coded(value: int) -> bytes:
    file = io.BytesIO()
    Pillow.new("RGB", (20, 20), (value, value, value)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """List what is opened."""
    found: list[Any] = []
    real = images.open_image
    monkeypatch.setattr(images, "open_image", lambda item, **options: (found.append(item), real(item, **options))[1])
    return found


@pytest.mark.parametrize("form", ["path", "bytes", "array", "pillow"])
def test_evaluation_opens_a_picture_once_whoever_looks(form: str, opened: list[Any], tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(coded(7))
    array = np.full((20, 20, 3), 7, dtype=np.uint8)
    forms = {"path": tmp_path / "a.png", "bytes": coded(7), "array": array, "pillow": Pillow.fromarray(array)}
    rows = Rows(["a"], [forms[form]])
    first = make_transform(EXPECTS)
    for transform in (first, first, make_transform(Image(8, 8)), make_transform(EXPECTS, {"x": "weak"})):
        ((_, batch),) = in_order(rows, transform, batch_size=4)
        assert batch.x.shape == (1, 3, 8, 8)
    assert len(opened) == 1
    make_transform(Image(8, 9)).example(forms[form], "x", None)
    assert len(opened) == 2


def test_networks_that_differ_in_what_the_batch_is_given_share_what_was_opened(opened: list[Any]) -> None:
    rows = Rows(["a"], [coded(102)])
    plain, other = make_transform(EXPECTS), make_transform(Image(8, 8, mean=(0.0,) * 3, std=(0.5,) * 3))
    ((_, first),), ((_, second),) = (list(in_order(rows, one, batch_size=4)) for one in (plain, other))
    assert len(opened) == 1
    assert (
        second.x.unique().tolist() == pytest.approx([0.8]) and first.x.unique().tolist() != second.x.unique().tolist()
    )


@pytest.mark.parametrize("other", [{"width": 9}, {"crop": 0.5}, {"interpolation": "bilinear"}, {"whole": True}])
def test_networks_that_see_other_pixels_share_nothing(other: dict[str, Any], opened: list[Any]) -> None:
    kept = make_transform(EXPECTS)
    for transform in (kept, make_transform(dataclasses.replace(EXPECTS, **other))):
        transform.example(coded(7), "x", None)
    assert len(opened) == 2


def test_a_file_that_is_written_anew_is_another_picture(tmp_path: Path) -> None:
    file, transform = tmp_path / "a.png", make_transform(EXPECTS)
    file.write_bytes(coded(7))
    assert transform.example(file, "x", None).unique().tolist() == [7]
    file.write_bytes(coded(9))
    os.utime(file, ns=(1, 1))
    assert transform.example(file, "x", None).unique().tolist() == [9]


def test_an_array_that_is_changed_is_another_picture() -> None:
    array, transform = np.full((20, 20, 3), 7, dtype=np.uint8), make_transform(EXPECTS)
    assert transform.example(array, "x", None).unique().tolist() == [7]
    array[:] = 9
    assert transform.example(array, "x", None).unique().tolist() == [9]


def test_what_is_kept_has_a_limit_dies_with_the_transforms_and_does_not_travel(
    monkeypatch: pytest.MonkeyPatch, opened: list[Any]
) -> None:
    gc.collect()
    monkeypatch.setattr(transforms, "KEPT_BYTES", 2 * 8 * 8 * 3)
    transform = make_transform(EXPECTS)
    for _ in range(2):
        for value in (1, 2, 3):
            transform.example(coded(value), "x", None)
    assert len(opened) == 4, "two of three are kept"
    assert len(pickle.dumps(transform)) < 1000
    del transform
    gc.collect()
    make_transform(EXPECTS).example(coded(1), "x", None)
    assert len(opened) == 5


def test_texts_are_tokenised_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Words:
        pad_token_id = 0

        def __call__(self, first: list[str], second: Any, **_: Any) -> dict[str, Any]:
            asked.extend(first)
            return {"input_ids": [[len(word) for word in text.split()] for text in first]}

    monkeypatch.setattr("headstart.inputs.text.shared_tokenizer", lambda *_: Words())
    rows, transform = Rows(["a", "b", "c"], ["one", "and two", "one"]), make_transform(Text("nowhere", 9))
    batches = [next(in_order(rows, transform, batch_size=4))[1].x for _ in range(3)]
    assert asked == ["one", "and two"]
    assert batches[2]["input_ids"].tolist() == [[3, 3], [3, 0], [3, 0]]
    transform.prepare(rows.take([1]).inputs)
    list(make_transform(Text("nowhere", 9)).prepare(["one", "a new one"]))
    assert asked == ["one", "and two", "a new one"]


def test_a_tokenizer_is_loaded_once_as_long_as_its_files_are_the_same(tmp_path: Path) -> None:
    folder = str(save_tokenizer(tmp_path / "words"))
    first = Text(folder, 9)._tokenizer
    assert Text(folder, 5)._tokenizer is first and Text(folder, 9, added=("film9",))._tokenizer is not first
    save_tokenizer(tmp_path / "words", "good bad film new")
    assert Text(folder, 9)._tokenizer is not first and "new" in Text(folder, 9)._tokenizer.get_vocab()


def test_rows_that_come_once_are_not_kept() -> None:
    expects = Image(8, 8)
    picture = np.zeros((8, 8, 3), np.uint8)
    once = make_transform(expects, once=True)
    once.example(once.prepare([picture])[0], "x", None)
    assert not once._workshop.kept.bytes
