"""Open every kind of image; FAULTS 35 to 46."""

from __future__ import annotations

import io
import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import headstart.inputs.image as images
from headstart.core.errors import DataError
from headstart.data.checks import check_rows
from headstart.data.rows import Rows
from headstart.inputs._open import open_image


def test_checks_that_overlap_leave_the_filters_of_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    entered, ended = {"a": threading.Event(), "b": threading.Event()}, threading.Event()

    def look(row: str, item: object) -> tuple[str, int, list[object]]:
        entered[row].set()
        (entered["b"] if row == "a" else ended).wait(0.5)  # b begins within a, and ends after it
        return "", 1, []

    monkeypatch.setattr(images, "_look", look)
    before = list(warnings.filters)
    first, second = (threading.Thread(target=images.Image.check, args=([row], [None])) for row in "ab")
    first.start()
    entered["a"].wait(5)
    second.start()
    first.join()
    ended.set()
    second.join()
    assert list(warnings.filters) == before


def picture(seed: int = 0, size: tuple[int, int] = (40, 30)) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(noise)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few kB that claims, and holds, many megapixels of black."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def test_35_36_37_39_46_every_bad_image_is_listed_at_once(tmp_path: Path) -> None:
    jpeg = saved(picture(), "JPEG")
    png = saved(picture(), "PNG")
    bad = {
        "cut.jpg": (jpeg[: len(jpeg) // 2], "damaged"),
        "cut.png": (png[: len(png) // 2], "damaged"),
        "empty.jpg": (b"", "0 bytes"),
        "page.jpg": (b"\n<!DOCTYPE html><html><body>404</body></html>", "HTML"),
        "text.jpg": (b"not an image at all", "not an image"),
        "bomb.png": (bomb(12_000, 12_000), "pixels"),
        "large_bomb.png": (bomb(30_000, 30_000), "pixels"),
        "small_bomb.png": (bomb(8_001, 8_001), "pixels"),
        "drawing.svg": (b"<?xml version='1.0'?><svg></svg>", "SVG"),
        "phone.heic": (b"\0\0\0\x18ftypheic\0\0\0\0", "pillow-heif"),
    }
    for name, (content, _) in bad.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "good.jpg").write_bytes(jpeg)
    paths = [tmp_path / name for name in [*bad, "good.jpg"]]
    with pytest.raises(DataError) as caught:
        check_rows({"train": Rows([p.name for p in paths], paths)}, "image")
    found = {problem.where: str(problem) for problem in caught.value.problems}
    assert set(found) == set(bad)
    for name, (_, word) in bad.items():
        assert word in found[name], found[name]


def test_38_a_png_named_jpg_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(saved(picture(), "PNG"))
    assert open_image(tmp_path / "a.jpg").size == (40, 30)


def test_39_a_bomb_given_alone_is_an_error_too() -> None:
    with warnings.catch_warnings(), pytest.raises(DataError, match="64 million"):
        warnings.simplefilter("ignore")
        open_image(bomb(12_000, 12_000))


@pytest.mark.parametrize("mode", ["CMYK", "1", "L", "LA", "RGBA", "P", "I;16", "YCbCr"])
def test_40_every_mode_becomes_rgb_or_grey(mode: str) -> None:
    image = picture().convert("L").convert("I").convert(mode) if mode == "I;16" else picture().convert(mode)
    assert open_image(image).mode in {"RGB", "L"}
    assert open_image(image).size == (40, 30)


def test_40_transparency_is_laid_on_white() -> None:
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    assert open_image(saved(clear, "PNG")).getpixel((0, 0)) == (255, 255, 255)
    palette = Image.new("P", (4, 4), 3)
    palette.putpalette([9, 9, 9] * 256)
    assert open_image(saved(palette, "PNG", transparency=3)).getpixel((0, 0)) == (255, 255, 255)
    assert open_image(Image.new("LA", (4, 4), (10, 0))).getpixel((0, 0)) == 255


def test_41_grey_of_16_bits_is_scaled_and_never_clipped() -> None:
    ramp = np.linspace(0, 65535, 4096).astype(np.uint16).reshape(64, 64)
    opened = np.asarray(open_image(saved(Image.fromarray(ramp), "PNG")))
    assert opened.dtype == np.uint8
    assert len(np.unique(opened)) == 256
    assert (np.diff(opened.reshape(-1).astype(int)) >= 0).all()
    assert np.array_equal(np.asarray(open_image(ramp)), opened)


def test_42_the_exif_orientation_is_applied() -> None:
    image = picture(size=(40, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = open_image(saved(image, "PNG", exif=exif))
    assert turned.size == (20, 40)
    assert np.array_equal(np.asarray(turned), np.rot90(np.asarray(image), -1))


def test_43_the_first_frame_of_an_animation_counts_and_is_noted() -> None:
    frames = [Image.new("L", (8, 8), value).convert("RGB") for value in (0, 200)]
    gif = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    tiff = saved(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    assert np.asarray(open_image(gif)).max() == 0
    _, notes = check_rows({"train": Rows(["a.gif", "b.tiff", "c.png"], [gif, tiff, saved(frames[0], "PNG")])}, "image")
    assert notes == ["2 animated or many-page images: the first frame of each is used"]


@pytest.mark.parametrize("size", [(1, 1), (1, 10_000), (10_000, 1)])
def test_44_extreme_shapes_pass(size: tuple[int, int]) -> None:
    assert open_image(saved(Image.new("RGB", size), "PNG")).size == size


@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 1), (5, 6, 3), (5, 6, 4)])
def test_arrays_of_usual_shapes_open(shape: tuple[int, ...]) -> None:
    assert open_image(np.full(shape, 255, dtype=np.uint8)).size == (6, 5)
    assert np.asarray(open_image(np.ones(shape, dtype=np.float32))).max() == 255


@pytest.mark.parametrize(
    ("array", "word"),
    [
        (np.zeros((3, 5, 6), dtype=np.uint8), "channels first"),
        (np.full((5, 6), 16.0), "float values from 16 to 16"),
        (np.full((5, 6), np.nan), "float values"),
        (np.zeros((5, 6, 2), dtype=np.uint8), "shape"),
        (np.full((5, 6), -1), "int64"),
    ],
)
def test_arrays_of_other_kinds_are_refused(array: np.ndarray, word: str) -> None:
    with pytest.raises(DataError, match=word):
        open_image(array)


def test_a_smaller_decode_is_never_below_what_is_asked() -> None:
    image = open_image(saved(picture(size=(800, 640)), "JPEG"), near=100)
    assert 100 <= image.height < 640
