"""Find the reader for what a user has; where none fits, say what was seen and what each reader takes."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from headstart.core import plugins
from headstart.core.errors import UsageError, first_few
from headstart.core.interface import option
from headstart.core.recipe import DataPlan
from headstart.data.inference import takes_parents
from headstart.data.tables import Tables
from headstart.data.walk import files_in
from headstart.data.wrapped import inner_folder

ARCHIVES = {".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar"}
SHEETS = {".xlsx", ".xls", ".xlsm", ".ods", ".numbers"}


def named_data(data: Any, plan: DataPlan) -> Any:
    """Return what is to be read, once its path is there: a look that takes no time.

    Args:
        data: What the user gave; None takes the plan's path.
        plan: May name further rows.

    Returns:
        The data.

    Raises:
        UsageError: Nothing is named, or there is no such path.
    """
    data = plan.path if data is None else data
    if data is None:
        raise UsageError("Name the data: a folder, a table, or `path` under [data] in the recipe.")
    for each in (data, plan.target, plan.target_labels, plan.unlabelled):
        if isinstance(each, str | Path):
            check_path(each)
    return data


def read_tables(data: Any, plan: DataPlan) -> Tables:
    """Read data with the reader that the plan names, or with the one that says it can.

    Args:
        data: Anything.
        plan: May name the reader, and domains.

    Returns:
        The tables.

    Raises:
        UsageError: There is no such path, or not exactly one reader takes the data.
    """
    if isinstance(data, str | Path):
        check_path(data)
    given = data
    if isinstance(data, str | Path) and Path(data).is_dir():
        data = inner_folder(Path(data))
    notes = (f"read {data}, the only folder with data in {given}",) if data is not given and data != Path(given) else ()
    if plan.reader:
        found = _build(plan.reader.name, plan, plan.reader.options).read(data)
        return replace(found, notes=(*notes, *found.notes))
    readers = {name: _build(name, plan, {}) for name in plugins.names("readers")}
    fitting = [name for name, reader in readers.items() if reader.matches(data)]
    if len(fitting) > 1:
        ways = first_few((option("reader", name) for name in fitting), " or ")
        raise UsageError(f"{_describe(data)} can be read in more than one way. Give {ways}.")
    if not fitting:
        accepted = "\n".join(f"  {name}: {plugins.describe('readers', name)}" for name in readers)
        raise UsageError(f"No reader takes this: {_describe(data)}.{_mend(data)} What each one takes:\n{accepted}")
    found = readers[fitting[0]].read(data)
    return replace(found, notes=(*notes, *found.notes))


def _build(name: str, plan: DataPlan, options: Mapping[str, Any]) -> Any:
    asked = {
        "domains": plan.target is None and bool(plan.source_domain or plan.target_domain),
        "parents": any(map(takes_parents, plan.by_target.values())),
    }
    takes = getattr(plugins.load("readers", name), "__dataclass_fields__", {})
    found = {option: True for option, wanted in asked.items() if wanted and option in takes}
    return plugins.build("readers", name, {**found, **options})


def check_path(data: str | Path) -> None:
    """Check that there is something at a path.

    Args:
        data: The path, or "hf:NAME".

    Raises:
        UsageError: There is nothing, or a folder without anything in it; the nearest name is given.
    """
    path = Path(data)
    if path.is_dir() and not any(path.iterdir()):
        raise UsageError(f"The folder {data} is empty.")
    if str(data).startswith("hf:") or path.exists():
        return
    parent = next(folder for folder in [*path.absolute().parents] if folder.is_dir())
    missing = path.absolute().relative_to(parent).parts[0]
    near = difflib.get_close_matches(missing, [entry.name for entry in parent.iterdir()], n=1, cutoff=0.5)
    nearest = str(parent / near[0]) if near else ""
    if not path.is_absolute():  # as the user writes it
        nearest = os.path.relpath(nearest) if near else ""
    deeper = "" if str(data) == missing else f" In {parent} there is no '{missing}'."
    hint = f" Did you mean '{nearest}'?" if near else deeper
    raise UsageError(f"There is no file or folder '{data}'.{hint}")


def _mend(data: Any) -> str:
    """Say what to do with a file of a kind that is read once it is unpacked or saved otherwise; "" for others."""
    if not isinstance(data, str | Path):
        return ""
    path = Path(data)
    files = [path] if path.is_file() else files_in(path)
    packed, sheets = ([file for file in files if file.suffix.lower() in endings] for endings in (ARCHIVES, SHEETS))
    if packed:
        return f" Unpack {packed[0].name}, and name the folder."
    return f" Save {sheets[0].name} as .csv, and name that file." if sheets else ""


def _describe(data: Any) -> str:
    if isinstance(data, str | Path) and Path(data).is_dir():
        names = [entry.name + "/" * entry.is_dir() for entry in sorted(Path(data).iterdir())]
        return f"the folder {data} with {first_few(names)}"
    if isinstance(data, str | Path):
        return f"the file {data}"
    shape = getattr(data, "shape", None)
    return f"{type(data).__name__}{f' of shape {tuple(shape)}' if shape is not None else ''}"
