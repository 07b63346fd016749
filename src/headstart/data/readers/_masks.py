"""Folders of pictures beside folders of masks: where they are, and which mask is whose."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from headstart.data.formats import is_table, stem
from headstart.data.tables import SPLITS, splits_of
from headstart.data.walk import files_below, files_in, folders_in
from headstart.inputs import of_file

PICTURES = {"images", "imgs", "img", "pictures", "jpegimages"}
MASKS = {"masks", "mask", "labels", "annotations", "annots", "segmentationclass"}
MASK_ENDS = ("_mask", "_label", "_labels", "_gt", "_seg", "_l")  # which a mask's name may have more
LOSSLESS = {".png", ".bmp", ".tif", ".tiff", ".gif"}
Pair = tuple[str, Path, Path]  # the split, the folder of pictures, that of masks


def paired_folders(root: Path) -> list[Pair]:
    """Find the folders of pictures and of masks.

    Args:
        root: The folder that holds images/ and masks/, both perhaps with a folder for each split, or that of splits
            which hold them.

    Returns:
        A pair for each split, "all" where there are none; none where it is no such folder, or tables say what the
        splits are.
    """
    if splits_of([stem(file) for file in files_in(root) if is_table(file)])[0]:
        return []
    own = _beside(root)
    if own is None:
        splits = [(SPLITS[sub.name.lower()], sub) for sub in folders_in(root) if sub.name.lower() in SPLITS]
        found = [(split, *pair) for split, sub in splits if (pair := _beside(sub)) is not None]
        return found if any(map(_has_masks, found)) else []
    pictures, masks = own
    splits = {SPLITS[sub.name.lower()]: sub for sub in folders_in(pictures) if sub.name.lower() in SPLITS}
    inner = {SPLITS[sub.name.lower()]: sub for sub in folders_in(masks) if sub.name.lower() in SPLITS}
    if "train" in splits and "train" in inner:
        found = [(split, sub, inner.get(split, masks / sub.name)) for split, sub in splits.items()]
    else:
        found = [("all", pictures, masks)]
    return found if any(map(_has_masks, found)) else []


def mask_key(folder: Path, file: Path, *, mask: bool) -> str:
    """Return what a picture and its mask have in common: the path in their folder, without ending and marks."""
    key = file.relative_to(folder).with_suffix("").as_posix().lower()
    end = next((end for end in MASK_ENDS if mask and key.endswith(end)), "")
    return key.removesuffix(end)


def pictures_in(folder: Path) -> Iterator[Path]:
    """Yield the pictures below a folder; nothing where there is none."""
    for found in files_below(folder) if folder.is_dir() else ():
        if not found.wrong and of_file(found.path.name) is not None:
            yield found.path


def _beside(folder: Path) -> tuple[Path, Path] | None:
    named = {sub.name.lower(): sub for sub in folders_in(folder)}
    pictures = next((named[name] for name in sorted(PICTURES & named.keys())), None)
    masks = next((named[name] for name in sorted(MASKS & named.keys())), None)
    return (pictures, masks) if pictures is not None and masks is not None else None


def _has_masks(pair: Pair) -> bool:
    """Return whether most masks are files without loss that are called like a picture."""
    _, pictures, masks = pair
    keys = {mask_key(pictures, file, mask=False) for file in pictures_in(pictures)}
    found = list(pictures_in(masks))
    names = [{mask_key(masks, file, mask=True), mask_key(masks, file, mask=False)} for file in found]
    return bool(found) and 2 * sum(bool(own & keys) for own in names) > len(found)
