"""What a search was asked for, as a file in the run's folder. Imports no torch."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.core import storage
from headstart.core.errors import StorageError, UsageError, first_few
from headstart.core.interface import option
from headstart.core.recipe import Recipe
from headstart.runs.folder import SEARCH
from headstart.runs.state import read

ASKED = "asked.json"


@dataclass(frozen=True)
class Asked:
    """What a search was begun with.

    fingerprint: of the data. budget: None: no end. said: whether the user asked for a search (`Wanted.said`).
    """

    sources: list[str]
    budget: float | None
    fingerprint: str
    recipe: dict[str, Any]
    said: bool = True


def enter(
    folder: Path, sources: list[str], budget: float, fingerprint: str, recipe: Recipe, *, said: bool = True
) -> None:
    """Write down what a search is begun with, or check that one that is there was begun with the same.

    Args:
        folder: The run's.
        sources: Patterns.
        budget: Seconds.
        fingerprint: Of the data.
        recipe: What is not searched for.
        said: Whether the user asked for a search.

    Raises:
        UsageError: The search in the folder is another one; what differs is named.
    """
    now = Asked(sources, None if math.isinf(budget) else budget, fingerprint, recipe.to_plain(), said)
    before = asked(folder)
    if before is None:
        (folder / SEARCH).mkdir(exist_ok=True)
        storage.write_text(folder / SEARCH / ASKED, json.dumps(dataclasses.asdict(now), indent=1, ensure_ascii=False))
        return
    wrong = [name for name in ("sources", "fingerprint") if getattr(before, name) != getattr(now, name)]
    wrong += [
        f"recipe: {name}" for name in now.recipe if name != "data" and before.recipe.get(name) != now.recipe[name]
    ]
    if wrong:
        names = first_few("data" if name == "fingerprint" else name for name in wrong)
        raise UsageError(
            f"{folder} holds a search that was begun otherwise; different are: {names}. Name another folder with "
            f"{option('out')}, or put these back as they were."
        )


def is_plain(folder: str | Path | None) -> bool:
    """Return whether a folder holds a run that was begun without a search.

    Args:
        folder: Of a run; None holds none.

    Returns:
        Whether it does.
    """
    return folder is not None and read(Path(folder)) is not None and asked(folder) is None


def asked(folder: str | Path) -> Asked | None:
    """Read what a search was begun with; None where the folder holds none.

    Args:
        folder: Of a run.

    Returns:
        What it was begun with.

    Raises:
        StorageError: The file is damaged.
    """
    path = Path(folder) / SEARCH / ASKED
    if not path.is_file():
        return None
    try:
        return Asked(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise StorageError(f"{path} is damaged. Begin the search anew in another folder.") from error
