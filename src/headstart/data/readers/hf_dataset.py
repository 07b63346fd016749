"""Hugging Face data sets: a Dataset or DatasetDict, a folder written by save_to_disk, or "hf:NAME" from the hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.core.errors import DataError, UsageError, first_few
from headstart.data.readers._paths import resolve_files
from headstart.data.tables import SPLITS, Tables, make_frame

MARKERS = ("dataset_info.json", "dataset_dict.json")


@dataclass(frozen=True)
class HfDataset:
    """Read a data set of the library `datasets`. `config` and `revision` choose among those of a name on the hub."""

    config: str | None = None
    revision: str | None = None

    def matches(self, data: Any) -> bool:
        """Return whether `data` is an object of `datasets`, a folder that it saved, or starts with "hf:"."""
        if isinstance(data, str) and data.startswith("hf:"):
            return True
        if isinstance(data, str | Path):
            return any((Path(data) / marker).is_file() for marker in MARKERS)
        return type(data).__module__.partition(".")[0] == "datasets"

    def read(self, data: Any) -> Tables:
        """Read to one frame a split; class numbers become class names, images stay compressed until they are needed.

        Args:
            data: What `matches` takes.

        Returns:
            The tables.

        Raises:
            UsageError: The library `datasets` is not installed, or it streams.
            DataError: The hub cannot be reached, or the folder is damaged.
        """
        trusted = not isinstance(data, str | Path)
        loaded = data if trusted else self._load(str(data))
        whole = loaded if isinstance(loaded, dict) else {"all": loaded}
        known = {name: SPLITS.get(name, name if name == "all" else None) for name in whole}
        notes = [f"ignored the split '{name}'" for name, split in known.items() if split is None]
        frames, hints, absent, wrong = {}, (), {}, []
        for name, split in known.items():
            if split is not None:
                columns, hints, dropped = _columns(whole[name], trusted)
                rows = len(whole[name])
                ids = [f"{name}[{i}]" for i in range(rows)]
                files = resolve_files(columns, ids, Path() if trusted else Path(str(data)))
                frames[split] = make_frame(files.columns, ids)
                absent |= files.absent
                wrong += files.wrong
                notes.extend(files.notes)
                notes.extend(
                    f"ignored the column '{column}' of '{name}': not text, numbers or images" for column in dropped
                )
        if not frames:
            raise DataError(f"The data set has no split train, validation or test. It has: {first_few(whole)}.")
        return Tables(frames, hints, tuple(dict.fromkeys(notes)), absent=absent, wrong=tuple(wrong))

    def _load(self, where: str) -> Any:
        try:
            import datasets
        except ImportError as error:
            raise UsageError(f"{where} needs the library datasets: pip install 'headstart[datasets]'.") from error
        if not where.startswith("hf:"):
            try:
                return datasets.load_from_disk(where)
            except (OSError, ValueError, KeyError) as error:
                raise DataError(f"{where} cannot be read as a data set saved by save_to_disk: {error}") from error
        name = where.removeprefix("hf:")
        try:
            return datasets.load_dataset(name, self.config, revision=self.revision)
        except (OSError, ValueError, RuntimeError) as error:  # OSError: every failure of the network and the hub
            raise DataError(
                f"The data set '{name}' could not be loaded from the hub: {error}\n"
                "Without a network, load it elsewhere, write it with save_to_disk(FOLDER), and give that folder."
            ) from error


def _columns(split: Any, trusted: bool) -> tuple[dict[str, list[Any]], tuple[str, ...], list[str]]:
    if not hasattr(split, "with_format") or not hasattr(split, "__len__"):
        raise UsageError("A streamed data set has no length; load it without streaming=True.")
    import datasets

    plain = split.with_format(None)
    columns: dict[str, list[Any]] = {}
    labels: list[str] = []
    dropped: list[str] = []
    for name, feature in split.features.items():
        inner = getattr(feature, "feature", None)  # of a list
        if isinstance(feature, datasets.Image):
            plain = plain.cast_column(name, datasets.Image(decode=False))
            columns[name] = [_image(cell, trusted) for cell in plain[name]]
        elif isinstance(feature, datasets.ClassLabel):
            columns[name] = [_class(feature, cell) for cell in plain[name]]
            labels.append(name)
        elif isinstance(inner, datasets.ClassLabel):
            columns[name] = [None if cell is None else [_class(inner, one) for one in cell] for cell in plain[name]]
            labels.append(name)
        elif isinstance(feature, datasets.Value | datasets.List | datasets.Sequence):
            columns[name] = list(plain[name])
        else:
            dropped.append(name)
    return columns, tuple(labels) if len(labels) == 1 else (), dropped


def _class(feature: Any, cell: Any) -> str | None:
    return None if cell is None or cell < 0 else feature.int2str(cell)  # -1 stands for "no label"


def _image(cell: Any, trusted: bool) -> Any:
    if cell is None or cell.get("bytes"):
        return cell and cell["bytes"]
    if not trusted:
        raise DataError(
            f"The data set names an image file outside itself: {cell.get('path')}. Save it with its images embedded."
        )
    return Path(cell["path"])
