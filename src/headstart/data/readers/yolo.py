"""Boxes in text files of YOLO: images/train beside labels/train, or train/images beside train/labels.

Where neither is divided, lists train.txt, val.txt and test.txt may say what the splits are.

A line is "class cx cy w h", shares of the picture's width and height; of a polygon, "class x y x y x y …", the box
around it is taken. data.yaml or classes.txt names the classes (docs.ultralytics.com/datasets/detect).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.core.counting import agree, counted
from headstart.core.errors import DataError, Problem, first_few
from headstart.data.readers._box_folders import yolo_pairs
from headstart.data.readers._box_lists import Lists
from headstart.data.readers._boxes import ROUNDING, BadBox, Box, Gathered, Picture, matched
from headstart.data.tables import Tables
from headstart.data.walk import files_in

BOX, POLYGON = 5, 7  # numbers in a line: of a box, at least of a polygon
LISTS = ("classes.txt", "obj.names", "classes.names")


@dataclass(frozen=True)
class Yolo:
    """Read boxes in text files of YOLO: in labels/ beside images/."""

    def matches(self, data: Any) -> bool:
        """Return whether `data` is a folder of pictures and of text files in labels/ that are called like them."""
        return isinstance(data, str | Path) and bool(yolo_pairs(Path(data)))

    def read(self, data: Any) -> Tables:
        """Read to the columns image and boxes.

        Args:
            data: The folder.

        Returns:
            The tables. What is wrong with pictures and boxes is told in them.

        Raises:
            DataError: The file of the names cannot be read.
        """
        found = Gathered(Path(data))
        folders = yolo_pairs(found.root)
        names = _names(found, [labels for _, _, labels in folders])
        lists = Lists(found, found.root if [split for split, *_ in folders] == ["all"] else None)
        around = 0
        for pair in folders:
            for picture, file in matched(pair, ".txt", found):
                if lists.takes(picture):
                    found.pictures.append(picture)
                    picture.shares = True
                    if file is not None:
                        around += _read(file, found.row(file), picture, names)
        lists.tell()
        if around:
            count = f"{counted(around, 'lines')} {agree(around, 'hold')} a polygon"
            found.notes.append(f"{count}; the box around it is taken")
        found.tell_unfiled("label file")
        return found.tables()


def _read(file: Path, name: str, picture: Picture, names: Mapping[int, str]) -> int:
    """Read the boxes of a file into its picture, and count the polygons."""
    boxes, around = [], 0
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        picture.wrong.append(f"{name} cannot be read: {error}")
        return 0
    for line, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            place, *shares = _numbers(text)
            if not place.is_integer() or place < 0 or (names and int(place) not in names):
                known = f"; known are {min(names)} to {max(names)}" if names else ""
                raise BadBox(f"has class {place:g}{known}")
            boxes.append(Box(f"{name}:{line}", names.get(int(place), str(int(place))), _corners(shares)))
            around += len(shares) > BOX - 1
        except BadBox as error:
            picture.wrong.append(f"{name}:{line} {error}")
    picture.boxes = boxes
    return around


def _numbers(text: str) -> list[float]:
    """Read the numbers of a line, and check how many there are."""
    try:
        found = [float(part) for part in text.split()]
    except ValueError as error:
        raise BadBox(f"'{text.strip()}' is not all numbers") from error
    if len(found) != BOX and (len(found) < POLYGON or len(found) % 2 == 0):
        raise BadBox(f"has {counted(len(found), 'numbers')}, and a box has {BOX}: class cx cy w h")
    if not all(-ROUNDING <= value <= 1 + ROUNDING for value in found[1:]):
        raise BadBox(f"'{text.strip()}' has numbers outside 0 to 1: boxes are shares of the picture, not pixels")
    return found


def _corners(shares: list[float]) -> list[float]:
    if len(shares) > BOX - 1:
        return [min(shares[::2]), min(shares[1::2]), max(shares[::2]), max(shares[1::2])]
    x, y, width, height = shares
    return [x - width / 2, y - height / 2, x + width / 2, y + height / 2]


def _names(found: Gathered, labels: list[Path]) -> dict[int, str]:
    """Read what the numbers of classes stand for; nothing where no file says it."""
    yamls = [file for file in files_in(found.root) if file.suffix.lower() in {".yaml", ".yml"}]
    named = next((own for file in _data_first(yamls) if (own := list(_in_yaml(file, found)))), [])
    lists = (
        folder / name for folder in dict.fromkeys((found.root, *labels, *(f.parent for f in labels))) for name in LISTS
    )
    text = next((path for path in lists if path.is_file()), None)
    if not named and text is not None:
        named = [(place, line.strip()) for place, line in enumerate(found.lines(text)) if line.strip()]
    twice = [name for name, count in Counter(name for _, name in named).items() if count > 1]
    if twice:
        found.notes.append(f"classes of one name are one class: {first_few(twice)}")
    if not named:
        found.notes.append("classes are called by their numbers: a file data.yaml or classes.txt can name them")
    found.names |= dict.fromkeys(name for _, name in named)
    return dict(named)


def _data_first(files: list[Path]) -> list[Path]:
    return sorted(files, key=lambda file: file.stem.lower() != "data")


def _in_yaml(file: Path, found: Gathered) -> Iterator[tuple[int, str]]:
    """Yield number and name of the classes in a YAML file, which may hold something else."""
    import yaml

    try:
        content = yaml.safe_load("\n".join(found.lines(file)))
    except (yaml.YAMLError, ValueError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        raise DataError(f"{file.name} is not YAML.", [Problem(f"{found.row(file)}:{line}", str(error))]) from error
    names = content.get("names") if isinstance(content, dict) else None
    for place, name in (
        names.items() if isinstance(names, dict) else enumerate(names if isinstance(names, list) else ())
    ):
        if not str(place).isdigit():
            raise DataError(f"{file.name}: names has the key {place!r}; keys are the numbers of the classes.")
        yield int(place), str(name)
