"""The folder of a run: made, locked, and known again when a run goes on."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from headstart.artifact.find import made_again
from headstart.core import errors, storage
from headstart.core.disk import told
from headstart.core.errors import DiskError, HeadstartError, StorageError, UsageError, first_few, reason_of
from headstart.core.interface import call, on_command_line, option
from headstart.core.lock import NAME as LOCK
from headstart.core.lock import locked
from headstart.core.recipe import Recipe
from headstart.core.types import Event, Listener
from headstart.data.rows import Dataset
from headstart.runs.state import RunState, check_same, describe, lost, read

if TYPE_CHECKING:  # torch is slow to import
    import pandas as pd
    import torch

    from headstart.engine.distributed import World

MODEL = "model"
TRANSFERRED = "transferred"  # what was trained, where a baseline is kept as the model
RECIPE = "recipe.toml"
SEARCH = "search"  # in a run's folder: what was tried before it
PREDICTIONS = "predictions.parquet"
RESULTS = ("metrics.json", PREDICTIONS, "run.json", "report.json")  # what a finished run has beside its model


class Claim(NamedTuple):
    """A run's folder, whether the run was begun before, and its state."""

    folder: Path
    begun: bool
    state: RunState


def check_folder(out: str | Path | None, resume: str | Path | None) -> None:
    """Check, before any slow work, that a run can start or go on in the folder.

    Args:
        out: The folder of a new run, or of an unfinished one.
        resume: The folder of a run to go on with.

    Raises:
        UsageError: `out` holds a finished run or something else, or `resume` holds no run.
    """
    if resume is not None:
        if out is not None and Path(out) != Path(resume):
            raise UsageError(f"Name the folder with {option('out')} or with {option('resume')}, not with both.")
        if read(Path(resume)) is None:
            raise UsageError(lost(Path(resume)))
    elif out is not None and Path(out).is_dir():
        state = read(Path(out))
        searched = (Path(out) / SEARCH).is_dir()  # beside it is at most the model that was found first
        others = (
            []
            if searched
            else [path for path in Path(out).iterdir() if path.name != LOCK and not path.name.startswith(".")]
        )
        if (state is None and others and not searched) or (state is not None and state.status == "finished"):
            what = "is not empty" if state is None else "holds a finished run"
            raise UsageError(
                f"{out} exists already and {what}. Name another folder with {option('out')}, or delete it."
            )


def read_predictions(folder: Path) -> pd.DataFrame:
    """Read the predictions of a run.

    Args:
        folder: Folder of a finished run, or of a soup.

    Returns:
        What `write_results` wrote: a row for each example, with its split.

    Raises:
        StorageError: They are not there.
    """
    import pandas as pd
    import pyarrow as pa

    path = folder / PREDICTIONS
    if not path.exists():
        raise StorageError(f"{path} is missing. {made_again(folder) or f'{folder} is no run with measured rows.'}")
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise StorageError(f"{path} is damaged. {made_again(folder)}".rstrip()) from error


