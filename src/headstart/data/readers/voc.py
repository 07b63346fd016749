"""Boxes in Pascal VOC's XML: Annotations/ beside JPEGImages/, with ImageSets/Main/train.txt, or beside each picture.

Everingham et al. 2010 (doi:10.1007/s11263-009-0275-4). `difficult` marks what is neither learnt nor counted; boxes of
parts are left out. A file with a document type is refused, so that no entity is ever expanded.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from headstart.core.interface import option
from headstart.data.readers._box_folders import voc_pairs
from headstart.data.readers._box_lists import Lists
from headstart.data.readers._boxes import BadBox, Box, Gathered, Picture, matched
from headstart.data.tables import Tables
from headstart.targets._boxes import finite


@dataclass(frozen=True)
class Voc:
    """Read boxes in Pascal VOC's XML: in Annotations/ beside JPEGImages/, or beside each picture.

    With `from_one` pixels are counted from 1 and the last one is in the box, as VOC does; False takes the numbers for
    edges, as some tools write them. None finds it out: they are edges where a box begins at 0.
    """

    from_one: bool | None = None

    def matches(self, data: Any) -> bool:
        """Return whether `data` is a folder of pictures and of XML files that are called like them."""
        return isinstance(data, str | Path) and bool(voc_pairs(Path(data)))

    def read(self, data: Any) -> Tables:
        """Read to the columns image and boxes.

        Args:
            data: The folder.

        Returns:
            The tables. What is wrong with pictures and boxes is told in them.
        """
        found = Gathered(Path(data))
        sets = found.root / "ImageSets"
        lists = Lists(found, sets / "Main" if (sets / "Main").is_dir() else sets)
        for pair in voc_pairs(found.root):
            for picture, file in matched(pair, ".xml", found):
                if lists.takes(picture):
                    found.pictures.append(picture)
                    if file is not None:
                        _read(file, found.row(file), picture)
        lists.tell()
        found.tell_unfiled("XML file")
        self._to_edges(found)
        return found.tables()

    def _to_edges(self, found: Gathered) -> None:
        """Turn pixels that are counted from 1 into edges."""
        boxes = [box for picture in found.pictures for box in picture.boxes or () if all(map(finite, box.corners))]
        starts = chain.from_iterable(box.corners[:2] for box in boxes)
        if self.from_one is False or (self.from_one is None and any(0 <= start < 1 for start in starts)):
            return
        for picture in found.pictures:
            picture.boxes = picture.boxes and [_moved(box) for box in picture.boxes]
        if self.from_one is None and boxes:
            other = option("reader", "voc from_one=false")
            found.notes.append(f"pixels are counted from 1, as Pascal VOC does; where they are from 0: {other}")


class _Plain(ET.TreeBuilder):
    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Refuse what may declare entities."""
        raise BadBox("has a <!DOCTYPE>, which can pull in other files: delete that line")


def _read(file: Path, name: str, picture: Picture) -> None:
    """Read the boxes of a file into its picture."""
    try:
        root = ET.fromstring(file.read_bytes(), ET.XMLParser(target=_Plain()))
        if root.tag != "annotation":
            raise BadBox(f"is a <{root.tag}>, not an <annotation> of Pascal VOC")
    except ET.ParseError as error:
        picture.wrong.append(f"{name}:{error.position[0]} is not XML: {error}")
    except (BadBox, OSError, ValueError, LookupError) as error:
        picture.wrong.append(f"{name} {error}")
    else:
        width, height = (_number(root.findtext(f"size/{side}")) for side in ("width", "height"))
        picture.size = (width, height) if width and height else None
        picture.boxes = list(_boxes(root, name, picture))


def _boxes(root: ET.Element, name: str, picture: Picture) -> Iterator[Box]:
    for place, each in enumerate(root.findall("object"), 1):
        where, called = f"{name}, object {place}", (each.findtext("name") or "").strip()
        box = each.find("bndbox")
        if not called or box is None:
            picture.wrong.append(f"{where}: has no {'bndbox' if called else 'name'}")
        else:
            corners = [_number(box.findtext(side)) for side in ("xmin", "ymin", "xmax", "ymax")]
            yield Box(where, called, corners, _number(each.findtext("difficult")) == 1)


def _number(text: str | None) -> Any:
    """Read a number, a whole one as an int; what is none stays as it is."""
    try:
        value = float(text or "")
    except ValueError:
        return text
    return int(value) if value.is_integer() else value


def _moved(box: Box) -> Box:
    if not all(map(finite, box.corners)):
        return box
    x0, y0, x1, y1 = box.corners
    return box._replace(corners=(x0 - 1, y0 - 1, x1, y1))
