"""What the readers of boxes have in common: each box is checked against its picture, and cut at its edges."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from headstart.core.counting import agree, counted
from headstart.core.errors import BadRows, DataError, Problem, first_few
from headstart.core.progress import track
from headstart.data.readers._box_folders import NO_LABELS, key_of, labels_in
from headstart.data.readers._pairs import Pair, pictures_in
from headstart.data.tables import SPLITS, Tables, make_frame
from headstart.inputs import by_name, of_file
from headstart.targets._boxes import DIGITS, finite, written

LABEL = "boxes"
ROUNDING = 1e-3  # of a side: what a box may lie beyond the edge by the rounding of its file


class BadBox(Exception):
    """A box or a file of boxes cannot be used; says why."""


class Box(NamedTuple):
    """A box as its file has it, and where: corners in pixels, or in shares of the picture."""

    where: str
    name: str
    corners: Sequence[Any]
    crowd: bool = False


@dataclass
class Picture:
    """A picture with its boxes, or None where it is not labelled.

    size: what the file of boxes says of it. shares: corners are shares of its width and height. filed: it has such a
    file. wrong: what is in there that is no box.
    """

    path: Path
    split: str
    boxes: list[Box] | None
    size: tuple[Any, Any] | None = None
    shares: bool = False
    filed: bool = True
    wrong: list[str] = field(default_factory=list)


@dataclass
class Gathered:
    """Pictures, and what belongs to none of them."""

    root: Path
    pictures: list[Picture] = field(default_factory=list)
    loose: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    names: dict[str, None] = field(default_factory=dict)  # classes that the files name

    def row(self, path: Path) -> str:
        """Name the row of a file by its path in the folder."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.as_posix()

    def tables(self) -> Tables:
        """Make the tables: rows by their names, boxes as text; pictures with a wrong box are told in them."""
        pictures = sorted(self.pictures, key=lambda picture: self.row(picture.path))
        with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
            sizes = list(track(pool.map(_size, pictures), "sizes of pictures", len(pictures)))
        times, wrong, cut = Counter(self.row(picture.path) for picture in pictures), list(self.loose), Counter()
        rows: dict[str, dict[str, tuple[Path, str | None]]] = {}
        for picture, size in zip(pictures, sizes, strict=True):
            row = self.row(picture.path)
            kept, problems = _checked(picture, size)
            problems += [f"is listed {times[row]} times, here for the split '{picture.split}'"] * (times[row] > 1)
            wrong += [Problem(row, what) for what in problems]
            if not problems:
                cell = None if picture.boxes is None else written(*kept.parts())
                rows.setdefault(picture.split, {})[row] = (picture.path, cell)
                cut.update({row: kept.cut})
        used = {box.name for picture in pictures for box in picture.boxes or ()}
        frames = {split: _frame(rows[split]) for split in dict.fromkeys(("all", *SPLITS.values())) if split in rows}
        bad = (BadRows(f"{self.root} cannot be read as pictures with boxes:", wrong),) if wrong else ()
        return Tables(frames, (LABEL,), (*self.notes, *_told(pictures, +cut, [*self.names], used)), wrong=bad)

    def lines(self, file: Path) -> list[str]:
        """Read the lines of a text. DataError: it is none."""
        try:
            return file.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{self.row(file)} cannot be read as text in UTF-8: {error}.") from error

    def tell_unfiled(self, what: str) -> None:
        """Say which pictures have no file, and so no box; in a split without any file they have no label."""
        for split in dict.fromkeys(picture.split for picture in self.pictures):
            own = [picture for picture in self.pictures if picture.split == split]
            without = [picture for picture in own if not picture.filed]
            if len(without) == len(own):
                for picture in own:
                    picture.boxes = None
            elif without:
                count = (
                    f"{split}: {counted(len(without), 'pictures', len(own))} {agree(len(without), 'have')} no {what}"
                )
                self.notes.append(f"{count}, and {agree(len(without), 'are')} taken to show nothing")


class _Kept(NamedTuple):
    boxes: list[Box]
    corners: list[tuple[float, ...]]
    cut: int

    def parts(self) -> tuple[list[str], list[tuple[float, ...]], list[bool]]:
        return [box.name for box in self.boxes], self.corners, [box.crowd for box in self.boxes]