def read_json(path: Path) -> Any:
    """Read a file of a run.

    Args:
        path: In the folder of a finished run.

    Returns:
        What it holds.

    Raises:
        StorageError: It is not there, or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        mend = made_again(path.parent) or f"{path.parent} is no finished run of this version."
        raise StorageError(f"{path} is missing. {mend}") from error
    except ValueError as error:
        raise StorageError(f"{path} is damaged. {made_again(path.parent)}".rstrip()) from error


@contextmanager
def claimed(
    named: str | Path | None, recipe: Recipe, dataset: Dataset, world: World, device: torch.device, listen: Listener
) -> Iterator[Claim]:
    """Make the run's folder or find the run in it, and hold its lock inside the block.

    Args:
        named: The folder; None makes runs/DATA-STRATEGY-NUMBER.
        recipe: With everything chosen.
        dataset: The rows.
        world: Its writer makes and locks; every process gets the same claim, or an error of the same kind.
        device: Device of this process.
        listen: Is told of a lock that was taken over, and of what may make a difference to the run.

    Yields:
        The folder, and where the run in it stands.

    Raises:
        StorageError: The folder cannot be written to, or another process uses it.
        DiskError: The disk refuses a file while the run goes on.
        UsageError: The folder holds a run of another recipe or of other data.
    """
    with ExitStack() as held:
        claim, failed = None, None
        if world.is_writer:
            try:
                strategy = recipe.stages[-1].strategy
                folder = make_folder(named, recipe.title, strategy.name if strategy else "")
                held.enter_context(locked(folder, lambda text: listen(Event("note", text))))
                claim = _enter(folder, describe(recipe, dataset, device=device, processes=world.size), recipe, listen)
            except HeadstartError as error:
                failed = error
        plain: Any = None if claim is None else [str(claim.folder), claim.begun, dataclasses.asdict(claim.state)]
        answer: list[Any] = world.from_writer([plain, failed and errors.to_plain(failed)])
        given, problem = answer
        if problem:
            raise failed or errors.from_plain(problem)
        claim = claim or Claim(Path(given[0]), given[1], RunState(**given[2]))
        try:
            with told(claim.folder, every=False):
                yield claim
        except DiskError as error:
            if on_command_line():  # which knows how the run was begun, and says how to go on
                raise
            raise DiskError(f"{error} Then go on: {call('fit', None, resume=str(claim.folder))}.") from error


def _enter(folder: Path, now: RunState, recipe: Recipe, listen: Listener) -> Claim:
    try:
        storage.sweep(folder)
        before = read(folder)
        if before is None:
            storage.write_text(folder / RECIPE, recipe.to_toml())
            now.write(folder)
            return Claim(folder, False, now)
    except OSError as error:
        raise StorageError(f"{folder} cannot be written to: {error.strerror or error}.") from error
    for warning in check_same(folder, before, now):
        listen(Event("warning", warning))
    try:
        Recipe.read(folder / RECIPE)
    except UsageError:  # lost or torn
        storage.write_text(folder / RECIPE, recipe.to_toml())
    return Claim(folder, True, _mended(folder, before, recipe, listen))


def _mended(folder: Path, state: RunState, recipe: Recipe, listen: Listener) -> RunState:
    """Go back to where what is lost or damaged in a folder is made."""
    if state.status not in ("trained", "finished"):
        return state
    trained = folder / (TRANSFERRED if (folder / TRANSFERRED).is_dir() else MODEL)
    try:
        storage.verify(trained)
        if state.status == "finished":
            storage.verify(folder / MODEL)
    except StorageError as error:
        listen(Event("warning", f"the run is made again, to the same weights: {' '.join(str(error).split())}"))
        return _from_the_start(folder, state)
    if state.status == "trained" or not (wrong := [name for name in RESULTS if not _is_whole(folder / name)]):
        return state
    listen(Event("warning", f"made again, as missing or damaged: {first_few(wrong)}"))
    if recipe.refit == "yes":  # the model that had not learnt the validation rows is gone
        return _from_the_start(folder, state)
    again = dataclasses.replace(state, status="trained")
    again.write(folder)
    return again


def _from_the_start(folder: Path, state: RunState) -> RunState:
    again = dataclasses.replace(state, status="training", outcome=None)
    again.write(folder)
    for name in (MODEL, TRANSFERRED):
        if (folder / name).exists():
            storage.remove_folder(folder / name)
    return again


def _is_whole(path: Path) -> bool:
    try:
        if path.name == PREDICTIONS:
            return not read_json(path.with_name("metrics.json")) or len(read_predictions(path.parent)) > 0
        return read_json(path) is not None
    except StorageError:
        return False


def make_folder(named: str | Path | None, data: str | None, what: str) -> Path:
    """Make the folder of a run.

    Args:
        named: The folder, which may be there already; None makes runs/DATA-WHAT-NUMBER.
        data: Where the data is; None in memory.
        what: What the run is, in a word.

    Returns:
        The folder.

    Raises:
        StorageError: It cannot be made.
    """
    try:
        if named is not None:
            Path(named).mkdir(parents=True, exist_ok=True)
            return Path(named)
        stem = Path(data or "data").resolve().stem
        name = re.sub(r"[^\w.-]+", "_", f"{stem}-{what}")[:100]
        for number in itertools.count(1):
            folder = Path("runs") / f"{name}-{number}"
            with suppress(FileExistsError):
                folder.mkdir(parents=True)
                return folder
    except OSError as error:
        raise StorageError(
            f"The run's folder cannot be made: {reason_of(error)}. Name another one with {option('out')}."
        ) from error
    raise AssertionError("unreachable")
