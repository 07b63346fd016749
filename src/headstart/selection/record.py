"""What a search found, as a file in the run's folder."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from headstart.core import storage
from headstart.core.types import Score
from headstart.drawing.text import words
from headstart.evaluation.tables import number_text
from headstart.selection.candidates import short
from headstart.selection.clock import Clock
from headstart.selection.found import Found
from headstart.selection.journal import Journal, Trial

RECORD = "search.json"


def write_record(
    folder: Path,
    journal: Journal,
    found: Sequence[Found],
    chosen: Mapping[str, Any],
    clock: Clock,
    notes: Sequence[str],
    modality: str,
) -> None:
    """Write all that was tried, and what became of it.

    Args:
        folder: The run's; takes `search.json`.
        journal: Of the search.
        found: Sources with a probe on all rows, the best first.
        chosen: What becomes the run: "trial", "name", "why", "probe" (its score on the validation rows, or None).
        clock: What was spent.
        notes: More to say, in sentences.
        modality: Of the task.
    """
    probed = {str(one.offer) for one in found}
    tried = [_of_source(plain, probed, found) for plain in journal.get("looked") or []]
    tried += [_of_solved(plain, chosen, found[0]) for plain in (journal.get("solved") or [])[1:]]
    probe = Score.from_plain(chosen["probe"])
    best: list[tuple[float, float | None]] = []
    if probe is not None:
        best.append((journal.get("first_at") or 0.0, probe.value))
    held, looks = probe, []
    for trial in journal.trials():
        tried.append(_of_trial(trial, chosen))
        looks += [(rung["at"], Score.from_plain(rung["score"])) for rung in trial.rungs]
    for at, score in sorted(looks, key=lambda look: look[0]):
        if score is not None and (held is None or score.ahead_of(held) > 0):
            held = score
            best.append((at, score.value))
    plain = {
        "budget": None if math.isinf(clock.budget) else clock.budget,
        "spent": round(clock.spent, 2),
        "modality": modality,
        "gains": [] if probe is None else [_gain(trial, probe) for trial in journal.trials() if _is_plain(trial)],
        "metric": held.name if held is not None else "",
        "chosen": {"name": chosen["name"], "why": chosen["why"]},
        "tried": tried,
        "best": [(round(at, 2), value) for at, value in best],
        "notes": list(notes),
    }
    storage.write_text(folder / RECORD, json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False))


def _is_plain(trial: Trial) -> bool:
    """Return whether a trial says something of its method alone: it has a score, and no objective of its own."""
    return trial.score is not None and "objective" not in trial.candidate.settings


def _gain(trial: Trial, probe: Score) -> dict[str, Any]:
    assert trial.score is not None
    return {"method": trial.candidate.method.strategy, "gain": round(trial.score.ahead_of(probe), 5)}


def _of_source(plain: Mapping[str, Any], probed: Collection[str], found: Sequence[Found]) -> dict[str, Any]:
    one = Found.from_plain(plain)
    name, figure, seconds, reached = f"{short(one.offer)}: probe", one.figure, one.seconds, f"{one.rows} rows"
    if one.error:
        return _row(name, "not looked at", "", seconds, one.error)
    if str(one.offer) not in probed:
        return _row(name, reached, figure, seconds, f"behind the best by more than noise on {one.rows} rows")
    place = next(place for place, each in enumerate(found) if str(each.offer) == str(one.offer))
    full = found[place]
    verdict = "the best probe" if not place else f"probe number {place + 1}"
    return _row(name, f"all {full.rows:,} rows", full.figure, seconds + full.seconds, verdict)


def _of_solved(plain: Mapping[str, Any], chosen: Mapping[str, Any], best: Found) -> dict[str, Any]:
    score, name = Score.from_plain(plain["score"]), f"{short(best.offer)}: probe, objective={plain['objective']}"
    figure = "" if score is None else f"{words(score.name)} {number_text(score.value)}"
    is_chosen = chosen["trial"] is None and chosen["objective"] == plain["objective"]
    verdict = "chosen" if is_chosen else "not ahead of what was chosen by more than noise"
    return _row(name, f"all {best.rows:,} rows", figure, plain["seconds"], verdict)


def _of_trial(trial: Trial, chosen: Mapping[str, Any]) -> dict[str, Any]:
    score = trial.score
    figure = "" if score is None else f"{words(score.name)} {number_text(score.value)}"
    verdict = trial.ended
    if not verdict:
        verdict = "chosen" if trial.number == chosen["trial"] else "not ahead of what was chosen by more than noise"
        verdict = verdict if trial.over or verdict == "chosen" else f"time was up; {verdict}"
    steps = trial.recipe["stages"][-1]["steps"]
    return _row(trial.candidate.name, f"step {trial.step:,} of {steps:,}", figure, trial.seconds, verdict)


def _row(name: str, reached: str, figure: str, seconds: float, verdict: str) -> dict[str, Any]:
    return {"name": name, "reached": reached, "figure": figure, "seconds": round(seconds, 2), "verdict": verdict}
