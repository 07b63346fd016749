"""Images in folders named after their class: CLASS/*.jpg, or train/CLASS/*.jpg with val/ and test/ beside it.

Files below `unlabelled/` have no label, whatever folders they are in, and neither have loose files where no folder
holds any. So it is with the files of any modality whose examples are files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headstart.core.errors import DataError, Problem, first_few
from headstart.data.tables import SPLITS, Tables, make_frame, split_name
from headstart.inputs import by_name, of_file

UNLABELLED = "unlabelled"  # the folder beside the classes, or beside train/ and test/, whose files have no label
SYSTEM_FILES = {"thumbs.db", "desktop.ini", "__macosx", "ehthumbs.db"}


@dataclass(frozen=True)
class ImageFolder:
    """Read a folder of images. With `domains` the top folders are domains: DOMAIN/CLASS or DOMAIN/train/CLASS."""

    domains: bool = False

    def matches(self, data: Any) -> bool:
        """Return whether `data` is a folder of images, or of folders of them, and not a table or a saved data set."""
        if not isinstance(data, str | Path) or not Path(data).is_dir():
            return False
        root = Path(data)
        files = [entry.name.lower() for entry in root.iterdir() if entry.is_file()]
        if {"dataset_info.json", "dataset_dict.json"} & set(files):
            return False
        tables = [name for name in files if name.endswith((".csv", ".tsv", ".jsonl", ".parquet"))]
        if any(split_name(Path(name).stem) for name in tables):
            return False
        return _modality(_folders(root)) is not None or (not tables and _modality([root]) is not None)

    def read(self, data: Any) -> Tables:
        """Read to columns label, the modality's (image) and, with `domains`, domain.

        Args:
            data: The folder.

        Returns:
            The tables.

        Raises:
            DataError: A class folder is empty, an image lies outside them, or a link leads out.
        """
        root = Path(data)
        sorted_in = _modality(_folders(root))
        modality = sorted_in or _modality([root])
        assert modality is not None, "matches was not asked"
        walk = _Walk(root, modality)
        if sorted_in is None:
            walk.read_unlabelled(walk.root, None)
        elif self.domains:
            walk.refuse_loose(walk.root)
            for folder in _folders(walk.root):
                walk.read_splits(folder, folder.name)
        else:
            walk.read_splits(walk.root, None)
        return walk.tables()


@dataclass
class _Walk:
    root: Path
    modality: str
    rows: dict[str, list[tuple[str, Path, str | None, str | None]]] = field(
        default_factory=dict
    )  # id, file, label, domain
    problems: list[Problem] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    def read_splits(self, folder: Path, domain: str | None) -> None:
        splits = {sub: SPLITS.get(sub.name.lower()) for sub in _folders(folder)}
        bare = [sub for sub, split in splits.items() if split == UNLABELLED]
        for sub in bare:
            self.read_unlabelled(sub, domain)
        if not set(splits.values()) & {"train", "test"}:
            self.read_classes(folder, "all", domain, apart=bare)
            return
        for sub, split in splits.items():
            if sub in bare:
                continue
            if split:
                self.read_classes(sub, split, domain)
            else:
                self.ignored.append(f"{self.name(sub)}/")
        self.refuse_loose(folder)

    def read_unlabelled(self, folder: Path, domain: str | None) -> None:
        found = [(self.name(file), file, None, domain) for file in self.images(folder)]
        self.rows.setdefault(UNLABELLED, []).extend(found)

    def read_classes(self, folder: Path, split: str, domain: str | None, apart: Sequence[Path] = ()) -> None:
        self.refuse_loose(folder)
        for sub in _folders(folder):
            if sub in apart:
                continue
            found = [(self.name(file), file, sub.name, domain) for file in self.images(sub)]
            if not found:
                self.problems.append(
                    Problem(f"{self.name(sub)}/", f"has no {self.plural}", "add some, or delete the folder")
                )
            self.rows.setdefault(split, []).extend(found)

    def refuse_loose(self, folder: Path) -> None:
        for file in sorted(folder.iterdir()):
            if file.is_symlink() and file.is_dir():
                self.problems.append(Problem(self.name(file), "is a link to a folder", "copy the folder itself"))
            elif not file.is_dir() and not _hidden(file):
                if of_file(file.name) == self.modality:
                    self.problems.append(Problem(self.name(file), "lies outside the class folders", "move it into one"))
                else:
                    self.ignored.append(self.name(file))

    def images(self, folder: Path) -> Iterator[Path]:
        for entry in sorted(folder.iterdir()):
            if _hidden(entry):
                continue
            if entry.is_symlink() and not (entry.is_file() and entry.resolve().is_relative_to(self.root.resolve())):
                what = f"is a link to {entry.readlink()}, which is not a file inside the folder"
                self.problems.append(Problem(self.name(entry), what, "copy the file itself"))
            elif entry.is_dir():
                yield from self.images(entry)
            elif of_file(entry.name) == self.modality:
                yield entry
            else:
                self.ignored.append(self.name(entry))

    def name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    @property
    def plural(self) -> str:
        """What the files are, in words."""
        return by_name(self.modality).plural

    def tables(self) -> Tables:
        if self.problems:
            raise DataError(f"{self.root} cannot be read as a folder of {self.plural}:", self.problems)
        frames = {}
        for split, rows in self.rows.items():
            if not rows:
                raise DataError(f"{self.root} has no {self.plural} in its '{split}' part.")
            ids, files, labels, domains = zip(*rows, strict=True)
            columns = {self.modality: files} | ({} if split == UNLABELLED else {"label": labels})
            columns |= {"domain": domains} if domains[0] is not None else {}
            frames[split] = make_frame(columns, ids)
        notes = ()
        if self.ignored:
            kinds = Counter(Path(name).suffix or name for name in self.ignored)
            listing = first_few(self.ignored)
            entries = "entry" if kinds.total() == 1 else "entries"
            notes = (f"ignored {kinds.total():,} {entries} other than {self.plural}: {listing}",)
        return Tables(frames, ("label",), notes)


def _modality(folders: Sequence[Path]) -> str | None:
    """Name the modality of the files in folders: that of the first file which has one; None where none has."""
    files = (file for folder in folders for file in sorted(folder.rglob("*")))
    names = (of_file(file.name) for file in files if not _hidden(file))
    return next((name for name in names if name is not None), None)


def _folders(folder: Path) -> list[Path]:
    return [sub for sub in sorted(folder.iterdir()) if sub.is_dir() and not _hidden(sub) and not sub.is_symlink()]


def _hidden(path: Path) -> bool:
    return path.name.startswith(".") or path.name.lower() in SYSTEM_FILES
