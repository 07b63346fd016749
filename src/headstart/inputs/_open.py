"""Open any image as 8-bit RGB or grey, upright and opaque, or say why it cannot be opened.

Grey values of 16 bits are scaled to 8 (65535 becomes 255) and never clipped, as plain conversion
would do. Transparency is laid on white. Of an animation the first frame counts. The orientation in
the EXIF data is applied, so that training and prediction see the same picture.
"""

from __future__ import annotations

import importlib.util
import io
import struct
import zlib
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from headstart.core import pointers
from headstart.core.errors import DataError, Problem

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".avif"}
    | {".heic", ".heif", ".svg"}  # read only to say what is missing
)
MOST_PIXELS = 64_000_000
_OF_MANY = (b"GIF8", b"II", b"MM", b"RIFF", b"\x89PNG")  # the beginnings of files that can hold several pictures
_DAMAGE = (OSError, SyntaxError, ValueError, TypeError, EOFError, struct.error, zlib.error, IndexError, KeyError)


def is_image(cell: Any) -> bool:
    """Return whether a cell of a table is an image: a `Path`, bytes, a PIL image or an array of at least two axes."""
    return isinstance(cell, Path | bytes | Image.Image) or (isinstance(cell, np.ndarray) and cell.ndim >= 2)


def open_image(item: Any, *, near: int | None = None, where: str | None = None) -> Image.Image:
    """Open one image, wholly decoded, in mode RGB or L.

    Args:
        item: A path, the bytes of a file, a PIL image, or an array [H, W], [H, W, 1], [H, W, 3] or
            [H, W, 4]: uint8, uint16, bool, or float in [0, 1].
        near: Pixels a side that are enough; a large JPEG is then decoded at 1/2, 1/4 or 1/8 of its size, never below.
        where: What to call the image in an error; None takes its path.

    Returns:
        The image.

    Raises:
        DataError: It is not an image, is damaged, or has more than 64 million pixels.
    """
    where = where or (str(item) if isinstance(item, str | Path) else "the image")
    if isinstance(item, np.ndarray):
        return _from_array(item, where)
    if isinstance(item, Image.Image):
        return _opaque(ImageOps.exif_transpose(item), where)
    try:
        content = item if isinstance(item, bytes) else Path(item).read_bytes()
    except OSError as error:
        raise _bad(where, f"cannot be read: {error.strerror or error}") from error
    return _opaque(_decode(content, where, near)[0], where)


def image_size(item: Any) -> tuple[int, int] | None:
    """Read width and height of an upright image, without decoding it.

    Args:
        item: As `open_image` takes it.

    Returns:
        The size; None where it cannot be told so.
    """
    if isinstance(item, np.ndarray):
        return (item.shape[1], item.shape[0]) if item.ndim >= 2 else None
    try:
        with _lazily(item) as image:
            turned = image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
            return (image.height, image.width) if turned else (image.width, image.height)
    except _DAMAGE:
        return None


def _lazily(item: Any) -> AbstractContextManager[Image.Image]:
    if isinstance(item, Image.Image):
        return nullcontext(item)
    return Image.open(io.BytesIO(item) if isinstance(item, bytes) else item)


def check_image(item: Any, where: str) -> int:
    """Check that `open_image` will open an image, at less cost: a JPEG is decoded small, and nothing is converted.

    Args:
        item: As `open_image` takes it, but no path.
        where: What to call the image in an error.

    Returns:
        The frames of an animation or the pages of a document; 1 of any other image.

    Raises:
        DataError: It is not an image, is damaged, or has more than 64 million pixels.
    """
    if isinstance(item, np.ndarray):
        _check_array(item, where)
        return 1
    image, frames = (item, 1) if isinstance(item, Image.Image) else _decode(item, where, near=1)
    if image.width * image.height > MOST_PIXELS:
        raise _too_large(where, f"{image.width} x {image.height}")
    if _is_wide(image):
        _check_array(np.asarray(image), where)
    return frames


def _decode(content: bytes, where: str, near: int | None) -> tuple[Image.Image, int]:
    """Decode the first frame, upright, and count the frames."""
    _check_content(content, where)
    try:
        image = Image.open(io.BytesIO(content))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(where, "over 89 million") from error
    except UnidentifiedImageError as error:
        raise _bad(where, "is not an image of a known kind", "convert it to PNG or JPEG") from error
    except _DAMAGE as error:
        raise _bad(where, f"is damaged: {error}") from error
    if image.width * image.height > MOST_PIXELS:
        raise _too_large(where, f"{image.width} x {image.height}")
    try:
        frames = getattr(image, "n_frames", 1) if content.startswith(_OF_MANY) else 1
        if near is not None:
            image.draft(None, (near, near))  # pyright: ignore[reportArgumentType]
        image.load()
        ImageOps.exif_transpose(image, in_place=True)  # else it is copied even where it is upright
    except _DAMAGE as error:
        raise _bad(where, f"is damaged: {error}", "replace or delete it") from error
    return image, frames


