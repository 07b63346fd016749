"""Find the artefact in a folder; this looks at names alone and imports nothing slow."""

from __future__ import annotations

from pathlib import Path

from headstart.core.errors import StorageError, UsageError
from headstart.core.interface import call

DESCRIPTION = "model.json"
RUN_STATE = "state.json"  # in the folder of a run, from its beginning


def made_again(folder: Path) -> str:
    """Say how what is lost in a run's folder is made again; "" where it holds no run.

    Args:
        folder: The folder of a run, or its `model/`.

    Returns:
        A sentence with the command.
    """
    run = folder.parent if folder.name == "model" and not (folder / RUN_STATE).is_file() else folder
    if not (run / RUN_STATE).is_file():
        return ""
    return f"Make it again, to the same weights: {call('fit', None, resume=str(run))}."


def find(folder: str | Path) -> Path:
    """Find the artefact: the folder itself, or `model/` inside a run's folder.

    Args:
        folder: An artefact or a run.

    Returns:
        The folder with `model.json`.

    Raises:
        StorageError: There is none in the folder.
        UsageError: There is no such folder.
    """
    folder = Path(folder)
    for candidate in (folder, folder / "model"):
        if (candidate / DESCRIPTION).is_file():
            return candidate
    if not folder.exists():
        raise UsageError(f"There is no folder {folder}.")
    if (folder / "model").is_dir():
        raise StorageError(f"{folder / 'model' / DESCRIPTION} is missing. {made_again(folder)}".rstrip())
    if (folder / RUN_STATE).is_file():
        again = call("fit", None, resume=str(folder))
        raise StorageError(
            f"{folder} holds no saved model: the run is unfinished, or its model is lost. Go on: {again}."
        )
    raise StorageError(f"{folder} holds no saved model: there is no {DESCRIPTION} in it or in {folder / 'model'}.")
