"""A file is the plug-in: find plug-ins by folder, load one by file name, build it from options.

A plug-in is one file in the folder of its kind, with one frozen dataclass: the fields are its
options. No registry is edited. Three places are looked at; a name stands in one of them only:

1. the folder inside Headstart (`headstart/strategies/` …);
2. the same folder name under each folder in the variable HEADSTART_PLUGINS (a list of folders as in PATH);
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
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from headstart.core import options
from headstart.core.errors import UsageError, first_few, unknown

PACKAGES = {
    "sources": "headstart.models.sources",
    "heads": "headstart.models.heads",
    "strategies": "headstart.strategies",
    "objectives": "headstart.objectives",
    "readers": "headstart.data.readers",
    "trackers": "headstart.trackers",
    "surgery": "headstart.models.surgery",
    "targets": "headstart.targets",
    "inputs": "headstart.inputs",
    "views": "headstart.views",
    "mappings": "headstart.mappings",
    "combine": "headstart.combine",
    "sharing": "headstart.sharing",
    "criteria": "headstart.criteria",
    "metrics": "headstart.metrics",
    "transferability": "headstart.transferability",
    "few_shot": "headstart.few_shot",
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
    "inputs": "modality",
    "views": "view",
    "mappings": "mapping",
    "combine": "rule",
    "sharing": "scheme",
    "criteria": "criterion",
    "metrics": "metric",
    "transferability": "transferability score",
    "few_shot": "few-shot method",
}


def names(kind: str) -> list[str]:
    """List the plug-ins of a kind by name, without importing any of them."""
    return sorted(_found(kind))


def name_of(plugin: Any) -> str:
    """Return the name of a plug-in, which is that of its file, from its dataclass or an instance of it."""
    cls = plugin if isinstance(plugin, type) else type(plugin)
    return cls.__module__.rpartition(".")[2]


def describe(kind: str, name: str) -> str:
    """Read the first line of a plug-in's docstring from its text, without importing it."""
    path = _found(kind)[name]
    if isinstance(path, importlib.metadata.EntryPoint):
        return "(from another package)"
    try:
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    except (SyntaxError, ValueError) as error:
        return f"(cannot be read: {error})"
    return docstring.partition("\n")[0]


def has(kind: str, name: str, method: str) -> bool:
    """Read from a plug-in's text, without importing it, whether it defines a method; one of a package is imported."""
    path = _found(kind)[name]
    if isinstance(path, importlib.metadata.EntryPoint):
        return hasattr(load(kind, name), method)
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError):
        return False
    return any(isinstance(node, ast.FunctionDef) and node.name == method for node in ast.walk(tree))


def is_plain(kind: str, name: str) -> bool:
    """Read from a plug-in's text, without importing it, whether it is Headstart's own and needs no option."""
    path = _found(kind).get(name)
    if not isinstance(path, Path):
        return False
    bodies = [node.body for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef)]
    fields = [line for body in bodies for line in body if isinstance(line, ast.AnnAssign) and line.value is None]
    return path.is_relative_to(Path(__file__).parents[1]) and not fields


def load(kind: str, name: str) -> type:
    """Import a plug-in and return its dataclass.

    Args:
        kind: A key of `PACKAGES`.
        name: The plug-in's file name without `.py`.

    Returns:
        The one public dataclass that the file defines.

    Raises:
        UsageError: There is no plug-in of that name, its file does not define exactly one dataclass, or two plug-ins of
            the kind have one name.
    """
    places = _found(kind)
    if name not in places:
        raise unknown(SINGULAR[kind], name, sorted(places))
    place = places[name]
    if isinstance(place, importlib.metadata.EntryPoint):
        return _from_package(kind, name, place)
    package = importlib.import_module(PACKAGES[kind])
    for folder in _extra_folders(kind):
        if str(folder) not in package.__path__:
            package.__path__.append(str(folder))
    full = f"{PACKAGES[kind]}.{name}"
    if full not in sys.modules:
        importlib.invalidate_caches()  # it may be a file that was just written
    try:
        module = importlib.import_module(full)
    except Exception as error:
        if place.parent in _extra_folders(kind):
            raise UsageError(f"{place} cannot be imported: {type(error).__name__}: {error}") from error
        raise
    found = [
        value
        for attribute, value in vars(module).items()
        if not attribute.startswith("_") and dataclasses.is_dataclass(value) and value.__module__ == module.__name__
    ]
    if len(found) != 1 or not isinstance(found[0], type):
        raise UsageError(
            f"{place} must define exactly one public dataclass (the {SINGULAR[kind]}); it has {len(found)}."
        )
    return found[0]


