"""Images in folders named after their class: CLASS/*.jpg, or train/CLASS/*.jpg with val/ and test/ beside it.

Files below `unlabelled/` have no label, whatever folders they are in, and neither have loose files where no folder
holds any, nor those of a test split without class folders. So it is with the files of any modality whose examples
are files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from headstart.core.counting import counted
from headstart.core.errors import BadRows, DataError, Problem, first_few
from headstart.core.interface import option
from headstart.data.formats import is_table, stem
from headstart.data.readers._box_folders import holds_boxes
from headstart.data.readers._masks import paired_folders
from headstart.data.tables import PARENT, SPLITS, Tables, make_frame, splits_of
from headstart.data.walk import files_below, files_in, folders_in
from headstart.inputs import by_name, of_file

UNLABELLED = "unlabelled"  # the folder beside the classes, or beside train/ and test/, whose files have no label


@dataclass(frozen=True)
class ImageFolder:
    """Read a folder of images.

    With `domains` the top folders are domains: DOMAIN/CLASS or DOMAIN/train/CLASS. None finds it out: they are where
    all hold folders of the same names, no fewer than they are. False takes the top folders for classes. With `parents`
    the folders of classes are in folders of their parents, and a class is called PARENT/CLASS.
    """

    domains: bool | None = None
    parents: bool = False

    def matches(self, data: Any) -> bool:
        """Return whether `data` is a folder of images, or of folders of them, and not a table or a saved data set."""
        if not isinstance(data, str | Path) or not Path(data).is_dir():
            return False
        root = Path(data)
        if paired_folders(root) or holds_boxes(root):
            return False
        files = files_in(root)
        if {"dataset_info.json", "dataset_dict.json"} & {file.name.lower() for file in files}:
            return False
        tables = [stem(file) for file in files if is_table(file)]
        if splits_of(tables)[0]:
            return False
        folders = folders_in(root)
        splits = _splits(root)
        if any(any(map(is_table, files_in(sub))) for sub in splits):
            return False
        if not tables:
            return _modality(folders) is not None or _modality([root]) is not None
        holding = [sub for sub in folders if _modality([sub])]
        bare = not any(map(folders_in, holding)) and (len(holding) == 1 or set(holding) <= set(splits))
        return bool(holding) and not bare  # of bare ones the table says what they are

    def read(self, data: Any) -> Tables:
        """Read to columns label, the modality's (image) and, with domains, domain.

        Args:
            data: The folder.

        Returns:
            The tables.

        Raises:
            DataError: A class folder is empty. Images outside them and links that lead nowhere are told in the tables.
        """
        root = Path(data)
        sorted_in = _modality(folders_in(root))
        modality = sorted_in or _modality([root])
        assert modality is not None, "matches was not asked"
        walk = _Walk(root, modality, self.parents)
        common = sorted(_common_classes(root)) if self.domains is None and not self.parents else []
        inner = len(common) >= len(set(folders_in(root)) - set(_splits(root)))
        if sorted_in is None:
            walk.read_unlabelled(walk.root, None)
        elif self.domains or (common and inner):
            walk.name_loose(walk.root)
            for folder in folders_in(walk.root):
                if folder.name.lower() == UNLABELLED:
                    walk.read_unlabelled(folder, None)
                else:
                    walk.read_splits(folder, folder.name)
        else:
            walk.read_splits(walk.root, None)
        return walk.tables(_say_other(root, common, inner=inner) if common else "")


class _Row(NamedTuple):
    name: str
    file: Path
    label: str | None = None
    domain: str | None = None
    parent: str | None = None


@dataclass
class _Walk:
    root: Path
    modality: str
    parents: bool = False
    rows: dict[str, list[_Row]] = field(default_factory=dict)
    empty: list[Problem] = field(default_factory=list)  # folders of classes
    wrong: list[Problem] = field(default_factory=list)  # links and loose files, each by itself
    ignored: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)  # of names that leave a doubt

    def read_splits(self, folder: Path, domain: str | None) -> None:
        """Read train/CLASS, val/CLASS and test/CLASS, or CLASS, beside which there may be test/, or CLASS/train."""
        splits = _splits(folder)
        self.said += [
            f"{self.name(sub)}/ is read as the split '{split}' by its name; rename it if it is none"
            for sub, split in splits.items()
            if sub.name.lower() not in SPLITS
        ]
        others = [sub for sub in folders_in(folder) if sub not in splits]
        bare = [sub for sub, split in splits.items() if split == UNLABELLED]
        for sub in bare:
            self.read_unlabelled(sub, domain)
        known = {other.name for other in others}
        beside = any(split == "validation" and known & _names(_within(sub)) for sub, split in splits.items())
        if not set(splits.values()) & {"train", "test"} and not beside:
            if others and not self.parents and all(_inner_splits(sub) for sub in others):
                for sub in others:
                    self.read_class_splits(sub, domain)
                self.name_loose(folder)
            else:
                self.read_classes(folder, "all", domain, apart=bare)
            return
        if "train" not in splits.values() and any(_modality([sub]) for sub in others):
            self.read_classes(folder, "train", domain, apart=list(splits))
            classes = known
        else:
            self.ignored += [f"{self.name(sub)}/" for sub in others]
            self.name_loose(folder)
            classes = {name for sub, split in splits.items() if split == "train" for name in _names(_within(sub))}
        for sub, split in splits.items():
            if split and split not in {"train", UNLABELLED} and self.lacks_classes(_within(sub), classes):
                found = [_Row(self.name(file), file, None, domain) for file in self.images(sub)]
                self.rows.setdefault(split, []).extend(found)
            elif split and sub not in bare:
                self.read_classes(_within(sub), split, domain)

    def lacks_classes(self, folder: Path, classes: set[str]) -> bool:
        """Return whether the files of a split lie in no class folder: right in it, or in one folder of another name."""
        names = _names(folder)
        loose = any(of_file(file.name) == self.modality for file in files_in(folder))
        return bool(classes) and not names & classes and (loose or len(names) == 1)

    def read_class_splits(self, folder: Path, domain: str | None) -> None:
        """Read CLASS/train, CLASS/val, CLASS/test."""
        for sub, split in _splits(folder).items():
            found = [_Row(self.name(file), file, folder.name, domain) for file in self.images(sub)]
            self.rows.setdefault(split, []).extend(found)

    def read_unlabelled(self, folder: Path, domain: str | None) -> None:
        found = [_Row(self.name(file), file, None, domain) for file in self.images(folder)]
        self.rows.setdefault(UNLABELLED, []).extend(found)

    def read_classes(
        self, folder: Path, split: str, domain: str | None, apart: Sequence[Path] = (), parent: str | None = None
    ) -> None:
        """Read CLASS, or PARENT/CLASS where classes have parents."""
        self.name_loose(folder)
        for sub in folders_in(folder):
            if sub in apart:
                continue
            if self.parents and parent is None and folders_in(sub):
                self.read_classes(sub, split, domain, parent=sub.name)
                continue
            label = sub.name if parent is None else f"{parent}/{sub.name}"
            found = [_Row(self.name(file), file, label, domain, parent) for file in self.images(sub)]
            if not found:
                self.empty.append(
                    Problem(f"{self.name(sub)}/", f"has no {self.plural}", "add some, or delete the folder")
                )
            self.rows.setdefault(split, []).extend(found)

    def name_loose(self, folder: Path) -> None:
        for file in files_in(folder):
            if of_file(file.name) == self.modality:
                self.wrong.append(Problem(self.name(file), "lies outside the class folders", "move it into one"))
            else:
                self.ignored.append(self.name(file))

    def images(self, folder: Path) -> Iterator[Path]:
        for found in files_below(folder):
            if found.circle:
                self.ignored.append(self.name(found.path))
            elif found.wrong:
                self.wrong.append(Problem(self.name(found.path), found.wrong, "mend the link, or delete it"))
            elif of_file(found.path.name) == self.modality:
                yield found.path
            else:
                self.ignored.append(self.name(found.path))

    def name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    @property
    def plural(self) -> str:
        """What the files are, in words."""
        return by_name(self.modality).plural

    def tables(self, note: str) -> Tables:
        summary = f"{self.root} cannot be read as a folder of {self.plural}:"
        if self.empty:
            raise DataError(summary, [*self.empty, *self.wrong])
        frames = {}
        for split, rows in self.rows.items():
            if not rows:
                raise DataError(f"{self.root} has no {self.plural} in its '{split}' part.")
            ids, files, labels, domains, parents = zip(*rows, strict=True)
            columns = {self.modality: files} | ({} if split == UNLABELLED else {"label": labels})
            columns |= {"domain": domains} if any(domains) else {}
            columns |= {PARENT: parents} if self.parents else {}
            frames[split] = make_frame(columns, ids)
        notes = [*([note] if note else []), *self.said]
        if self.ignored:
            kinds = Counter(Path(name).suffix or name for name in self.ignored)
            listing = first_few(self.ignored)
            notes.append(f"ignored {counted(kinds.total(), 'entries')} other than {self.plural}: {listing}")
        wrong = (BadRows(summary, self.wrong),) if self.wrong else ()
        return Tables(
            frames, ("label",), tuple(notes), asides=("domain", *([PARENT] if self.parents else [])), wrong=wrong
        )


def _splits(folder: Path) -> dict[Path, str]:
    """Return which folders in a folder are splits: those of their names and, beside each other, training_set, test_set.

    A name of more than the word counts only where the folder of the training rows is divided again, into classes.
    """
    folders = folders_in(folder)
    exact = {sub: SPLITS[sub.name.lower()] for sub in folders if sub.name.lower() in SPLITS}
    named, _ = splits_of([sub.name for sub in folders])
    likely = {sub: named[sub.name] for sub in folders if sub.name in named}
    return likely | exact if all(folders_in(sub) for sub, split in likely.items() if split == "train") else exact


def _within(folder: Path) -> Path:
    """Enter the one folder in a folder that is called like it, as archives unpack: training_set/training_set."""
    inner = folders_in(folder)
    return inner[0] if len(inner) == 1 and not files_in(folder) and inner[0].name == folder.name else folder


def _names(folder: Path) -> set[str]:
    return {sub.name for sub in folders_in(folder)}


def _modality(folders: Sequence[Path]) -> str | None:
    """Name the modality of the files in folders: that of the first file which has one; None where none has."""
    names = (of_file(found.path.name) for folder in folders for found in files_below(folder))
    return next((name for name in names if name is not None), None)


def _inner_splits(folder: Path) -> bool:
    """Return whether a folder holds nothing but train/ and other splits, which are not divided into classes again."""
    subs = folders_in(folder)
    splits = _splits(folder)
    loose = any(of_file(file.name) for file in files_in(folder))
    return "train" in splits.values() and set(subs) <= set(splits) and not loose and not any(map(folders_in, subs))


def _common_classes(root: Path) -> set[str]:
    """Return the names of the folders that all top folders hold alike, in their splits if they have some; or none."""
    tops = [sub for sub in folders_in(root) if sub.name.lower() != UNLABELLED]
    if len(tops) < 2 or set(tops) & set(_splits(root)):
        return set()
    common: set[str] = set()
    for top in tops:
        names, splits = _names(top), _splits(top)
        if names and len(splits) == len(names):
            names = {name for sub in splits for name in _names(_within(sub))}
        if len(names) < 2 or (common and names != common) or any(of_file(file.name) for file in files_in(top)):
            return set()
        common = names
    return common


def _say_other(root: Path, common: Sequence[str], *, inner: bool) -> str:
    """Tell which of two levels of folders was taken for the classes, and the options for the other readings."""
    tops = len(folders_in(root)) - len(_splits(root))
    other = option("reader", f"image_folder domains={'false' if inner else 'true'}")
    adapt = f", or {option('source-domain')} and {option('target-domain')}" if inner else ""
    same = f"{tops} folders hold the same {len(common)} ({first_few(common, most=3)})"
    return f"{same}, taken for {'the classes' if inner else 'no classes'}; else: {other}{adapt}"
