"""Where boxes are kept: files of COCO, of Pascal VOC and of YOLO, and the pictures beside them."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path

from headstart.data.readers._pairs import PICTURES, Pair, pairs, pictures_in, says_splits, split_folders
from headstart.data.tables import split_name
from headstart.data.walk import files_below, files_in, folders_in
from headstart.inputs import of_file

ANNOTATIONS = {"annotations", "annots", "labels", "xml", "xmls"}
TEXTS = {"labels"}
NO_LABELS = {"classes.txt", "train.txt", "val.txt", "test.txt"}  # which need no picture of their name
IMAGES, CATEGORIES, SOME = (
    re.compile(rb'"%s"\s*:\s*\[\s*[{%s]' % (key, end))
    for key, end in ((b"images", rb"\]"), (b"categories", rb"\]"), (b"annotations", b""))
)
SHAPE = re.compile(rb'"(bbox|segmentation)"\s*:')


def holds_boxes(path: Path) -> bool:
    """Return whether a file or a folder is one of boxes, in any of the forms that are read."""
    return bool(coco_files(path) or voc_pairs(path) or yolo_pairs(path))


def coco_files(path: Path) -> list[tuple[str, Path]]:
    """Find the files of COCO.

    Args:
        path: Such a file, or a folder that holds some, in annotations/ or beside the pictures, perhaps in a folder for
            each split.

    Returns:
        Each with its split: "all" where none is called like one. Files of instances go before those of key points.
    """
    found = every_coco(path)
    instances = [each for each in found if each[1].stem.startswith("instances")] or found
    known = [(split, file) for split, file in instances if split is not None]
    return known or [("all", file) for _, file in instances]


def every_coco(path: Path) -> list[tuple[str | None, Path]]:
    """Return all files of COCO there, each with the split that it is called like."""
    if path.is_file():
        return [(None, path)] if is_coco(path) else []
    if not path.is_dir() or says_splits(path):
        return []
    inner = [sub for sub in folders_in(path) if sub.name.lower() in ANNOTATIONS]
    found = [(split_name(file.stem), file) for folder in (path, *inner) for file in files_in(folder) if is_coco(file)]
    return [
        *found,
        *((own, file) for sub, own in split_folders(path).items() for file in files_in(sub) if is_coco(file)),
    ]


def is_coco(file: Path) -> bool:
    """Return whether a file is JSON with lists of images and of categories, by its text, however large it is."""
    readable = file.suffix.lower() == ".json" and file.is_file() and os.access(file, os.R_OK)
    return readable and _looks_so(file, file.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _looks_so(file: Path, _changed: int) -> bool:
    text = file.read_bytes()
    start = text[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.startswith(b"{") or not IMAGES.search(text) or not CATEGORIES.search(text):
        return False
    return SHAPE.search(text) is not None or not SOME.search(text)  # else classes of whole pictures


def voc_pairs(root: Path) -> list[Pair]:
    """Find the folders of pictures and of XML files, which may be one and the same, by split."""
    if not root.is_dir():
        return []
    if found := pairs(root, ANNOTATIONS, lambda pair: _have_files(pair, ".xml")):
        return found
    mixed = [(split, sub, sub) for sub, split in split_folders(root).items()] or [("all", root, root)]
    known = not says_splits(root) and any(_have_files(pair, ".xml", deep=False) for pair in mixed)
    return mixed if known else []


def yolo_pairs(root: Path) -> list[Pair]:
    """Find the folders of pictures and of text files, by split."""
    return pairs(root, TEXTS, lambda pair: _have_files(pair, ".txt")) if root.is_dir() else []


def labels_in(folder: Path, end: str) -> dict[str, Path]:
    """Return the label files below a folder by what they have in common with their picture: the path without ending."""
    files = (found.path for found in files_below(folder) if not found.wrong) if folder.is_dir() else ()
    return {key_of(folder, file): file for file in files if file.suffix.lower() == end}


def key_of(folder: Path, file: Path) -> str:
    """Return the path of a file in a folder, without its ending."""
    return file.relative_to(folder).with_suffix("").as_posix()


def picture_folders(folder: Path, split: str) -> list[Path]:
    """Return where pictures of a split may lie: in a folder, in its images/, and there in a folder of the split."""
    wide = [folder, *(sub for sub in folders_in(folder) if sub.name.lower() in PICTURES)]
    return [*(sub for each in wide for sub, own in split_folders(each).items() if own == split), *wide]


def _have_files(pair: Pair, end: str, *, deep: bool = True) -> bool:
    """Return whether files of labels are called like pictures."""
    _, pictures, labels = pair
    if not deep:
        files = files_in(pictures)
        stems = {file.stem for file in files if of_file(file.name)}
        return any(file.suffix.lower() == end and file.stem in stems for file in files)
    keys = {key_of(pictures, file) for file in pictures_in(pictures)}
    return not keys.isdisjoint(labels_in(labels, end))