def _check_content(content: bytes, where: str) -> None:
    head = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not content:
        raise _bad(where, "is empty (0 bytes)", "copy or download it again")
    if pointers.is_pointer(content):
        raise _bad(where, pointers.WHAT, pointers.MEND)
    if b"<svg" in head:
        raise _bad(where, "is an SVG drawing, for which there is no decoder", "convert it to PNG")
    if head.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        raise _bad(where, "is a web page (HTML), not an image", "a failed download; download it again")
    if content[4:8] == b"ftyp" and content[8:12] in {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"}:
        _enable_heic(where)


def _enable_heic(where: str) -> None:
    if importlib.util.find_spec("pillow_heif") is None:
        raise _bad(
            where, "is a HEIC image, for which there is no decoder", "pip install pillow-heif, or convert it to JPEG"
        )
    importlib.import_module("pillow_heif").register_heif_opener()


def _opaque(image: Image.Image, where: str) -> Image.Image:
    if image.width * image.height > MOST_PIXELS:
        raise _too_large(where, f"{image.width} x {image.height}")
    if image.mode in {"RGB", "L"} and "transparency" not in image.info:
        return image
    if _is_wide(image):
        return _from_array(np.asarray(image), where)
    if image.mode in {"LA", "La", "PA", "RGBA", "RGBa"} or "transparency" in image.info:
        grey = image.mode in {"L", "LA", "La"}
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("L" if grey else "RGB")
    return image.convert("L" if image.mode == "1" else "RGB")


def _is_wide(image: Image.Image) -> bool:
    """Return whether pixels have more than 8 bits."""
    return image.mode.startswith("I") or image.mode == "F"


def _from_array(array: np.ndarray, where: str) -> Image.Image:
    _check_array(array, where)
    flat = array[:, :, 0] if array.ndim == 3 and array.shape[2] == 1 else array
    return _opaque(Image.fromarray(np.ascontiguousarray(_eight_bits(flat))), where)


def channels_first(shape: Sequence[int]) -> bool:
    """Return whether a picture of this shape has its channels before its rows and columns."""
    return len(shape) == 3 and shape[0] in {1, 3, 4} and shape[2] not in {1, 3, 4}


def _check_array(array: np.ndarray, where: str) -> None:
    shape = array.shape[:2] if array.ndim == 3 and array.shape[2] == 1 else array.shape
    if channels_first(shape):
        raise _bad(where, f"has shape {shape}, channels first", "give [H, W, C]: array.transpose(1, 2, 0)")
    if len(shape) not in {2, 3} or (len(shape) == 3 and shape[2] not in {3, 4}) or 0 in shape:
        raise _bad(where, f"has shape {shape}", "give [H, W], [H, W, 1] or [H, W, 3]")
    if shape[0] * shape[1] > MOST_PIXELS:
        raise _too_large(where, f"{shape[1]} x {shape[0]}")
    if array.dtype in (np.uint8, bool):
        return
    low, high = float(array.min()), float(array.max())
    if array.dtype.kind == "f":
        if not (low >= 0 and high <= 1):  # also when NaN
            raise _bad(where, f"has float values from {low:g} to {high:g}", "scale them to [0, 1], or give uint8")
    elif not (array.dtype.kind in "iu" and array.dtype.itemsize <= 4 and low >= 0 and high <= 65535):
        what = f"has {array.dtype} values from {low:g} to {high:g}"
        raise _bad(where, what, "give uint8, uint16, or float in [0, 1]")


def _eight_bits(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.uint8:
        return array
    if array.dtype == bool:
        return array.astype(np.uint8) * 255
    if array.dtype.kind == "f":
        return np.rint(array * 255).astype(np.uint8)
    return np.rint(array.astype(np.float64) / 257).astype(np.uint8)  # 65535 / 257 = 255


def _too_large(where: str, pixels: str) -> DataError:
    return _bad(
        where, f"has {pixels} pixels, more than {MOST_PIXELS // 10**6} million", "make it smaller, or delete it"
    )


def _bad(where: str, what: str, mend: str = "") -> DataError:
    return DataError("An image cannot be used:", [Problem(where, what, mend)])