def matched(pair: Pair, end: str, found: Gathered) -> Iterator[tuple[Picture, Path | None]]:
    """Yield the pictures of a folder, each with the file of boxes that is called like it.

    Args:
        pair: The split, the folder of pictures, and that of the files.
        end: Of their names.
        found: Takes the files that have no picture.

    Yields:
        The picture, still without boxes, and its file or None.
    """
    split, pictures, folder = pair
    files, first = labels_in(folder, end), dict[str, Path]()
    for path in pictures_in(pictures):
        key = key_of(pictures, path)
        twin, file = first.setdefault(key, path), files.get(key)
        picture = Picture(path, split, [], filed=file is not None)
        if twin != path and file is not None:
            picture.wrong.append(f"is called like {twin.name}, which has the boxes of {found.row(file)}")
        yield picture, file
    for key in sorted(files.keys() - first.keys()):
        if files[key].name.lower() in NO_LABELS:
            continue
        what = "is a file of boxes without a picture"
        found.loose.append(Problem(found.row(files[key]), what, "add the picture, or delete the file"))


def _size(picture: Picture) -> tuple[int, int] | None:
    return by_name(of_file(picture.path.name) or "").size_of(picture.path)


def _checked(picture: Picture, size: tuple[int, int] | None) -> tuple[_Kept, list[str]]:
    """Check the boxes of a picture, and cut them at its edges."""
    kept, problems = _Kept([], [], 0), list(picture.wrong)
    if size is None:
        return kept, [*problems, "cannot be opened: replace or delete it"]
    if picture.size is not None and picture.size != size:
        stated, own = (f"{width} x {height}" for width, height in (picture.size, size))
        return kept, [*problems, f"is {own} pixels, and its boxes are of a picture of {stated}"]
    count = 0
    for box in picture.boxes or ():
        try:
            corners, cut = _cut(box, size, picture.shares)
        except BadBox as error:
            problems.append(f"{box.where}: the box of class {box.name} {error}")
        else:
            kept.boxes.append(box)
            kept.corners.append(corners)
            count += cut
    return kept._replace(cut=count), problems


def _cut(box: Box, size: tuple[int, int], shares: bool) -> tuple[tuple[float, ...], bool]:
    """Cut a box at the edges of its picture, and return whether more than rounding was cut off."""
    if not all(map(finite, box.corners)):
        raise BadBox(f"is {list(box.corners)}, not 4 numbers")
    scale = size if shares else (1, 1)
    x0, y0, x1, y1 = (value * scale[place % 2] for place, value in enumerate(box.corners))
    if x1 <= x0 or y1 <= y0:
        raise BadBox(f"has no size: it is {x1 - x0:g} wide and {y1 - y0:g} high")
    width, height = size
    if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height:
        raise BadBox(f"({x0:g}, {y0:g}, {x1:g}, {y1:g}) lies outside the picture of {width} x {height} pixels")
    inside = (max(x0, 0), max(y0, 0), min(x1, width), min(y1, height))
    beyond = (-x0 / width, -y0 / height, x1 / width - 1, y1 / height - 1)
    x0, y0, x1, y1 = found = tuple(round(value, DIGITS) for value in inside)
    if x1 <= x0 or y1 <= y0:
        raise BadBox("is less than 0.01 pixel wide or high")
    return found, max(beyond) > ROUNDING


def _frame(rows: dict[str, tuple[Path, str | None]]) -> Any:
    paths = [path for path, _ in rows.values()]
    return make_frame({of_file(paths[0].name) or "": paths, LABEL: [cell for _, cell in rows.values()]}, list(rows))


def _told(pictures: Sequence[Picture], cut: Counter[str], names: Sequence[str], used: Iterable[str]) -> list[str]:
    """Say what was cut, which pictures have no box, and which classes none is of."""
    empty = sum(picture.boxes == [] and not picture.wrong for picture in pictures)
    labelled = sum(picture.boxes is not None for picture in pictures)
    unused = [name for name in names if name not in {*used}]
    reach = f"{counted(cut.total(), 'boxes')} {agree(cut.total(), 'reach')} beyond their picture and"
    notes = [f"{reach} {agree(cut.total(), 'are')} cut at its edge, as in {first_few(cut, most=3)}"] if cut else []
    notes += [f"{counted(empty, 'pictures', labelled)} {agree(empty, 'have')} no box"] if empty else []
    return [*notes, *([f"no box is of class {first_few(map(repr, unused))}"] if unused else [])]
