"""Sounds: paths, the bytes of files or samples with their rate, to one row of samples of a fixed rate and length."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from headstart.core.cells import digest, missing
from headstart.core.columns import cells_of
from headstart.core.counting import agree, counted
from headstart.core.errors import BadRows, DataError, Problem, UsageError, first_few
from headstart.core.input import Cut, Input
from headstart.core.interface import option
from headstart.core.offer import Offer
from headstart.core.progress import track
from headstart.core.told import told
from headstart.inputs import PICTURE, SOUND
from headstart.inputs._pieces import ENDS, read_pieces, told_recordings
from headstart.inputs._sound import SUFFIXES, Clip, Piece, as_clip, duration, is_sound, read_sound, resampled
from headstart.inputs._spectrogram import player, spectrogram

if TYPE_CHECKING:
    import pandas as pd
    import torch

SILENT = 1e-5  # of full scale: no sample is louder
LONGEST = 30.0  # seconds that a window has unless more is asked for


@dataclass(frozen=True)
class Audio(Input):
    """What a backbone expects of a sound: one channel, `sample_rate` samples a second, `seconds` long.

    Of a longer sound the middle is heard, a shorter one is followed by silence.
    """

    order: ClassVar[int] = 5
    plural: ClassVar[str] = "sounds"
    suffixes: ClassVar[frozenset[str]] = SUFFIXES
    copies_together: ClassVar[bool] = True
    hub: ClassVar[tuple[str, ...]] = ("audio-classification",)

    sample_rate: int = 16_000
    seconds: float = 1.0

    def __post_init__(self) -> None:
        if self.sample_rate < 1 or not self.samples >= 1:
            raise ValueError(f"sample_rate and seconds must be more than 0, not {self.sample_rate} and {self.seconds}.")

    @property
    def samples(self) -> int:
        """How many samples the network hears."""
        return round(self.sample_rate * self.seconds)

    @classmethod
    def holds(cls, cells: Sequence[Any]) -> bool:
        """Return whether the first cell is a `Path` or the bytes of a file of sound, or samples with a rate."""
        return is_sound(cells[0])

    @classmethod
    def columns(cls, frame: pd.DataFrame, own: Sequence[str], numbers: Sequence[str]) -> tuple[str, ...]:
        """Choose the first column of sounds, and with it those of numbers called `start` and `end`.

        Args:
            frame: The columns beside the labels.
            own: The columns that hold sounds.
            numbers: The columns that hold one number a cell.

        Returns:
            The columns; () where none holds sounds.
        """
        return (own[0], *(name for name in ENDS if name in numbers)) if own else ()

    @classmethod
    def read(cls, frame: pd.DataFrame, columns: Sequence[str]) -> list[Any]:
        """Take the cells of the column of sounds, files unopened, and where pieces of them begin and end.

        Args:
            frame: Cells by column, each row under its name.
            columns: The input's: that of sounds, perhaps `start` and `end`.

        Returns:
            Paths, the bytes of files, `Clip`s, and `Piece`s of these.

        Raises:
            UsageError: There are more columns.
            DataError: Cells are no sounds, or pieces end before they start; all are listed.
        """
        if not set(columns[1:]) <= set(ENDS):
            raise UsageError(
                f"A task of sounds has one input column, and perhaps start and end; named are {first_few(columns)}."
            )
        inputs, problems = [], []
        for row, cell in zip(frame.index, cells_of(frame[columns[0]]), strict=True):
            found = cell if isinstance(cell, Path | bytes) else as_clip(cell)
            inputs.append(found)
            if found is None:
                what = f"holds {type(cell).__name__} {str(cell)[:40]!r}, not a sound: give a file, or (samples, rate)"
                problems.append(Problem(f"{row}, column '{columns[0]}'", "has no sound" if missing(cell) else what))
        if len(columns) > 1:
            inputs, wrong = read_pieces(frame, inputs)
            problems += wrong
        if problems:
            raise BadRows("Inputs that are not sounds:", problems)
        return inputs

    @classmethod
    def loose(cls, items: Any, columns: Sequence[str]) -> dict[str, list[Any]]:
        """Take texts as paths, samples with their rate as one sound, and each sound as a whole."""
        items = [items] if as_clip(items) else items
        found = [Path(item) if isinstance(item, str) else item for item in items]
        return {columns[0]: found, **{name: [None] * len(found) for name in columns[1:]}}

    @classmethod
    def check(cls, ids: Sequence[str], items: Sequence[Any]) -> tuple[list[bytes], list[str]]:
        """Decode every sound.

        Args:
            ids: The name of each row.
            items: The sounds.

        Returns:
            The SHA-256 of each sound (of a file: of its bytes), and notes on channels, rates and silence.

        Raises:
            DataError: Sounds cannot be used; all are listed.
        """
        with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
            looked = list(track(pool.map(_look, ids, items), "reading sounds", len(ids)))
        problems = [problem for look in looked for problem in look.problems]
        if problems:
            raise BadRows(f"{counted(len(problems), 'sounds')} cannot be used:", problems)
        return [look.digest for look in looked], [*_notes(ids, looked), *told_recordings(items)]

    @classmethod
    def measure(cls, inputs: Sequence[Any], columns: Sequence[str]) -> dict[str, Any]:
        """Find the seconds of the longest training sound, up to 30."""
        known = [found for found in map(duration, inputs) if found]
        return {"seconds": min(LONGEST, math.ceil(1000 * max(known)) / 1000)} if known else {}

    @classmethod
    def baselines(cls, inputs: Sequence[Any]) -> tuple[Offer, ...]:
        """Compare with how loud each pitch is and how much that changes."""
        return (Offer("logmel:moments", why="means and deviations of a log-mel spectrogram", pretrained=False),)

    @classmethod
    def preview(cls, item: Any, columns: Sequence[str]) -> dict[str, Any]:
        """Make data URIs of a spectrogram and of the first seconds of a sound."""
        return _shown(read_sound(item)[0])

    def key(self, item: Any) -> Hashable:
        """Return path, time and size of a file, which may be written anew; of what is in memory the hash."""
        if isinstance(item, Piece):
            return self.key(item.whole), item.start, item.end
        if isinstance(item, Path):
            found = item.stat()
            return str(item), found.st_mtime_ns, found.st_size
        return _digest(item)

    def cut(self, inputs: Sequence[Any]) -> Cut | None:
        """Find sounds that are longer than what is heard."""
        known = [duration(item) or 0.0 for item in inputs]
        places = [place for place, found in enumerate(known) if found * self.sample_rate >= self.samples + 1]
        what = f"{agree(len(places), 'are')} longer than {self.seconds:g} s, of which the middle is heard"
        longer = min(LONGEST, math.ceil(10 * max(known, default=0)) / 10)
        mend = option("surgery", f"adapt_input seconds={longer:g}") if longer > self.seconds else ""
        return Cut(places, what, mend) if places else None

    def open(self, item: Any) -> np.ndarray:  # [T] float32
        """Read a sound at the network's rate, all of it."""
        return resampled(read_sound(item)[0], self.sample_rate)

    def window(self, raw: np.ndarray, later: int = 0) -> np.ndarray:  # [samples]
        """Cut the middle, or add silence behind.

        Args:
            raw: A sound of any length, [T].
            later: Samples by which it is heard later, as far as nothing of a short one is lost.

        Returns:
            What the network hears.
        """
        room = self.samples - len(raw)
        if room < 0:
            start = min(max(-room // 2 - later, 0), -room)
            return raw[start : start + self.samples]
        before = min(max(later, 0), room)
        return np.pad(raw, (before, room - before))

    def example(self, raw: np.ndarray) -> np.ndarray:  # [samples]
        """Cut the middle of a longer sound; let silence follow a shorter one."""
        return self.window(raw)

    def seen(self, example: np.ndarray, inputs: Any) -> dict[str, Any]:
        """Show what is heard."""
        return _shown(Clip(example, self.sample_rate))

    def walk(self, inputs: Any) -> list[tuple[str, str]]:
        """Tell what happens to a sound on its way into the network.

        Args:
            inputs: The one sound, in a list.

        Returns:
            Steps in words.
        """
        clip, channels = read_sound(inputs[0])
        whole = inputs[0].whole if isinstance(inputs[0], Piece) else inputs[0]
        raw = self.open(inputs[0])
        mono = "" if channels == 1 else f", the mean of {channels} channels"
        example = self.example(raw)
        return [
            ("file" if isinstance(whole, Path) else "sound", told(whole)),
            ("decoded", f"{len(clip.samples) / clip.rate:.3f} s at {clip.rate:,} Hz{mono}"),
            (f"resampled to {self.sample_rate:,} Hz", told(raw)),
            ("its middle" if len(raw) > self.samples else "followed by silence", told(example)),
            ("a batch of one", told(self.collate([example]))),
        ]

    def collate(self, examples: list[np.ndarray]) -> torch.Tensor:  # [B, samples]
        """Stack the sounds."""
        import torch

        return torch.from_numpy(np.stack(examples).astype(np.float32, copy=False))

    def blank(self, rows: int) -> torch.Tensor:  # [B, samples]
        """Make silence."""
        import torch

        return torch.zeros(rows, self.samples)

    def describe(self) -> str:
        """Describe rate and length."""
        return (
            f"{self.seconds:g} s of one channel at {self.sample_rate:,} Hz; of longer sounds the middle is heard, "
            "shorter ones are followed by silence"
        )


class _Look(NamedTuple):
    """What is found of a sound."""

    digest: bytes = b""
    rate: int = 0
    channels: int = 1
    silent: bool = False
    problems: tuple[Problem, ...] = ()


def _look(row: str, item: Any) -> _Look:
    try:
        content = item.read_bytes() if isinstance(item, Path) else item
    except OSError as error:
        return _Look(problems=(Problem(row, f"cannot be read: {error.strerror or error}"),))
    try:
        clip, channels = read_sound(content, row)
    except DataError as error:
        return _Look(problems=tuple(error.problems))
    return _Look(
        _digest(clip if isinstance(item, Piece) else content),
        clip.rate,
        channels,
        float(np.abs(clip.samples).max()) <= SILENT,
    )


def _notes(ids: Sequence[str], looked: Sequence[_Look]) -> list[str]:
    """Tell what is made of sounds that differ, and which hold silence."""
    notes = []
    several = sum(look.channels > 1 for look in looked)
    if several:
        notes.append(f"{counted(several, 'sounds')} {agree(several, 'have')} several channels: their mean is heard")
    rates = Counter(look.rate for look in looked)
    if len(rates) > 1:
        listed = first_few(f"{rate:,} Hz ({count:,})" for rate, count in rates.most_common())
        notes.append(f"sounds of several rates, each brought to the network's: {listed}")
    silent = [row for row, look in zip(ids, looked, strict=True) if look.silent]
    if silent:
        hold = agree(len(silent), "hold")
        notes.append(f"{counted(len(silent), 'sounds')} {hold} nothing but silence: {first_few(silent)}")
    return notes


def _shown(clip: Clip) -> dict[str, Any]:
    return {PICTURE: spectrogram(clip), SOUND: player(clip)}


def _digest(item: Any) -> bytes:
    if isinstance(item, Clip):  # of a piece what was read of it
        return digest(f"{item.rate}{item.samples.dtype}{item.samples.shape}".encode() + item.samples.tobytes())
    return digest(item)
