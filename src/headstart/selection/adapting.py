"""A labelled source domain and a target without labels: what is tried, and which of it is chosen without labels.

The probe that learns the source alone is what all have to beat. Each objective is trained at the strategy's usual
length; a criterion that looks at the target's rows without their labels chooses among their steps, and among them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.durations import rounded_up
from headstart.core.errors import UsageError, reason_of
from headstart.core.interface import option
from headstart.core.recipe import Recipe
from headstart.core.seeding import numpy_generator
from headstart.core.types import Criterion, Event, Mapped, Measured, Objective, Score, Solving
from headstart.data.domains import FEW
from headstart.data.rows import Dataset, Rows
from headstart.data.transforms import make_transform
from headstart.drawing.text import words
from headstart.engine.predict import embed
from headstart.engine.solve import answers, solve_mapped
from headstart.features.frozen import frozen_rows
from headstart.runs.choose import first_unless_beaten
from headstart.runs.network import build_model, load_backbone
from headstart.selection.candidates import PROBE, Candidate, Method, short, takes, written
from headstart.selection.finish import Chosen, probe_recipe
from headstart.selection.found import Found
from headstart.selection.journal import Journal
from headstart.selection.trial import Setup, examples_of_a_row, planned, shown
from headstart.selection.tuning import Tuning

TARGET = "target"  # the pool of the target's rows
SOLVED = "solved"  # in the journal: what the probes came to
OBJECTIVES = ("mcc", "cdan", "source_only")  # in the order in which they are tried, by bench/adaptation.py
CRITERIA = ("bnm", "iwv")  # the first that the targets allow chooses steps and objectives, where none is named
MAPPINGS = ("jdot", "tca")  # of the probe's features, of which each takes seconds
BASE = "supervised"  # learns the source alone
STRATEGY = "full"  # where the recipe names none


def adapts(data: Dataset, recipe: Recipe) -> bool:
    """Return whether a search has two domains and an objective to choose.

    Args:
        data: Has a pool of the target's rows where there are two domains.
        recipe: An objective that it names leaves nothing to choose.

    Returns:
        Whether it has.
    """
    return TARGET in data.pools and recipe.stages[0].objective.name == BASE


@dataclass(frozen=True)
class Adapting(Tuning):
    """The training of a search with two domains: each objective in turn, as long as there is time."""

    def run(self, found: Sequence[Found]) -> None:
        """Solve mapped probes, and train the objectives that the task allows, one after another while time is left."""
        self._solve(found[0])
        space = self._candidates(found[0])
        for place, candidate in enumerate(space):
            with self.journal.planning():
                if not any(trial.bracket == place for trial in self.journal.trials()) and not self._add(
                    place, candidate
                ):
                    return
            self._reach(place, 0, 1.0)
            if self.clock.over:
                return

    def _solve(self, best: Found) -> None:
        """Score the probe as it is, and with its features mapped."""
        names = [BASE, *(f"mapped mapping={name}" for name in MAPPINGS)]
        with self.journal.planning():
            solved = self.journal.get(SOLVED) or []
            for name in names[len(solved) :]:
                began = time.monotonic()
                try:
                    score = probe_score(self.recipe, best, self.setup, name)
                except UsageError as error:  # a mapping that needs classes
                    score = None
                    self.setup.listen(Event("detail", f"{name} is left out: {reason_of(error)}"))
                plain = None if score is None else score.to_plain()
                solved.append({"objective": name, "score": plain, "seconds": time.monotonic() - began})
                self.journal.put(SOLVED, solved)
        self.clock.keep()

    def _candidates(self, best: Found) -> list[Candidate]:
        if not best.params:
            return []
        stage = self.recipe.stages[0]
        method = Method(STRATEGY if stage.strategy is None else written(stage.strategy), 1.0)
        chooser = written(chooser_of(self.recipe, self.setup.dataset))
        return [
            Candidate(best.offer, method, settings={"objective": name, "criterion": chooser})
            for name in OBJECTIVES
            if takes(name, self.setup.dataset)
        ]

    def _add(self, place: int, candidate: Candidate) -> bool:
        """Begin a trial, where there is time for all of its steps; return whether there is."""
        rows = shown(candidate, self.recipe, self.setup.dataset) * examples_of_a_row(candidate, self.recipe)
        cost = self._slower(candidate) * rows * self.setup.cost(candidate.offer, self.recipe).learn
        if cost > self.clock.left:
            enough = option("budget", rounded_up(1.2 * (self.clock.spent + self.clock.reserve + cost)))
            self.note(f"Not tried: {candidate.name} would take about {cost:.0f} s; {enough} tries it.")
            return False
        recipe = planned(candidate.recipe(self.recipe), self.setup).recipe
        self.journal.add(candidate, recipe.to_plain(), bracket=place, cost=cost)
        self.say(f"training {candidate.name}, about {cost:.0f} s")
        self.clock.keep()
        return True


def chooser_of(recipe: Recipe, data: Dataset) -> Choice:
    """Return the criterion by which steps and objectives are chosen.

    Args:
        recipe: One that it names is taken.
        data: Has the task.

    Returns:
        The criterion.
    """
    forms = {target.form for target in data.task.predicted.values()}
    allowed = [
        name for name in CRITERIA if forms <= set(getattr(plugins.load("criteria", name), "forms", None) or forms)
    ]
    return recipe.stages[0].criterion or Choice(allowed[0])


def choose_adapted(journal: Journal, recipe: Recipe, found: Sequence[Found], setup: Setup) -> Chosen:
    """Choose among the probe, which learns the source alone, and the others, by a criterion without target labels.

    Args:
        journal: Has the probes that were solved, and the trials.
        recipe: Of the search.
        found: Sources with probes, the best first.
        setup: Of the search.

    Returns:
        What becomes the run: the probe, unless another is ahead of it by more than noise; of equal ones the cheaper.
    """
    source = short(found[0].offer)
    solved = journal.get(SOLVED) or [{"objective": BASE, "score": None}]
    trials = [trial for trial in journal.trials() if trial.score is not None and trial.step and not trial.ended]
    scores = [*(Score.from_plain(one["score"]) for one in solved), *(trial.score for trial in trials)]
    if not any(scores[1:]):
        why = f"{found[0].figure} on the source; nothing else has a figure by {chooser_of(recipe, setup.dataset).name}"
        return Chosen(None, f"{source}: {PROBE}", why, solved[0]["score"])
    place = first_unless_beaten(scores)
    probe = Chosen(None, f"{source}: {PROBE}", _told(scores), solved[0]["score"])
    if not place:
        return probe._replace(why=f"nothing is ahead of it by more than noise: {probe.why}")
    unseen = f"{probe.why}, without a label of the target"
    if place < len(solved):
        name = solved[place]["objective"]
        return probe._replace(name=f"{probe.name}, objective={name}", why=unseen, objective=name)
    best = trials[place - len(solved)]
    return probe._replace(trial=best.number, name=best.candidate.name, why=unseen)


def probe_score(recipe: Recipe, found: Found, setup: Setup, objective: str = BASE) -> Score | None:
    """Score a head that is solved on the source's rows by the criterion.

    A mapping is fitted to the target's rows: each half of them is answered by the head of a mapping to the other half.
    Else few rows would be fitted closely, and a head that is sure of what it was fitted to would look better than one
    that is right.

    Args:
        recipe: Of the search.
        found: The source.
        setup: Of the search.
        objective: By which it is solved.

    Returns:
        The score; None where the head cannot be solved or the criterion gives none.
    """
    data, own = setup.dataset, probe_recipe(recipe, found, objective)
    choice, chooser = own.stages[0].objective, chooser_of(recipe, data)
    criterion = cast(Criterion, plugins.build("criteria", chooser.name, chooser.options))
    known = {**data.pools, **data.splits}
    if not set(criterion.pools) <= set(known):
        return None
    model = build_model(own, data, load_backbone(own, data, loaded=setup.loaded))
    transform, train = make_transform(model.backbone.card.input), data.pools["source"]

    def features(rows: Rows) -> np.ndarray:
        return embed(model, rows, transform, known=setup.known)

    minimised = cast(Objective, plugins.build("objectives", choice.name, choice.options))
    wanted = Solving(minimised.loss_options, own.stages[0].imbalance, own.seed, data.groups_of(train))
    source, rows, target = features(train), data.pools[TARGET], features(data.pools[TARGET])
    few = data.pools.get(FEW)
    few = None if few is None else frozen_rows(few, features(few))
    every, outputs = np.arange(len(rows)), dict[str, np.ndarray]()

    def solved(places: np.ndarray) -> bool:
        mapped = minimised.maps(model, {"source": source, TARGET: target[places]}, train.labels) or Mapped(source)
        return solve_mapped(model, mapped, train, wanted, few=few) is not None

    for asked in np.array_split(numpy_generator(own.seed, "halves").permutation(every), 2) if objective != BASE else ():
        if not solved(np.setdiff1d(every, asked)):
            return None
        for name, given in answers(model, rows.take(asked), target[asked]).items():
            outputs.setdefault(name, np.empty((len(rows), *given.shape[1:]), given.dtype))[asked] = given
    if not solved(every):
        return None
    measured = {}
    for name in criterion.pools:
        seen = features(known[name])
        own_answers = outputs if name == TARGET and outputs else answers(model, known[name], seen)
        measured[name] = Measured(known[name], own_answers, seen)
    return criterion.score(data.task, measured)


def _told(scores: Sequence[Score | None]) -> str:
    """Write the score of the probe, and the best one of the others."""
    probe, best = scores[0], scores[1:][first_unless_beaten(list(scores[1:]))]
    one = "none" if probe is None else f"{probe.value:.4f}"
    other = "none" if best is None else f"{best.value:.4f}"
    name = words(next(score.name for score in (best, probe) if score is not None))
    return f"{name} {other} beside {one} of the probe"
