"""Images: paths, the bytes of files, PIL images or arrays, to normalised pixels."""

from __future__ import annotations

import base64
import io
import os
import threading
import warnings
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from PIL import Image as Pillow

from headstart.core.cells import digest, missing
from headstart.core.columns import cells_of
from headstart.core.counting import agree, counted
from headstart.core.errors import BadRows, DataError, Problem, UsageError, first_few
from headstart.core.input import Cut, Input, View
from headstart.core.interface import option
from headstart.core.offer import Offer
from headstart.core.progress import track
from headstart.core.told import told
from headstart.inputs import HEAT, PICTURE, TINY
from headstart.inputs._arrays import scaled
from headstart.inputs._evidence import overlay
from headstart.inputs._open import SUFFIXES, check_image, image_size, is_image, open_image

_FILTERS = threading.Lock()  # the filters of warnings belong to the whole process

if TYPE_CHECKING:
    import pandas as pd
    import torch

SIDE = 160  # pixels of a thumbnail
LEAST_SHARE = 0.5  # of an image's area that evaluation sees; below it is told
SMALL = 48  # pixels a side below which a picture is shown as it is


@dataclass(frozen=True)
class Image(Input):
    """What a backbone expects of an image: pixels in [0, 1], minus `mean`, over `std`."""

    order: ClassVar[int] = 10
    plural: ClassVar[str] = "images"
    suffixes: ClassVar[frozenset[str]] = SUFFIXES
    copies_together: ClassVar[bool] = True
    hub: ClassVar[tuple[str, ...]] = ("image-classification",)

    height: int
    width: int
    channels: int = 3
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    interpolation: str = "bicubic"
    crop: float = 1.0  # evaluation resizes to size / crop, then cuts the centre
    whole: bool = False  # each image is squeezed to the network's shape first, so that nothing of it is cut

    @classmethod
    def holds(cls, cells: Sequence[Any]) -> bool:
        """Return whether the first cell is a `Path`, bytes, a PIL image or an array of at least two axes."""
        return is_image(cells[0])

    @classmethod
    def read(cls, frame: pd.DataFrame, columns: Sequence[str]) -> list[Any]:
        """Take the cells of the one column, unopened.

        Args:
            frame: Cells by column, each row under its name.
            columns: The input's.

        Returns:
            The images.

        Raises:
            UsageError: There is more than one column.
            DataError: Cells are no images; all are listed. Or arrays are channels first, or of an unknown scale.
        """
        if len(columns) != 1:
            raise UsageError(f"An image task has one input column; {len(columns)} are named: {first_few(columns)}.")
        cells = cells_of(frame[columns[0]])
        problems = []
        for row, cell in zip(frame.index, cells, strict=True):
            if not (is_image(cell) or isinstance(cell, np.ndarray)):
                held = f"holds {type(cell).__name__} {str(cell)[:40]!r}, not an image"
                problems.append(Problem(f"{row}, column '{columns[0]}'", "has no image" if missing(cell) else held))
        if problems:
            raise BadRows("Inputs that are not images:", problems)
        return scaled(cells, f"column '{columns[0]}'")[0]

    @classmethod
    def taken(cls, column: Any, where: str) -> str:
        """Say which number arrays were taken to have for white, where their type does not tell."""
        return scaled(cells_of(column), where)[1]

    @classmethod
    def loose(cls, items: Any, columns: Sequence[str]) -> dict[str, list[Any]]:
        """Take texts as paths, and an array [H, W] or [H, W, 3 or 4] as one picture."""
        if isinstance(items, np.ndarray) and (items.ndim == 2 or (items.ndim == 3 and items.shape[2] in {3, 4})):
            items = [items]
        return {columns[0]: [Path(item) if isinstance(item, str) else item for item in items]}

    @classmethod
    def check(cls, ids: Sequence[str], items: Sequence[Any]) -> tuple[list[bytes], list[str]]:
        """Decode every image.

        Args:
            ids: The name of each row.
            items: The images.

        Returns:
            The SHA-256 of each image (of a file: of its bytes), and a note where there are animations.

        Raises:
            DataError: Images cannot be used; all are listed.
        """
        with (
            _FILTERS,
            warnings.catch_warnings(),
            ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool,
        ):  # Pillow decodes outside the GIL
            warnings.simplefilter("error", Pillow.DecompressionBombWarning)
            looked = list(track(pool.map(_look, ids, items), "reading pictures", len(ids)))
        problems = [problem for _, _, found in looked for problem in found]
        if problems:
            raise BadRows(f"{counted(len(problems), 'images')} cannot be used:", problems)
        animated = sum(frames > 1 for _, frames, _ in looked)
        notes = [f"{animated} animated or many-page images: the first frame of each is used"] if animated else []
        return [found for found, _, _ in looked], notes

    @classmethod
    def size_of(cls, item: Any) -> tuple[int, int] | None:
        """Return width and height."""
        return image_size(item)

    @classmethod
    def baselines(cls, inputs: Sequence[Any]) -> tuple[Offer, ...]:
        """Compare with histograms of gradients and of colours."""
        return (Offer("hog:colour", why="histograms of gradients and of colours", pretrained=False),)

    @classmethod
    def preview(cls, item: Any, columns: Sequence[str]) -> dict[str, Any]:
        """Make a data URI of a small picture of an image, and say whether the image itself is tiny."""
        return _thumbnail(open_image(item, near=SIDE))

    def heated(self, item: Any, heat: np.ndarray) -> dict[str, Any]:
        """Lay heat over the part of the picture that the network sees."""
        image = open_image(item, near=SIDE)
        return {HEAT: overlay(heat, image.size, self._seen(*image.size))}

    def refuses(self, inputs: Any) -> str:
        """Refuse a network whose pixels cannot be made."""
        if self.channels in {1, 3} and len(self.mean) == len(self.std) == self.channels:
            return ""
        return (
            f"states {self.channels} channels, {len(self.mean)} means and {len(self.std)} stds; images have 1 or 3 "
            "channels, each with a mean and a std"
        )

    def key(self, item: Any) -> Hashable:
        """Return path, time and size of a file, which may be written anew; of what is in memory the hash."""
        if isinstance(item, str | Path):
            found = Path(item).stat()
            return str(item), found.st_mtime_ns, found.st_size
        return _digest(item)

    def plainly(self) -> Self:
        """Leave out mean and std: pictures are normalised by the batch."""
        return replace(self, mean=(), std=())

    def open(self, item: Any) -> Pillow.Image:
        """Open an image in the network's colours, at no less than twice its size where it has so much."""
        image = open_image(item, near=2 * max(self.height, self.width))
        image = image.convert("L" if self.channels == 1 else "RGB")
        return image.resize((2 * self.width, 2 * self.height), self._resample) if self.whole else image

    def cut(self, inputs: Sequence[Any]) -> Cut | None:
        """Find images that lose more than half of their area where evaluation cuts their centre."""
        sizes = [image_size(item) for item in inputs]
        places = [place for place, size in enumerate(sizes) if size and self._share(*size) < LEAST_SHARE]
        lose, their = (agree(len(places), word) for word in ("lose", "their"))
        size = f"{self.width} x {self.height}"
        what = f"{lose} more than half of {their} area, as {their} centre is cut ({size})"
        return Cut(places, what, option("surgery", "adapt_input whole=true")) if places else None

    def _share(self, width: int, height: int) -> float:
        """Return the share of an image's area that evaluation sees."""
        left, top, right, bottom = self._seen(width, height)
        return (right - left) * (bottom - top) / (width * height)

    def _seen(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Find the part that evaluation sees of an opened image: left, top, right and bottom."""
        if self.whole:
            return 0, 0, width, height
        scale = max(self.width / self.crop / width, self.height / self.crop / height)
        cut_width, cut_height = min(width, self.width / scale), min(height, self.height / scale)
        left, top = (width - cut_width) / 2, (height - cut_height) / 2
        return left, top, left + cut_width, top + cut_height

    @property
    def _resample(self) -> Pillow.Resampling:
        return Pillow.Resampling[self.interpolation.upper()]

    def example(self, raw: Pillow.Image) -> torch.Tensor:  # [H, W, C] uint8
        """Resize so that the centre fills size / crop, and cut the centre.

        Both in one step, so that a very long image is never enlarged as a whole.
        """
        return pixels(raw.resize((self.width, self.height), self._resample, box=self._seen(*raw.size)))

    def beside(self, raw: Pillow.Image | None, picture: Pillow.Image, view: View) -> np.ndarray:
        """Show a picture that lies over an opened image as a view shows the image: the nearest pixel each time."""
        laid = picture if raw is None else picture.resize(raw.size, Pillow.Resampling.NEAREST)
        shown = view.show(laid, replace(self, interpolation="nearest")).numpy()
        return shown[:, :, 0] if shown.shape[2] == 1 else shown

    def seen(self, example: torch.Tensor, inputs: Any) -> dict[str, Any]:
        """Show the pixels that are normalised for the network."""
        array = example.numpy()
        return _thumbnail(Pillow.fromarray(array[:, :, 0] if array.shape[2] == 1 else array))

    def walk(self, inputs: Any) -> list[tuple[str, str]]:
        """Tell what happens to an image on its way into the network.

        Args:
            inputs: The one image, in a list.

        Returns:
            Steps in words.
        """
        item = inputs[0]
        decoded, raw = open_image(item), self.open(item)
        left, top, right, bottom = self._seen(*raw.size)
        part = f"{right - left:.0f} x {bottom - top:.0f} at ({left:.0f}, {top:.0f}) of {raw.width} x {raw.height}"
        example = self.example(raw)
        steps = [("file" if isinstance(item, Path) else "image", told(item)), ("decoded, upright", told(decoded))]
        if self.whole:
            steps.append(("squeezed to the network's shape", told(raw)))
        elif raw.size != decoded.size or raw.mode != decoded.mode:
            steps.append(("decoded smaller, in the network's colours", told(raw)))
        return [
            *steps,
            ("the part that is seen", f"{part}, {self._share(*raw.size):.0%} of the area"),
            (f"resized ({self.interpolation})", told(example)),
            ("normalised, as a batch of one", told(self.collate([example]))),
        ]

    def collate(self, examples: list[torch.Tensor]) -> torch.Tensor:  # [B, C, H, W]
        """Stack the images and normalise them, all at once."""
        import torch

        stacked = torch.stack(examples).permute(0, 3, 1, 2)
        mean, std = (torch.tensor(values).reshape(1, -1, 1, 1) for values in (self.mean, self.std))
        return stacked.float().div_(255).sub_(mean).div_(std)

    def blank(self, rows: int) -> torch.Tensor:  # [B, C, H, W]
        """Make grey images."""
        import torch

        return torch.zeros(rows, self.channels, self.height, self.width)

    def describe(self) -> str:
        """Describe the size."""
        return f"height {self.height}, width {self.width}, channels {self.channels}, in pixels and colours"


def _thumbnail(image: Pillow.Image) -> dict[str, Any]:
    """Make a data URI of a small picture, and say whether the image itself is tiny."""
    tiny = max(image.size) <= SMALL
    buffer = io.BytesIO()
    if tiny:
        image.save(buffer, "PNG")
    else:
        image.thumbnail((SIDE, SIDE))
        image.save(buffer, "JPEG", quality=75)
    content = base64.b64encode(buffer.getvalue()).decode("ascii")
    return {PICTURE: f"data:image/{'png' if tiny else 'jpeg'};base64,{content}", TINY: tiny}


def pixels(image: Pillow.Image) -> torch.Tensor:  # [H, W, C] uint8
    """Turn an opened image into a tensor."""
    import torch

    return torch.from_numpy(np.array(image, dtype=np.uint8)).reshape(image.height, image.width, -1)


def _look(row: str, item: Any) -> tuple[bytes, int, list[Problem]]:
    try:
        content = item.read_bytes() if isinstance(item, Path) else item
    except OSError as error:
        return b"", 1, [Problem(row, f"cannot be read: {error.strerror or error}")]
    try:
        return _digest(content), check_image(content, row), []
    except DataError as error:
        return b"", 1, error.problems


def _digest(item: Any) -> bytes:
    if isinstance(item, Pillow.Image):
        return digest(f"{item.mode}{item.size}".encode() + item.tobytes())
    return digest(item)
