"""Folders of pictures beside folders of what belongs to them: masks, or files of boxes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from headstart.data.formats import is_table, stem
from headstart.data.tables import SPLITS, splits_of
from headstart.data.walk import files_below, files_in, folders_in
from headstart.inputs import of_file

PICTURES = {"images", "imgs", "img", "pictures", "jpegimages"}
Pair = tuple[str, Path, Path]  # the split, the folder of pictures, that of their labels


def pairs(root: Path, labels: Collection[str], fits: Callable[[Pair], bool]) -> list[Pair]:
    """Find the folders of pictures and of their labels.

    Args:
        root: The folder that holds both, each perhaps with a folder for each split, or that of splits which hold them.
        labels: How a folder of labels may be called.
        fits: Whether two folders are such a pair, by what is in them.

    Returns:
        A pair for each split, "all" where there are none; none where no two fit, or tables say what the splits are.
    """
    if says_splits(root):
        return []
    own = _beside(root, labels)
    if own is None:
        beside = ((split, _beside(sub, labels)) for sub, split in split_folders(root).items())
        found = [(split, *pair) for split, pair in beside if pair is not None]
        return found if any(map(fits, found)) else []
    pictures, others = own
    splits, inner = split_folders(pictures), {split: sub for sub, split in split_folders(others).items()}
    if "train" in splits.values() and "train" in inner:
        same = {sub: others / sub.name for sub in splits}
        found = [
            (split, sub, same[sub] if same[sub].is_dir() else inner.get(split, same[sub]))
            for sub, split in splits.items()
        ]
    else:
        found = [("all", pictures, others)]
    return found if any(map(fits, found)) else []


def says_splits(root: Path) -> bool:
    """Return whether tables in a folder say what the splits are."""
    return bool(splits_of([stem(file) for file in files_in(root) if is_table(file)])[0])


def split_folders(folder: Path) -> dict[Path, str]:
    """Return the folders in a folder that are called like a split, perhaps with a year: train/, val2017/."""
    named = ((sub, SPLITS.get(sub.name.lower().rstrip("0123456789"))) for sub in folders_in(folder))
    return {sub: split for sub, split in named if split is not None}


def pictures_in(folder: Path) -> Iterator[Path]:
    """Yield the pictures below a folder; nothing where there is none."""
    for found in files_below(folder) if folder.is_dir() else ():
        if not found.wrong and of_file(found.path.name) is not None:
            yield found.path


def _beside(folder: Path, labels: Collection[str]) -> tuple[Path, Path] | None:
    named = {sub.name.lower(): sub for sub in folders_in(folder)}
    first, second = (
        next((named[name] for name in sorted({*names} & named.keys())), None) for names in (PICTURES, labels)
    )
    return (first, second) if first is not None and second is not None else None
