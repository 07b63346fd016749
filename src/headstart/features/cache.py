"""A cache of what frozen networks give, row by row: content-addressed, on disk, common to all runs on a machine.

A shelf holds what one computation gave, and is named by a hash of all that it depends on. It consists of shards:
folders of one file of tensors, each written aside, hashed and given its name when it is whole. So a killed writer
leaves the shards that it finished, several processes may write to one shelf, and nothing torn is ever read.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from headstart.core import storage
from headstart.core.errors import DiskError, StorageError
from headstart.core.interface import option

FOLDER, ABOUT, DATA = "features", "about.json", "rows.safetensors"
SHARD = 64 << 20  # bytes
GB = 10**9
RAM_SHARE = 0.25  # of the memory that is free, which rows may take that are kept in it
DISK_SHARE = 0.5  # of the disk that is free, which they may take there

Row = tuple[torch.Tensor, ...]
Pieces = Iterable[tuple[Sequence[int], Sequence[Row]]]
Compute = Callable[[Sequence[int]], Pieces]


class NoRoom(Exception):
    """Neither the disk nor the memory may take what was to be kept; says why."""


@dataclass(frozen=True)
class Shelf:
    """One shelf, as it lies on the disk. about: what it holds, in words. used: when it was, in seconds since 1970."""

    folder: Path
    about: str
    rows: int
    bytes: int
    used: float


class Shard:
    """Rows of tensors, each tensor laid end to end along its first axis."""

    def __init__(self, tensors: Mapping[str, torch.Tensor]) -> None:
        self.digests = [row.tobytes() for row in tensors["digests"].numpy()]
        self._columns = [
            (tensors[name], [0, *tensors[name.replace("values", "ends")].tolist()])
            for name in sorted(tensors)
            if name.startswith("values")
        ]

    def row(self, place: int) -> Row:
        """Return the tensors of a row; they share the shard's memory."""
        return tuple(values[ends[place] : ends[place + 1]] for values, ends in self._columns)


class Table:
    """Rows in the order in which they were asked for; on disk, mapped into memory, as far as they are there."""

    def __init__(self, shards: Sequence[Shard], places: Sequence[tuple[int, int]]) -> None:
        self._shards, self._places = shards, places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, number: int) -> Row:
        shard, place = self._places[number]
        return self._shards[shard].row(place)


class Cache:
    """The cache, in the folder of what can be made again.

    Args:
        most: Bytes of all shelves together; 0 keeps nothing on disk.
        tell: Is told where the disk cannot be used.
    """

    def __init__(self, most: int, tell: Callable[[str], None]) -> None:
        self.most, self.tell = most, tell

    def table(self, name: str, about: str, digests: Sequence[bytes], row_bytes: float, compute: Compute) -> Table:
        """Return rows; those that the cache lacks are computed.

        Args:
            name: A hash of all that the rows' values depend on, but for the rows.
            about: What they are, for a person.
            digests: Of each row's content, all of one length.
            row_bytes: About how many bytes a row takes.
            compute: Is given places in `digests`, and gives all of them in any order, some at a time: the places, and
                the tensors of each row, each with at least one axis.

        Returns:
            The rows, in the order of `digests`.

        Raises:
            NoRoom: They fit neither on the disk nor into memory.
        """
        shards, known = self._shelf(name)
        missing = [place for place, digest in enumerate(digests) if digest not in known]
        if missing:
            for shard in self.keep(name, about, digests, int(len(missing) * row_bytes), compute(missing)):
                known |= {digest: (len(shards), number) for number, digest in enumerate(shard.digests)}
                shards.append(shard)
        return Table(shards, [known[digest] for digest in digests])

    def find(self, name: str, digests: Sequence[bytes]) -> list[Row | None]:
        """Return the rows of a shelf; None for each that it lacks. Arguments as of `table`."""
        shards, known = self._shelf(name)
        places = [known.get(digest) for digest in digests]
        return [None if place is None else shards[place[0]].row(place[1]) for place in places]

    def keep(self, name: str, about: str, digests: Sequence[bytes], size: int, pieces: Pieces) -> Iterator[Shard]:
        """Put rows on a shelf as they are computed, or into memory where the disk may not take them.

        Args:
            name: As of `table`, as are `about` and `digests`.
            about: What they are.
            digests: Of rows, some of which are computed.
            size: About how many bytes all of them take.
            pieces: Places in `digests`, and the tensors of each row, some at a time.

        Yields:
            The rows, many at a time.

        Raises:
            NoRoom: They fit neither on the disk nor into memory; nothing was computed.
        """
        folder = storage.cache() / FOLDER / name
        on_disk = self._makes_room(folder, about, size)
        for places, rows in _shards(pieces):
            tensors = _laid_end_to_end([digests[place] for place in places], rows)
            path = self._write(folder, tensors) if on_disk else None
            on_disk = path is not None
            yield Shard(tensors) if path is None else _open(path)

    def _shelf(self, name: str) -> tuple[list[Shard], dict[bytes, tuple[int, int]]]:
        """Read a shelf's shards, and where in them each row is."""
        shards = list(self._read(storage.cache() / FOLDER / name)) if self.most else []
        return shards, {row: (n, place) for n, shard in enumerate(shards) for place, row in enumerate(shard.digests)}

    def _read(self, folder: Path) -> Iterator[Shard]:
        """Read the shards of a shelf; one that is damaged is taken away."""
        if not folder.is_dir():
            return
        with suppress(OSError):
            os.utime(folder / ABOUT)
        for path in _whole(folder):
            try:
                yield _open(path)
            except (StorageError, OSError) as error:
                self.tell(f"a part of the cache of features is damaged, and is computed again: {error}")
                with suppress(OSError):
                    storage.remove_folder(path)

    def _makes_room(self, folder: Path, about: str, needed: int) -> bool:
        """Return whether rows may go to the disk; other shelves make room, those first that were used longest ago."""
        refusal = ""
        if self.most:
            refusal = self._refusal(folder, needed)
            if not refusal:
                try:
                    folder.mkdir(parents=True, exist_ok=True)
                    storage.sweep(folder)
                    storage.write_text(folder / ABOUT, json.dumps({"about": about}))
                    return True
                except (DiskError, OSError) as error:
                    refusal = str(error)
        free = _free_memory()
        if needed > RAM_SHARE * free:
            raise NoRoom(
                f"what is constant of these rows would take {needed / GB:.1f} GB"
                + (f"; on disk: {refusal}" if refusal else "")
                + f"; in memory {free / GB:.1f} GB are free, and a quarter of that may be used"
            )
        if refusal:
            self.tell(f"features are kept in memory, not on disk: {refusal}")
        return False

    def _refusal(self, folder: Path, needed: int) -> str:
        """Say why the disk cannot take so many bytes; "" where it can."""
        others = sorted((each for each in shelves() if each.folder != folder), key=lambda each: each.used)
        held = sum(each.bytes for each in shelves() if each.folder == folder)
        if held + needed > self.most:
            return f"{needed / GB:.2f} GB are needed, and {option('cache-gb', f'{self.most / GB:g}')} allows no more"
        over = held + needed + sum(each.bytes for each in others) - self.most
        for each in others:
            if over <= 0:
                break
            remove(each)
            over -= each.bytes
        there = next(parent for parent in folder.absolute().parents if parent.is_dir())
        free = shutil.disk_usage(there).free
        if needed > DISK_SHARE * free:
            needs = f"{needed / GB:.2f} GB are needed in {there}"
            return f"{needs}, where {free / GB:.2f} GB are free; half of that may be used"
        return ""

    def _write(self, folder: Path, tensors: Mapping[str, torch.Tensor]) -> Path | None:
        """Write a shard and return where; None where the disk refuses: the run goes on in memory."""
        from safetensors.torch import save_file

        path = folder / secrets.token_hex(8)
        try:
            with storage.new_folder(path) as temporary:
                save_file(dict(tensors), temporary / DATA)
        except StorageError as error:
            self.tell(f"features are kept in memory from here on, not on disk: {error}")
            return None
        return path


