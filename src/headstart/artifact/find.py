"""Find the artefact in a folder; this looks at names alone and imports nothing slow."""

from __future__ import annotations

from pathlib import Path

from headstart.core.errors import StorageError, UsageError

DESCRIPTION = "model.json"
RUN_STATE = "state.json"  # in the folder of a run, from its beginning


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
    if (folder / RUN_STATE).is_file():
        raise StorageError(f"{folder} holds an unfinished run. Go on with it: headstart fit --resume {folder}.")
    raise StorageError(f"{folder} holds no saved model: there is no {DESCRIPTION} in it or in {folder / 'model'}.")
