"""Folders of pictures beside folders of masks: where they are, and which mask is whose."""

from __future__ import annotations

from pathlib import Path

from headstart.data.readers._pairs import Pair, pairs, pictures_in

MASKS = {"masks", "mask", "labels", "annotations", "annots", "segmentationclass"}
MASK_ENDS = ("_mask", "_label", "_labels", "_gt", "_seg", "_l")  # which a mask's name may have more


def paired_folders(root: Path) -> list[Pair]:
    """Return the folders of pictures and of masks by split, "all" where there are none; none where it is no such."""
    return pairs(root, MASKS, _has_masks)


def mask_key(folder: Path, file: Path, *, mask: bool) -> str:
    """Return what a picture and its mask have in common: the path in their folder, without ending and marks."""
    key = file.relative_to(folder).with_suffix("").as_posix().lower()
    end = next((end for end in MASK_ENDS if mask and key.endswith(end)), "")
    return key.removesuffix(end)


def _has_masks(pair: Pair) -> bool:
    """Return whether most masks are files without loss that are called like a picture."""
    _, pictures, masks = pair
    keys = {mask_key(pictures, file, mask=False) for file in pictures_in(pictures)}
    found = list(pictures_in(masks))
    names = [{mask_key(masks, file, mask=True), mask_key(masks, file, mask=False)} for file in found]
    return bool(found) and 2 * sum(bool(own & keys) for own in names) > len(found)
