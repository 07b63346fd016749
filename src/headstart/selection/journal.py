"""What a search has found so far, on disk: killed, it goes on from here, and several processes share it.

It is a study in Optuna's journal storage: a file of JSON lines that every process appends to under a lock.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from headstart.core.types import Score
from headstart.selection.candidates import Candidate

FILE, LOCK, TRIALS = "journal.log", ".plan", "trials"
NAME = "search"
RUNG = re.compile(r"rung-(\d+)")


@dataclass(frozen=True)
class Trial:
    """A candidate of the search as the journal has it.

    recipe: with everything chosen. bracket: the trials that are compared with each other. cost: seconds that all of its
    steps were thought to take. rungs: what was found at
    each, in order: "step", "score", "expected", "seconds", "over". ended: why it does not go on; "" where it does.
    """

    number: int
    candidate: Candidate
    recipe: Mapping[str, Any]
    bracket: int
    cost: float
    rungs: Sequence[Mapping[str, Any]] = ()
    ended: str = ""

    @property
    def step(self) -> int:
        """The step that it has reached."""
        return self.rungs[-1]["step"] if self.rungs else 0

    @property
    def score(self) -> Score | None:
        """The score of its last look."""
        return Score.from_plain(self.rungs[-1]["score"]) if self.rungs else None

    @property
    def over(self) -> bool:
        """Whether it has taken all of its steps."""
        return bool(self.rungs) and bool(self.rungs[-1]["over"])

    @property
    def expected(self) -> float | None:
        """The loss that it is expected to come to; None where that is not known."""
        return self.rungs[-1]["expected"] if self.rungs else None

    @property
    def seconds(self) -> float:
        """What it has taken so far."""
        return sum(rung["seconds"] for rung in self.rungs)


class Journal:
    """The record of a search.

    Args:
        folder: Is made.
    """

    def __init__(self, folder: Path) -> None:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.folder = folder
        (folder / TRIALS).mkdir(parents=True, exist_ok=True)
        with self.planning():
            self._storage = JournalStorage(JournalFileBackend(str(folder / FILE)))
            optuna.create_study(storage=self._storage, study_name=NAME, load_if_exists=True)
        self._id = self._storage.get_study_id_from_name(NAME)

    @contextmanager
    def planning(self) -> Iterator[None]:
        """Let no other process plan meanwhile."""
        with FileLock(self.folder / LOCK):
            yield

    @contextmanager
    def claimed(self, number: int) -> Iterator[bool]:
        """Hold a trial, and say whether that could be: another process may hold it."""
        lock = FileLock(self.trial_folder(number).with_suffix(".lock"), timeout=0)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def trial_folder(self, number: int) -> Path:
        """Return where a trial's checkpoints are."""
        return self.folder / TRIALS / f"{number}"

    def get(self, name: str) -> Any:
        """Return what was put under a name; None where nothing was."""
        text = self._storage.get_study_user_attrs(self._id).get(name)
        return None if text is None else json.loads(text)

    def put(self, name: str, value: Any) -> None:
        """Keep JSON data under a name."""
        self._storage.set_study_user_attr(self._id, name, json.dumps(value))

    def spend(self, seconds: float) -> None:
        """Keep how much of the budget was spent up to now."""
        self.put("spent", max(seconds, self.get("spent") or 0.0))

    def add(self, candidate: Candidate, recipe: Mapping[str, Any], *, bracket: int, cost: float) -> None:
        """Begin a trial; nobody holds it yet.

        Args:
            candidate: What is tried.
            recipe: With everything chosen.
            bracket: The trials that it is compared with.
            cost: Seconds that all of its steps are thought to take.
        """
        from optuna.trial import TrialState, create_trial

        plain = {"candidate": candidate.to_plain(), "recipe": dict(recipe), "bracket": bracket, "cost": cost}
        attrs = {name: json.dumps(value) for name, value in plain.items()}
        self._storage.create_new_trial(self._id, create_trial(state=TrialState.RUNNING, user_attrs=attrs))

    def reached(self, number: int, rung: Mapping[str, Any]) -> None:
        """Write down what a trial has reached."""
        found = self._storage.get_trial(self._trial_id(number))
        place = sum(RUNG.fullmatch(name) is not None for name in found.user_attrs)
        self._set(number, f"rung-{place}", dict(rung))

    def end(self, number: int, why: str) -> None:
        """Write down that a trial does not go on."""
        from optuna.trial import TrialState

        self._set(number, "ended", why)
        self._storage.set_trial_state_values(self._trial_id(number), TrialState.PRUNED)

    def trials(self) -> list[Trial]:
        """Return all trials, in the order in which they were begun."""
        found = []
        for trial in self._storage.get_all_trials(self._id, deepcopy=False):
            plain = {name: json.loads(text) for name, text in trial.user_attrs.items()}
            places = sorted(int(match[1]) for name in plain if (match := RUNG.fullmatch(name)))
            rungs = [plain[f"rung-{place}"] for place in places]
            candidate = Candidate.from_plain(plain["candidate"])
            ended = plain.get("ended", "")
            found.append(Trial(trial.number, candidate, plain["recipe"], plain["bracket"], plain["cost"], rungs, ended))
        return found

    def _set(self, number: int, name: str, value: Any) -> None:
        self._storage.set_trial_user_attr(self._trial_id(number), name, json.dumps(value))

    def _trial_id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._id, number)