def _from_package(kind: str, name: str, place: importlib.metadata.EntryPoint) -> type:
    """Import the plug-in of another package. UsageError: that fails, or it is no dataclass."""
    what = f"The {SINGULAR[kind]} '{name}', {_written(place)},"
    try:
        found = place.load()
    except Exception as error:
        raise UsageError(f"{what} cannot be imported: {type(error).__name__}: {error}") from error
    if not (isinstance(found, type) and dataclasses.is_dataclass(found)):
        raise UsageError(f"{what} is no dataclass.")
    return found


def build(kind: str, name: str, values: Mapping[str, Any]) -> Any:
    """Load a plug-in and build it from its options, given as plain data."""
    return options.build(load(kind, name), values, f"{SINGULAR[kind]} '{name}'")


def _found(kind: str) -> dict[str, Path | importlib.metadata.EntryPoint]:
    """Find where each plug-in of a kind comes from, by name."""
    found: dict[str, Path | importlib.metadata.EntryPoint] = dict(_inside(kind))
    for folder in _extra_folders(kind):
        for name, place in _files(folder).items():
            _take(found, kind, name, place)
    for point in _entry_points(kind, tuple(sys.path)):
        _take(found, kind, point.name, point)
    return found


@cache
def _inside(kind: str) -> dict[str, Path]:
    """Find Headstart's own files of a kind, which do not change."""
    return _files(Path(__file__).parent.parent.joinpath(*PACKAGES[kind].split(".")[1:]))


def _files(folder: Path) -> dict[str, Path]:
    """Find the files of plug-ins in a folder, by name."""
    modules = (module.name for module in pkgutil.iter_modules([str(folder)]))
    return {name: folder / f"{name}.py" for name in modules if not name.startswith("_")}


def _take(found: dict[str, Any], kind: str, name: str, place: Path | importlib.metadata.EntryPoint) -> None:
    if name in found:
        both = " and ".join(map(_written, (found[name], place)))
        raise UsageError(f"There are two plug-ins '{name}' among the {kind}: {both}. Give your own another file name.")
    found[name] = place


def _written(place: Path | importlib.metadata.EntryPoint) -> str:
    if isinstance(place, Path):
        return str(place)
    return f"{place.value} of the package {place.dist.name if place.dist else '(unnamed)'}"


def _extra_folders(kind: str) -> list[Path]:
    roots = os.environ.get("HEADSTART_PLUGINS", "").split(os.pathsep)
    for root in filter(None, roots):
        if not Path(root).is_dir():
            raise UsageError(f"HEADSTART_PLUGINS names {root}, which is no folder here.")
        if not any((Path(root) / known).is_dir() for known in PACKAGES):
            held = first_few(sorted(entry.name for entry in Path(root).iterdir())) or "nothing"
            raise UsageError(
                f"HEADSTART_PLUGINS names {root}, in which no folder has the name of a kind of plug-in: "
                f"{first_few(PACKAGES)}. It has: {held}."
            )
    folders = {(Path(root) / kind).resolve(): None for root in roots if root}  # one that is named twice is one
    return [folder for folder in folders if folder.is_dir()]


@cache
def _entry_points(kind: str, path: tuple[str, ...]) -> importlib.metadata.EntryPoints:
    """Look through the installed packages, which takes a while, once for each path that they are found on."""
    return importlib.metadata.entry_points(group=f"headstart.{kind}")
