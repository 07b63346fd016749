"""Images with a mask each: images/ and masks/, both perhaps with train/, val/ and test/, or these with both in them.

A mask is called like its image. What its values stand for says a file classes.csv or classes.txt beside the masks or
above them (`headstart.targets._legend`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.core.errors import BadRows, Problem
from headstart.data.readers._masks import mask_key, paired_folders
from headstart.data.readers._pairs import Pair, pictures_in
from headstart.data.tables import Tables, make_frame
from headstart.inputs import of_file

LABEL = "mask"


@dataclass(frozen=True)
class MaskFolder:
    """Read a folder of images/ and masks/, with a mask for each image."""

    def matches(self, data: Any) -> bool:
        """Return whether `data` is a folder of pictures and of masks that are called like them."""
        return isinstance(data, str | Path) and Path(data).is_dir() and bool(paired_folders(Path(data)))

    def read(self, data: Any) -> Tables:
        """Read to the columns image and mask.

        Args:
            data: The folder.

        Returns:
            The tables. Images without a mask and masks without an image are told in them.
        """
        root = Path(data)
        frames, wrong = {}, []
        for pair in paired_folders(root):
            rows, problems = _rows(root, pair)
            wrong += problems
            if rows:
                modality = of_file(rows[0][0].name) or ""
                frames[pair[0]] = make_frame(
                    {modality: [image for image, _ in rows], LABEL: [mask for _, mask in rows]},
                    [image.relative_to(root).as_posix() for image, _ in rows],
                )
        bad = (BadRows(f"{root} cannot be read as images with masks:", wrong),) if wrong else ()
        return Tables(frames, (LABEL,), wrong=bad)


def _rows(root: Path, pair: Pair) -> tuple[list[tuple[Path, Path]], list[Problem]]:
    """Find the mask of each image of a split, and what has no other half."""
    _, pictures, masks = pair
    whole = {mask_key(masks, file, mask=False): file for file in pictures_in(masks)}
    marked = {mask_key(masks, file, mask=True): file for file in pictures_in(masks)}
    rows, problems, used = [], [], set()
    for image in pictures_in(pictures):
        key = mask_key(pictures, image, mask=False)
        mask = whole.get(key) or marked.get(key)
        if mask is None:
            said = f"has no mask in {masks.relative_to(root).as_posix()}/"
            problems.append(Problem(image.relative_to(root).as_posix(), said, "add it, or take the image away"))
        else:
            rows.append((image, mask))
            used.add(mask)
    problems += [
        Problem(file.relative_to(root).as_posix(), "is a mask without an image", "add the image, or delete the mask")
        for file in pictures_in(masks)
        if file not in used
    ]
    return rows, problems