def shelves() -> list[Shelf]:
    """List what the cache holds, what was used last first."""
    found = []
    for about in (storage.cache() / FOLDER).glob(f"*/{ABOUT}"):
        try:
            told, used = json.loads(about.read_text(encoding="utf-8"))["about"], about.stat().st_mtime
            files = [path / DATA for path in _whole(about.parent)]
            found.append(Shelf(about.parent, told, sum(map(_count, files)), sum(f.stat().st_size for f in files), used))
        except (OSError, ValueError, KeyError):  # another process removes it
            continue
    return sorted(found, key=lambda shelf: -shelf.used)


def remove(shelf: Shelf) -> None:
    """Remove a shelf; a process that reads it keeps what it has opened."""
    with suppress(OSError):
        storage.remove_folder(shelf.folder)


def _whole(folder: Path) -> list[Path]:
    """List the shards of a shelf that have their names; those that are being written have hidden ones."""
    return sorted(file.parent for file in folder.glob(f"*/{DATA}") if not file.parent.name.startswith("."))


def _count(file: Path) -> int:
    from safetensors import safe_open

    with safe_open(file, framework="pt") as opened:
        return int(opened.get_slice("digests").get_shape()[0])


@cache
def _open(path: Path) -> Shard:
    """Check a shard against its hashes and map it into memory. StorageError: it is damaged."""
    from safetensors.torch import load_file

    storage.verify(path)
    return Shard(load_file(path / DATA))


def _laid_end_to_end(digests: Sequence[bytes], rows: Sequence[Row]) -> dict[str, torch.Tensor]:
    """Put rows into one tensor for each of theirs."""
    found = {"digests": torch.tensor([list(digest) for digest in digests], dtype=torch.uint8)}
    for place, values in enumerate(zip(*rows, strict=True)):
        found[f"values_{place}"] = torch.cat(values).contiguous()
        found[f"ends_{place}"] = torch.tensor([len(value) for value in values]).cumsum(0)
    return found


def _shards(pieces: Pieces) -> Iterator[tuple[list[int], list[Row]]]:
    """Collect rows until they make a shard."""
    places, rows, size = [], [], 0
    for found, given in pieces:
        places += found
        rows += given
        size += sum(value.nbytes for row in given for value in row)
        if size >= SHARD:
            yield places, rows
            places, rows, size = [], [], 0
    if places:
        yield places, rows


def _free_memory() -> float:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:  # not on Linux
        return 8.0 * GB
    return next(1024.0 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
