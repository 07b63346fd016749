"""Lists of pictures that say what the splits are: train.txt, val.txt and test.txt."""

from __future__ import annotations

from pathlib import Path

from headstart.core.counting import agree, counted
from headstart.core.errors import Problem
from headstart.data.readers._boxes import Gathered, Picture
from headstart.data.tables import SPLITS
from headstart.data.walk import files_in

BOTH = "trainval"  # the list that stands for training rows where there is none of them alone


class Lists:
    """The names of pictures in such lists, each the first word of a line; without lists every picture is taken."""

    def __init__(self, found: Gathered, folder: Path | None) -> None:
        self.found = found
        self.split: dict[str, str] = {}
        self.where: dict[str, str] = {}
        self.others = 0
        texts = [file for file in files_in(folder) if file.suffix == ".txt"] if folder and folder.is_dir() else []
        files = {file.stem.lower(): file for file in texts}
        named = [(split, files[stem]) for stem, split in SPLITS.items() if stem in files]
        for split, file in named:
            self._add(split, file)
        if BOTH in files and "train" not in dict(named):
            self._add("train", files[BOTH], both=True)

    def _add(self, split: str, file: Path, *, both: bool = False) -> None:
        for line, text in enumerate(self.found.lines(file), 1):
            name = Path(text.split()[0]).stem if text.split() else ""
            where = f"{self.found.row(file)}:{line}"
            if name and self.split.setdefault(name, split) == split:
                self.where.setdefault(name, where)
            elif name and not both:
                what = f"'{name}' is in {self.where[name]}, too, for '{self.split[name]}'"
                self.found.loose.append(Problem(where, what, "delete one of them"))

    def takes(self, picture: Picture) -> bool:
        """Put a picture into its split; return False where lists are there and none names it."""
        if not self.split:
            return True
        self.where.pop(picture.path.stem, None)
        self.others += picture.path.stem not in self.split
        picture.split = self.split.get(picture.path.stem, picture.split)
        return picture.path.stem in self.split

    def tell(self) -> None:
        """List the names that no picture has, and count the pictures without a list."""
        for name, where in self.where.items():
            self.found.loose.append(Problem(where, f"there is no picture '{name}' with any ending"))
        if self.others:
            count = f"{counted(self.others, 'pictures')} that no list names {agree(self.others, 'are')} left out"
            self.found.notes.append(count)
