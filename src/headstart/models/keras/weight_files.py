"""Weight files of Keras, opened with h5py alone: `.weights.h5` of Keras 3, and the `.h5` of Keras 1 and 2.

Nothing in such a file is run, and a file that points outside of itself, or holds anything but numbers, is refused
before a value is read.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, count, takewhile
from pathlib import Path
from typing import Any

import numpy as np

from headstart.core import pointers
from headstart.core.errors import SourceError, UsageError, reason_of
from headstart.models.keras.backend import EXTRA

SUFFIXES = (".h5", ".hdf5")
NUMBERS = "fiub"  # NumPy's kinds: floating point, integers with and without a sign, booleans

Layers = Mapping[str, tuple[Any, ...]]  # the datasets of each layer by its name; their values are not read yet


@contextmanager
def opened(path: Path) -> Iterator[Layers]:
    """Open a weight file.

    Args:
        path: An HDF5 file of weights, or of a whole model.

    Yields:
        The datasets of each layer that has weights, in the order that Keras gives them.

    Raises:
        UsageError: h5py is not installed.
        SourceError: The file is missing, damaged or not safe to read, or has no layers.
    """
    h5py = _import_h5py()
    with checked(path) as file:
        with _whole(path):
            root = file.get("model_weights", file)
            layers = dict(_by_attributes(root) if _names(root, "layer_names") else _by_groups(root))
            for array in chain.from_iterable(layers.values()):
                if not isinstance(array, h5py.Dataset) or array.shape is None:
                    raise ValueError(f"{array.name} is to hold numbers, and holds none")
        if not layers:
            raise SourceError(f"{path} holds no layers with weights: write it with model.save_weights(FILE).")
        yield layers


@contextmanager
def checked(path: Path, content: Any = None) -> Iterator[Any]:
    """Open an HDF5 file that holds numbers alone, all of them in the file itself.

    Args:
        path: The file.
        content: The file within `path`, opened for reading, where `path` is an archive; None: `path` itself.

    Yields:
        h5py's file.

    Raises:
        UsageError: h5py is not installed.
        SourceError: The file is missing, damaged or not safe to read.
    """
    h5py = _import_h5py()
    if content is None:
        _check_start(path, h5py)
    with _whole(path):
        file = h5py.File(path if content is None else content, "r")
    with file:
        with _whole(path):
            _check(h5py, file, path, set())
        yield file


def read(dataset: Any, path: Path) -> np.ndarray:
    """Read the values of a layer's dataset in single precision. SourceError: the file is damaged."""
    with _whole(path):
        return dataset[()].astype(np.float32)


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, KeyError, RuntimeError, ValueError, AttributeError, MemoryError) as error:
        raise SourceError(f"{path} is damaged: {reason_of(error)}. Fetch it again.") from error


def _import_h5py() -> Any:
    try:
        return importlib.import_module("h5py")
    except ImportError as error:
        raise UsageError(f"HDF5 files are read with h5py. Install it: {EXTRA}.") from error


def _check_start(path: Path, h5py: Any) -> None:
    if not path.is_file():
        raise SourceError(f"{path} is not there.")
    with path.open("rb") as file:
        if pointers.is_pointer(file.read(len(pointers.START))):
            raise SourceError(f"{path} {pointers.WHAT}; {pointers.MEND}.")
    if not h5py.is_hdf5(path):
        raise SourceError(f"{path} is not an HDF5 file; nothing of it was run. Fetch it again.")


def _check(h5py: Any, group: Any, path: Path, seen: set[int]) -> None:
    """Check everything below a group, before any value is read."""
    for name in group:
        where = f"{path} was not read: {group.name.rstrip('/')}/{name}"
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise SourceError(f"{where} is a link. Weights must lie in the file itself.")
        item = group[name]
        if isinstance(item, h5py.Dataset):
            layout = item.id.get_create_plist()
            if layout.get_layout() == h5py.h5d.VIRTUAL or layout.get_external_count():
                raise SourceError(f"{where} is kept in another file. Weights must lie in the file itself.")
            if item.dtype.kind not in NUMBERS:
                raise SourceError(f"{where} holds {item.dtype}, not numbers.")
        elif not isinstance(item, h5py.Group):
            raise SourceError(f"{where} is neither a group nor numbers.")
        elif (address := h5py.h5o.get_info(item.id).addr) in seen:
            raise SourceError(f"{where} is a second name of a group.")
        else:
            seen.add(address)
            _check(h5py, item, path, seen)


def _by_attributes(root: Any) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Go through the layers as Keras 1 and 2 list them: `layer_names`, and `weight_names` of each."""
    for layer in _names(root, "layer_names"):
        if names := _names(root[layer], "weight_names"):
            yield layer, tuple(root[layer][name] for name in names)


def _by_groups(root: Any) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Go through the layers as Keras 3 nests them: numbered datasets in `vars`, which has the layer's own name."""
    for name in root:
        if name == "optimizer" or not hasattr(root[name], "keys"):
            continue
        if name != "vars":
            yield from _by_groups(root[name])
        elif any(variable.dtype.kind == "f" for variable in root[name].values()):  # not the counters of random layers
            layer = root[name].attrs.get("name", root.name.rpartition("/")[2])
            yield layer, tuple(root[name][str(place)] for place in range(len(root[name])))


def _names(group: Any, attribute: str) -> list[str]:
    """Read a list of names; one that is too long for HDF5 stands in pieces: NAME0, NAME1 …"""
    found = group.attrs.get(attribute)
    pieces = takewhile(lambda piece: piece is not None, (group.attrs.get(f"{attribute}{n}") for n in count()))
    names = chain.from_iterable(pieces if found is None else [found])
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]
