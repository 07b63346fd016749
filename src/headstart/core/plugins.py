"""A file is the plug-in: find plug-ins by folder, load one by file name, build it from options.

A plug-in is one file in the folder of its kind, with one frozen dataclass: the fields are its
options. No registry is edited. Three places are looked at, in this order:

1. the folder inside Headstart (`headstart/strategies/` …);
2. the same folder name under each folder in the variable HEADSTART_PLUGINS (as in PATH);
3. entry points of other packages, in the group `headstart.strategies` …
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import importlib.metadata
import importlib.util
import os
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headstart.core import options
from headstart.core.errors import UsageError, unknown

PACKAGES = {
    "sources": "headstart.models.sources",
    "heads": "headstart.models.heads",
    "strategies": "headstart.strategies",
    "objectives": "headstart.objectives",
    "readers": "headstart.data.readers",
    "trackers": "headstart.trackers",
    "surgery": "headstart.models.surgery",
    "targets": "headstart.targets",
    "metrics": "headstart.metrics",
}
SINGULAR = {
    "sources": "source",
    "heads": "head",
    "strategies": "strategy",
    "objectives": "objective",
    "readers": "reader",
    "trackers": "tracker",
    "surgery": "operation",
    "targets": "kind of target",
    "metrics": "metric",
}


def names(kind: str) -> list[str]:
    """List the plug-ins of a kind by name, without importing any of them."""
    return sorted({*_files(kind), *(point.name for point in _entry_points(kind))})


def describe(kind: str, name: str) -> str:
    """Read the first line of a plug-in's docstring from its text, without importing it."""
    path = _files(kind).get(name)
    if path is None:
        return "(from another package)"
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]


def load(kind: str, name: str) -> type:
    """Import a plug-in and return its dataclass.

    Args:
        kind: A key of `PACKAGES`.
        name: The plug-in's file name without `.py`.

    Returns:
        The one public dataclass that the file defines.

    Raises:
        UsageError: There is no plug-in of that name, or its file does not define exactly one dataclass.
    """
    files = _files(kind)
    if name not in files:
        for point in _entry_points(kind):
            if point.name == name:
                return point.load()
        raise unknown(SINGULAR[kind], name, names(kind))
    package = importlib.import_module(PACKAGES[kind])
    for folder in _extra_folders(kind):
        if str(folder) not in package.__path__:
            package.__path__.append(str(folder))
    importlib.invalidate_caches()
    module = importlib.import_module(f"{PACKAGES[kind]}.{name}")
    found = [
        value
        for attribute, value in vars(module).items()
        if not attribute.startswith("_") and dataclasses.is_dataclass(value) and value.__module__ == module.__name__
    ]
    if len(found) != 1 or not isinstance(found[0], type):
        raise UsageError(
            f"{files[name]} must define exactly one public dataclass (the {SINGULAR[kind]}); it has {len(found)}."
        )
    return found[0]


def build(kind: str, name: str, values: Mapping[str, Any]) -> Any:
    """Load a plug-in and build it from its options, given as plain data."""
    return options.build(load(kind, name), values, f"{SINGULAR[kind]} '{name}'")


def _files(kind: str) -> dict[str, Path]:
    """File of each plug-in by name; the folder inside Headstart wins over the others."""
    inside = Path(__file__).parent.parent.joinpath(*PACKAGES[kind].split(".")[1:])
    found: dict[str, Path] = {}
    for folder in [inside, *_extra_folders(kind)]:
        for module in pkgutil.iter_modules([str(folder)]):
            if not module.name.startswith("_"):
                found.setdefault(module.name, folder / f"{module.name}.py")
    return found


def _extra_folders(kind: str) -> list[Path]:
    roots = os.environ.get("HEADSTART_PLUGINS", "").split(os.pathsep)
    return [Path(root) / kind for root in roots if root and (Path(root) / kind).is_dir()]


def _entry_points(kind: str) -> importlib.metadata.EntryPoints:
    return importlib.metadata.entry_points(group=f"headstart.{kind}")
