"""Boxes in files of COCO JSON: train.json beside images/, annotations/instances_train2017.json, or one file.

Roboflow's train/_annotations.coco.json is read, too (arXiv:1405.0312; cocodataset.org/#format-data). `bbox` is x, y,
width, height; where there is none, the box is that around the polygons. `iscrowd` marks what is neither learnt nor
counted.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.core.counting import agree, counted
from headstart.core.errors import DataError, Problem, first_few
from headstart.data.readers._box_folders import ANNOTATIONS, coco_files, every_coco, picture_folders
from headstart.data.readers._boxes import Box, Gathered, Picture
from headstart.data.readers._pairs import pictures_in
from headstart.data.tables import Tables, split_name
from headstart.targets._boxes import BadBoxes
from headstart.targets._coco import corners_of

Key = int | str


@dataclass(frozen=True)
class Coco:
    """Read boxes in COCO JSON: train.json beside images/, annotations/instances_train2017.json, or one file."""

    def matches(self, data: Any) -> bool:
        """Return whether `data` is a file of COCO, or a folder with one for each split, or with just one."""
        return isinstance(data, str | Path) and bool(coco_files(Path(data)))

    def read(self, data: Any) -> Tables:
        """Read to the columns image and boxes.

        Args:
            data: The file or folder.

        Returns:
            The tables. What is wrong with pictures and boxes is told in them.

        Raises:
            DataError: A file is no JSON, or lacks a part.
        """
        path = Path(data)
        above = path.parent.parent if path.parent.name.lower() in ANNOTATIONS else path.parent
        found = Gathered(above if path.is_file() else path)
        files = coco_files(path)
        for split, file in files:
            _File(file, split, found).read()
        if unread := [file for _, file in every_coco(path) if file not in [own for _, own in files]]:
            found.notes.append(f"files of COCO that are left out: {first_few(map(found.row, unread))}")
        known = {picture.path for picture in found.pictures}
        others = [each for each in pictures_in(path) if each not in known]
        if others:
            few = first_few(map(found.row, others), most=3)
            found.notes.append(
                f"{counted(len(others), 'pictures')} that no file lists {agree(len(others), 'are')} left out: {few}"
            )
        return found.tables()


@dataclass
class _File:
    path: Path
    split: str
    found: Gathered

    @property
    def name(self) -> str:
        return self.found.row(self.path)

    def read(self) -> None:
        """Read the pictures and the boxes of the file."""
        content = self.load()
        classes = self.classes(content["categories"])
        labelled = "annotations" in content
        pictures = self.pictures(content["images"], labelled=labelled)
        around = 0
        for place, annotation in enumerate(content.get("annotations", ()), 1):
            own = annotation if isinstance(annotation, dict) else {}
            where = f"{self.name}, annotation {own.get('id', f'no. {place}')}"
            picture = pictures.get(_key(own.get("image_id")))
            if picture is None or picture.boxes is None:
                what = f"is of image {own.get('image_id')!r}, which the file has not"
                self.found.loose.append(Problem(where, what, "add the image, or delete the annotation"))
                continue
            name = classes.get(_key(own.get("category_id")))
            if name is None:
                known = first_few(f"{key} ({each})" for key, each in classes.items())
                picture.wrong.append(f"{where}: has category id {own.get('category_id')!r}; known are {known}")
                continue
            try:
                picture.boxes.append(Box(where, name, corners_of(own), bool(own.get("iscrowd"))))
                around += not own.get("bbox")
            except BadBoxes as error:
                picture.wrong.append(f"{where}: {error}")
        if around:
            lack = f"{counted(around, 'annotations')} {agree(around, 'have')} no bbox"
            self.found.notes.append(f"{self.name}: {lack}; the box around {agree(around, 'their')} polygons is taken")

    def load(self) -> dict[str, Any]:
        """Read the JSON, and check that its parts are lists."""
        try:
            content = json.loads(self.path.read_text(encoding="utf-8-sig"))
        except json.JSONDecodeError as error:
            where = f"{self.name}:{error.lineno}"
            raise DataError(f"{self.name} is not JSON.", [Problem(where, error.msg, "is the file cut off?")]) from error
        except (ValueError, RecursionError) as error:
            raise DataError(f"{self.name} cannot be read as JSON: {error}.") from error
        lacking = [key for key in ("images", "categories") if not isinstance(content.get(key), list)]
        lacking += [] if isinstance(content.get("annotations", []), list) else ["annotations"]
        if lacking:
            raise DataError(f"{self.name} is no file of COCO: {first_few(lacking)} must be a list.")
        return content

    def classes(self, categories: list[Any]) -> dict[Key | None, str]:
        """Read the name of each category by its id; those of one name are one class."""
        found: dict[Key | None, str] = {}
        problems = []
        for place, each in enumerate(categories, 1):
            own = each if isinstance(each, dict) else {}
            key, name = _key(own.get("id")), str(own.get("name") or "").strip()
            where = f"{self.name}, category no. {place}"
            if key is None or not name:
                problems.append(Problem(where, "has no id or no name", 'write {"id": 1, "name": "…"}'))
            elif found.setdefault(key, name) != name:
                problems.append(Problem(where, f"has id {key}, as '{found[key]}' has", "give each an id of its own"))
        if problems:
            raise DataError(f"{self.name} has categories that cannot be told apart:", problems)
        twice = [name for name, count in Counter(found.values()).items() if count > 1]
        if twice:
            self.found.notes.append(f"{self.name}: categories of one name are one class: {first_few(twice)}")
        self.found.names |= dict.fromkeys(found.values())
        return found

    def pictures(self, images: list[Any], *, labelled: bool) -> dict[Key | None, Picture]:
        """Find the file of each image by its id."""
        above = self.path.parent
        split = split_name(self.path.stem) or self.split
        places = [place for folder in (above, self.found.root) for place in picture_folders(folder, split)]
        found: dict[Key | None, Picture] = {}
        for place, image in enumerate(images, 1):
            own = image if isinstance(image, dict) else {}
            key, name = _key(own.get("id")), str(own.get("file_name") or "").replace("\\", "/")
            where = f"{self.name}, image {own.get('id', f'no. {place}')}"
            if key is None or not name:
                self.found.loose.append(Problem(where, "has no id or no file_name"))
                continue
            names = dict.fromkeys((name, Path(name).name))
            path = next((p for each in names for folder in places if os.path.isfile(p := folder / each)), None)  # noqa: PTH113 - a name may be too long
            size = (own.get("width"), own.get("height"))
            picture = Picture(path or Path(name), self.split, [] if labelled else None, size if all(size) else None)
            twin = found.setdefault(key, picture)
            if twin is not picture:
                said = f"{where}: the id is that of {twin.path.name}, too, so that boxes may be of either"
                twin.wrong.append(said)
                picture.wrong.append(said)
            if path is None:
                self.found.loose.append(Problem(where, f"there is no file '{name}'", f"looked for it in {above}"))
            else:
                self.found.pictures.append(picture)
        return found


def _key(value: Any) -> Key | None:
    return value if isinstance(value, Key) else None
