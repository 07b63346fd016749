"""Write report.html and the model card from the files of a run: neither the data nor the source is needed."""

from __future__ import annotations

import dataclasses
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from headstart.artifact.find import DESCRIPTION, find
from headstart.artifact.save import read_calibrations
from headstart.core import storage
from headstart.core.errors import HeadstartError, StorageError
from headstart.core.interface import call
from headstart.core.recipe import Recipe
from headstart.core.types import Event, Listener, Task, silent
from headstart.data.rows import Rows
from headstart.evaluation.report.facts import Arrays, Facts, Observed
from headstart.evaluation.report.model_card import model_card
from headstart.evaluation.report.page import render
from headstart.evaluation.tables import frame_arrays, known_labels
from headstart.runs.folder import read_json, read_predictions
from headstart.runs.state import read

REPORT = "report.html"
OBSERVED = "report.json"
CARD = "README.md"


def write_report(folder: str | Path, *, new_card: bool = False, listen: Listener = silent) -> Path:
    """Write the report of a run, and the model card beside the saved model.

    What a run of an earlier version did not take down is found in its data, where that is still as it was, and kept.

    The card is left out of the model's manifest: it is there to be edited, and one that is there is left as it is.

    Args:
        folder: A finished run.
        new_card: Write the card also where there is one.
        listen: Is told what the report of an older run lacks, and why.

    Returns:
        The file `report.html`.

    Raises:
        StorageError: The folder holds no finished run, or a file of it is damaged.
        UsageError: There is no such folder.
    """
    folder = Path(folder)
    facts = read_facts(folder)
    if not {"shown", "examples"} <= facts.observed.keys():
        facts = _completed(folder, facts, listen)
    storage.write_text(folder / REPORT, render(facts))
    card = find(folder) / CARD
    if new_card or not card.exists():
        storage.write_text(card, model_card(facts))
    return folder / REPORT


def _completed(folder: Path, facts: Facts, listen: Listener) -> Facts:
    """Take down what a run of an earlier version did not, once for all, where that can be."""
    from headstart.runs.again import seen_again  # takes a second, which most reports need not wait for

    try:
        seen = seen_again(folder, facts)
    except HeadstartError as error:
        listen(Event("note", f"the report of this older run has fewer examples and no pictures of its rows: {error}"))
        return facts
    write_observed(folder, seen)
    return dataclasses.replace(facts, observed=seen)


def write_observed(folder: Path, observed: Observed) -> None:
    """Write what was seen while the run went on."""
    storage.write_text(folder / OBSERVED, json.dumps(observed, ensure_ascii=False))


def read_facts(folder: Path) -> Facts:
    """Read all that a report says from the files of a run.

    Args:
        folder: A finished run.

    Returns:
        The facts.

    Raises:
        StorageError: The run is not finished, or a file is not there or is damaged.
    """
    state = read(folder)
    if state is not None and state.status == "training":
        raise StorageError(f"{folder} holds an unfinished run. Go on with it: {call('fit', None, resume=str(folder))}.")
    description = read_json(find(folder) / DESCRIPTION)
    task = Task.parse(description["task"], DESCRIPTION)
    metrics = read_json(folder / "metrics.json")
    arrays = {}
    if metrics:
        frame = read_predictions(folder)
        for split in frame["split"].unique():
            own = frame.loc[frame["split"] == split]
            _, labels, outputs = frame_arrays(task, own)
            rows = Rows(own["id"].tolist(), None, labels, known=known_labels(task, own))
            arrays |= {
                task.key(split, name): Arrays(rows.labels_of(name), outputs[name][rows.places(name)])
                for name in rows.predicted(task)
            }
    folds, search = folder / "folds.json", folder / "search.json"
    return Facts(
        folder=str(folder),
        task=task,
        recipe=Recipe.from_plain(description["recipe"]),
        run=read_json(folder / "run.json"),
        metrics=metrics,
        history=_lines(folder / "metrics.jsonl"),
        arrays=arrays,
        observed=read_json(folder / OBSERVED),
        calibrations=read_calibrations(task, description.get("calibration", {}), DESCRIPTION),
        versions={**description["versions"], "python": description["python"]},
        created=description["created"],
        folds=read_json(folds) if folds.exists() else None,
        search=read_json(search) if search.exists() else None,
    )


def _lines(path: Path) -> list[Any]:
    """Read the log; a line that was torn is left out of the curves."""
    lines = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else ():
        with suppress(ValueError):
            lines.append(json.loads(line))
    return lines
