"""Read any sound as one row of float32 samples with its rate, or say why it cannot be read.

Channels are averaged. soundfile decodes wav, flac, ogg and mp3, soxr resamples; both come with the extra `audio`.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from headstart.core import pointers
from headstart.core.errors import DataError, Problem, UsageError

SUFFIXES = frozenset(
    {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".w64"}
    | {".m4a", ".wma", ".webm", ".amr"}  # read only to say what is missing
)
EXTRA = "pip install 'headstart[audio]'"
LEAST_RATE, MOST_RATE = 1_000, 768_000  # samples a second
MOST_SAMPLES = 256_000_000  # of a sound, all channels together: about an hour of music


class Clip(NamedTuple):
    """A sound that is in memory: samples [T] or [T, channels], and how many there are a second."""

    samples: np.ndarray
    rate: int


class Piece(NamedTuple):
    """A piece of a sound, from one second to another; None is where the sound itself ends."""

    whole: Any
    start: float
    end: float | None


def as_clip(cell: Any) -> Clip | None:
    """Read a cell that holds samples and a rate: a pair, in either order, or a dict as `datasets` has it; else None."""
    if isinstance(cell, Mapping):
        cell = (cell.get("array"), cell.get("sampling_rate"))
    if not isinstance(cell, tuple | list) or len(cell) != 2:
        return None
    samples, rate = cell if isinstance(cell[0], np.ndarray) else cell[::-1]
    known = isinstance(samples, np.ndarray) and isinstance(rate, int | np.integer) and not isinstance(rate, bool)
    return Clip(samples, int(rate)) if known else None


def is_sound(cell: Any) -> bool:
    """Return whether a cell is a sound: a `Path` or the bytes of a file of sound, or samples with a rate."""
    if isinstance(cell, Path):
        return cell.suffix.lower() in SUFFIXES
    if isinstance(cell, bytes):
        named = cell[:4] in {b"fLaC", b"OggS", b".snd"} or cell[8:12] in {b"WAVE", b"AIFF", b"AIFC"}
        return named or cell.startswith((b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2"))
    return as_clip(cell) is not None


def read_sound(item: Any, where: str = "") -> tuple[Clip, int]:
    """Read one sound.

    Args:
        item: A path, the bytes of a file, a `Clip`, or a `Piece` of one of these.
        where: What to call the sound in an error; "" takes its path.

    Returns:
        The mean of its channels, [T] float32, with its rate; and how many channels there were.

    Raises:
        DataError: It cannot be read, has fewer than two samples, or some are not finite; a piece starts after its end.
        UsageError: soundfile is not installed.
    """
    whole, start, end = item if isinstance(item, Piece) else Piece(item, 0.0, None)
    where = where or (str(whole) if isinstance(whole, Path) else "the sound")
    samples, rate = _samples(whole, where, start, end) if isinstance(whole, Clip) else _decode(whole, where, start, end)
    if samples.ndim not in {1, 2} or samples.size > MOST_SAMPLES:
        raise _bad(where, f"has shape {samples.shape}", "give samples [T] or [T, channels], cut into shorter sounds")
    if not LEAST_RATE <= rate <= MOST_RATE:
        raise _bad(where, f"has {rate:,} samples a second", "write the right rate")
    if samples.ndim == 2 and samples.shape[0] < samples.shape[1]:
        raise _bad(where, f"has shape {samples.shape}, channels first", "give [T, channels]: array.T")
    if len(samples) < 2:
        raise _bad(where, "holds no sound (0 samples)" if not len(samples) else "holds a single sample", "delete it")
    wrong = np.argwhere(~np.isfinite(samples))
    if len(wrong):
        value = samples[tuple(wrong[0])]
        raise _bad(
            where, f"has {len(wrong):,} samples that are no finite numbers ({value} at {wrong[0][0]})", "mend it"
        )
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    mono = samples if samples.ndim == 1 else samples.mean(axis=1)
    return Clip(np.ascontiguousarray(mono, dtype=np.float32), rate), channels


def resampled(clip: Clip, rate: int) -> np.ndarray:  # [T] float32
    """Bring a sound to another rate. UsageError: soxr is needed and not installed."""
    return clip.samples if clip.rate == rate else _library("soxr").resample(clip.samples, clip.rate, rate)


def duration(item: Any) -> float | None:
    """Read how many seconds a sound has, without decoding it; None where it cannot be told."""
    if isinstance(item, Piece):
        found = duration(item.whole)
        return None if found is None else min(found, found if item.end is None else item.end) - item.start
    if isinstance(item, Clip):
        return len(item.samples) / item.rate
    library = _library("soundfile")
    try:
        found = library.info(str(item) if isinstance(item, Path) else io.BytesIO(item))
    except (OSError, library.SoundFileError):
        return None
    return found.frames / found.samplerate


def _samples(clip: Clip, where: str, start: float, end: float | None) -> Clip:
    """Take a piece of samples; scale whole numbers to [-1, 1], as files of them are read."""
    first, count = _span(start, end, clip.rate, len(clip.samples), where)
    samples = clip.samples[first : first + count]
    kind = samples.dtype.kind
    if kind == "i":
        samples = samples / np.float32(-float(np.iinfo(samples.dtype).min))
    elif kind == "u":
        half = (float(np.iinfo(samples.dtype).max) + 1) / 2
        samples = (samples - np.float64(half)) / half
    return Clip(samples, clip.rate)


def _decode(item: Any, where: str, start: float, end: float | None) -> Clip:
    library = _library("soundfile")
    try:
        with io.BytesIO(item) if isinstance(item, bytes) else Path(item).open("rb") as file:
            head = file.read(len(pointers.START))
            if not head:
                raise _bad(where, "is empty (0 bytes)", "copy or download it again")
            if pointers.is_pointer(head):
                raise _bad(where, pointers.WHAT, pointers.MEND)
            file.seek(0)
            with library.SoundFile(file) as sound:
                first, count = _span(start, end, sound.samplerate, sound.frames, where)
                sound.seek(first)
                return Clip(sound.read(count, dtype="float32"), sound.samplerate)
    except OSError as error:
        raise _bad(where, f"cannot be read: {error.strerror or error}") from error
    except library.SoundFileError as error:
        why = str(error).rpartition(": ")[2].rstrip(".")
        raise _bad(where, f"is not a sound that soundfile reads ({why})", "convert it to wav or flac") from error


def _span(start: float, end: float | None, rate: int, frames: int, where: str) -> tuple[int, int]:
    """Find the first sample of a piece and how many there are; what ends after the sound ends with it."""
    if start and start * rate >= frames:
        raise _bad(where, f"starts at {start:g} s, and the sound ends at {frames / max(rate, 1):g} s")
    first = round(start * rate)
    return first, (frames if end is None else min(frames, round(end * rate))) - first


@lru_cache
def _library(name: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UsageError(f"Sounds are read with {name} ({error}). Install it: {EXTRA}.") from error


def _bad(where: str, what: str, mend: str = "") -> DataError:
    return DataError("A sound cannot be used:", [Problem(where, what, mend)])
