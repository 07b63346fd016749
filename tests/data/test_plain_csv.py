"""The two ways to read CSV agree, with each other and with the csv module."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from headstart.core.columns import cells_of
from headstart.core.errors import DataError
from headstart.data.readers import _csv, _plain_csv
from headstart.data.readers._csv import decode, parse
from headstart.data.readers._plain_csv import read_plain
from headstart.data.readers.table import Table

Found = tuple[dict[str, list[str]], list[int], int]


def reference(text: str, delimiter: str) -> Found | None:
    """Read row by row; None where something is wrong."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows, lines, blank, start = [], [], 0, 1
    try:
        for row in reader:
            if row:
                rows.append(row)
                lines.append(start)
            blank += not row
            start = reader.line_num + 1
    except csv.Error:
        return None
    if len(rows) < 2 or any(len(row) != len(rows[0]) for row in rows):
        return None
    columns = [[row[i] for row in rows[1:]] for i in range(len(rows[0]))]
    names = list(rows[0])
    for i, (name, cells) in enumerate(zip(names, columns, strict=True)):
        if not name.strip() and len(names) > 1 and (i == 0 or not any(cell.strip() for cell in cells)):
            names[i] = f"Unnamed: {i}"
    if len(set(names)) < len(names) or not all(name.strip() for name in names):
        return None
    return dict(zip(names, columns, strict=True)), lines[1:], blank


def found(sheet: _csv.Sheet | None) -> Found | None:
    return sheet and ({name: cells_of(cells) for name, cells in sheet.columns.items()}, sheet.lines, sheet.blank_lines)


def slowly(content: bytes, delimiter: str) -> Found | None:
    try:
        return found(parse(decode(content, "a.csv", None), "a.csv", delimiter))
    except DataError:
        return None


PIECES = [
    "a",
    "b",
    "1",
    "2.5",
    ",",
    ",",
    ",",
    ";",
    "\t",
    " ",
    "\n",
    "\n",
    "\n",
    "\r\n",
    "é",
    "味",
    "NA",
    "\ufeff",
    "\x1c",
]
PIECES += ["\u2028", "\x0b", "'", "\\", "#"]


@pytest.mark.parametrize("seed", range(3))
def test_random_tables_are_read_alike(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_plain_csv, "BLOCK", 7)
    monkeypatch.setattr(_csv, "BATCH", 4)
    random = np.random.default_rng(seed)
    plain = 0
    for trial in range(200):
        pieces = PIECES + (["\r", '"', '""'] if trial % 4 == 0 else [])
        delimiter = str(random.choice([",", ";", "\t", " "]))
        if trial % 2:
            width = int(random.integers(1, 4))
            rows = [
                delimiter.join(
                    str(random.choice([p for p in pieces if p not in {delimiter, "\n", "\r\n"}])) for _ in range(width)
                )
                for _ in range(random.integers(1, 6))
            ]
            rows.insert(0, delimiter.join("xyz"[:width]))
            text = "".join(row + str(random.choice(["\n", "\n", "\r\n", "\n\n"])) for row in rows)
            text = text if random.random() < 0.5 else text.rstrip("\r\n")
        else:
            text = "".join(random.choice(pieces, random.integers(0, 30)))
        content = text.encode()
        (tmp_path / "a.csv").write_bytes(content)
        expected = reference(content.decode("utf-8-sig"), delimiter)
        assert slowly(content, delimiter) == expected, text
        with (tmp_path / "a.csv").open("rb") as file:
            quick = found(read_plain(file, lambda _, given=delimiter: given))
        assert quick in (None, expected), text
        plain += quick is not None
    assert plain > 80


def test_a_plain_table_takes_the_quick_way_and_others_do_not(tmp_path: Path) -> None:
    def quick(content: bytes) -> bool:
        (tmp_path / "a.csv").write_bytes(content)
        with (tmp_path / "a.csv").open("rb") as file:
            return read_plain(file, lambda _: ",") is not None

    assert quick(b"a,b\n1,2\n")
    assert quick(b"\xef\xbb\xbf\r\na,b\r\n\r\n1,2\r\n3,\xc3\xa9")
    for content in (b"", b"a,b", b"a,b\n", b'a,b\n1,"2"\n', b"a,b\n1,2\r3,4\n", b"a,b\n1\n", b"a,b\n1,2,3\n"):
        assert not quick(content)
    for content in (
        b"a,a\n1,2\n",
        b"a, \n1,2\n",
        b"a,b\n1,\0\n",
        b"a,b\n1,\xff\n",
        b"\xff,b\n1,2\n",
        b"a\n\xef\xbb\xbf1\n",
    ):
        assert not quick(content)
    assert not quick(b"a\n" + b"x" * 10_000_001 + b"\n")
    assert quick(b"a\n" + b"x" * 9_000_000 + b"\n")


def test_long_tables_keep_their_lines_in_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_plain_csv, "BLOCK", 100)
    monkeypatch.setattr(_csv, "BATCH", 10)
    rows = [f"{i},{'long ' * (i % 50)},x{i}\n" + "\n" * (i % 7 == 0) for i in range(500)]
    (tmp_path / "a.csv").write_text("n,text,label\n" + "".join(rows))
    (tmp_path / "b.csv").write_text('n,text,"label"\n' + "".join(rows))
    quick, slow = (Table().read(tmp_path / name) for name in ("a.csv", "b.csv"))
    assert quick.notes == ("a.csv: 72 blank lines are left out",)
    assert slow.notes == ("b.csv: 72 blank lines are left out",)
    frames = quick.splits["all"], slow.splits["all"]
    for frame in frames:
        assert [str(dtype) for dtype in frame.dtypes] == ["str"] * 3
        assert frame["n"].tolist() == [str(i) for i in range(500)]
    assert frames[0].to_numpy().tolist() == frames[1].to_numpy().tolist()
    expected = [2 + i + (i + 6) // 7 for i in range(500)]
    assert [int(str(row).split(":")[1]) for row in frames[0].index] == expected
    assert [int(str(row).split(":")[1]) for row in frames[1].index] == expected


def test_half_a_surrogate_pair_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"text,label\n+2AA-,b\n")
    with pytest.raises(DataError, match=r"a\.csv is not clean text: it holds half of a surrogate pair"):
        Table(encoding="utf-7").read(tmp_path / "a.csv")
