"""Many cells in one Arrow array."""

import pickle
from pathlib import Path

import pyarrow as pa
import pytest

from headstart.core import packed as module
from headstart.core.cells import digest
from headstart.core.packed import Packed, packed
from headstart.core.recipe import DataPlan
from headstart.data.read import read
from headstart.data.rows import concatenate

TEXTS = ["a", "", "grün", "d" * 100, "e"]


def text_array(texts: list[str]) -> Packed:
    """Pack texts."""
    return Packed(pa.array(texts, pa.large_string()))


def test_they_are_what_a_list_of_them_is() -> None:
    """Read by place, by slice and one after another, and compared."""
    texts = packed(TEXTS)
    assert isinstance(texts, Packed)
    assert texts == TEXTS
    assert texts == TEXTS
    assert texts != TEXTS[:4]
    assert texts != ["b", *TEXTS[1:]]
    assert [texts[0], texts[-1], texts[-5]] == ["a", "e", "a"]
    assert list(texts[1:4:2]) == TEXTS[1:4:2]
    with pytest.raises(IndexError):
        texts[5]


def test_what_is_taken_of_what_was_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Places are those of the part, also where they come in several blocks and twice."""
    monkeypatch.setattr(module, "BLOCK", 2)
    part = text_array(TEXTS).take([4, 2, 2, 0])
    assert list(part) == ["e", "grün", "grün", "a"]
    assert list(part.take([3, 1])) == ["a", "grün"]
    assert part[-1] == "a"
    assert list(packed(TEXTS)) == TEXTS


def test_parts_of_the_same_rows_share_the_cells() -> None:
    """No text is copied where training rows are divided and put together again."""
    whole = text_array(["x" * 1000] * 1000)
    before = pa.total_allocated_bytes()
    train, test = whole.take(range(900)), whole.take(range(900, 1000))
    again = Packed.join([train, test])
    assert pa.total_allocated_bytes() - before < 100_000
    assert again == whole
    assert Packed.join([text_array(TEXTS).take([1]), text_array(["z"])]) == ["", "z"]


def test_only_the_part_is_sent_to_another_process() -> None:
    """A batch's names do not bring all names along."""
    whole = text_array(["x" * 1000] * 1000)
    sent = pickle.dumps(whole.take([1, 2]))
    assert len(sent) < 5000
    assert pickle.loads(sent) == ["x" * 1000] * 2


def test_names_in_another_encoding_stay_a_list() -> None:
    """Arrow holds Unicode alone."""
    assert packed(["\udcff.jpg"]) == ["\udcff.jpg"]


def test_hashes_and_columns() -> None:
    """Bytes of one width, and a column that came in pieces."""
    hashes = [bytes([place]) * 32 for place in range(3)]
    assert Packed.of_bytes(iter(hashes), 32) == hashes
    assert not Packed.of_bytes([], 32)
    assert Packed.of_column(pa.chunked_array([TEXTS[:2], TEXTS[2:]], pa.large_string())) == TEXTS
    assert not Packed.of_column(pa.chunked_array([], pa.large_string()))


def test_a_table_of_texts_is_held_in_arrow_arrays(tmp_path: Path) -> None:
    """Names, texts and hashes: no Python object a row outlives the reading."""
    table = tmp_path / "texts.csv"
    table.write_text("text,label\n" + "".join(f"text number {n},{'ab'[n % 2]}\n" for n in range(100)))
    dataset = read(table, DataPlan())
    for rows in (*dataset.splits.values(), concatenate(list(dataset.splits.values()))):
        assert all(isinstance(each, Packed) for each in (rows.ids, rows.inputs, rows.digests))
    rows = dataset.splits["train"]
    place = int(rows.ids[0].removeprefix("texts.csv:")) - 2
    assert rows.inputs[0] == f"text number {place}"
    assert rows.digests[0] == digest(rows.inputs[0])
