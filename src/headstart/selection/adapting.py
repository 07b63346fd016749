"""A labelled source domain and a target without labels: what is tried, and which of it is chosen without labels.

The probe that learns the source alone is what all have to beat. Each objective is trained at the strategy's usual
length; a criterion that looks at the target's rows without their labels chooses among their steps, and among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.durations import rounded_up
from headstart.core.interface import option
from headstart.core.recipe import Recipe
from headstart.core.types import Criterion, Measured, Score, Solving
from headstart.data.rows import Dataset
from headstart.data.transforms import make_transform
from headstart.drawing.text import words
from headstart.engine.predict import embed
from headstart.engine.solve import answers, solve_all
from headstart.runs.choose import first_unless_beaten
from headstart.runs.network import build_model, load_backbone
from headstart.selection.candidates import PROBE, Candidate, Method, short, takes, written
from headstart.selection.finish import Chosen, probe_recipe
from headstart.selection.found import Found
from headstart.selection.journal import Journal
from headstart.selection.trial import Setup, examples_of_a_row, planned, shown
from headstart.selection.tuning import Tuning

TARGET = "target"  # the pool of the target's rows
OBJECTIVES = ("mcc", "dann", "source_only")  # in the order in which they are tried, by bench/adaptation.py
CRITERIA = ("bnm", "iwv")  # the first that the targets allow chooses steps and objectives, where none is named
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
        """Train the objectives that the task allows, one after another while time is left."""
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
    """Choose among the probe, which learns the source alone, and the trials, by a criterion without target labels.

    Args:
        journal: Has the trials.
        recipe: Of the search.
        found: Sources with probes, the best first.
        setup: Of the search.

    Returns:
        What becomes the run: the probe, unless a trial is ahead of it by more than noise.
    """
    probe = probe_score(recipe, found[0], setup)
    alone = f"{short(found[0].offer)}: {PROBE}"
    trials = [trial for trial in journal.trials() if trial.score is not None and trial.step and not trial.ended]
    plain = None if probe is None else probe.to_plain()
    if not trials:
        why = f"nothing else has a figure by {chooser_of(recipe, setup.dataset).name}"
        return Chosen(None, alone, f"{found[0].figure} on the source; {why}", plain)
    scores = [probe, *(trial.score for trial in trials)]
    place = first_unless_beaten(scores)
    if not place:
        return Chosen(None, alone, f"nothing is ahead of it by more than noise: {_told(scores)}", plain)
    best = trials[place - 1]
    return Chosen(best.number, best.candidate.name, f"{_told(scores)}, without a label of the target", plain)


def probe_score(recipe: Recipe, found: Found, setup: Setup) -> Score | None:
    """Score a head that is solved on the source's rows by the criterion.

    Args:
        recipe: Of the search.
        found: The source.
        setup: Of the search.

    Returns:
        The score; None where the head cannot be solved or the criterion gives none.
    """
    data, own = setup.dataset, probe_recipe(recipe, found)
    model = build_model(own, data, load_backbone(own, data, loaded=setup.loaded))
    transform, train = make_transform(model.backbone.card.input), data.splits["train"]
    options = plugins.build("objectives", BASE, {}).loss_options
    wanted = Solving(options, own.stages[0].imbalance, own.seed, data.groups_of(train))
    if solve_all(model, embed(model, train, transform, known=setup.known), train.labels, wanted) is None:
        return None
    chooser = chooser_of(recipe, data)
    criterion = cast(Criterion, plugins.build("criteria", chooser.name, chooser.options))
    known, measured = {**data.pools, **data.splits}, {}
    if not set(criterion.pools) <= set(known):
        return None
    for name in criterion.pools:
        rows = known[name]
        features = embed(model, rows, transform, known=setup.known)
        measured[name] = Measured(rows, answers(model, rows, features), features)
    return criterion.score(data.task, measured)


def _told(scores: Sequence[Score | None]) -> str:
    """Write the score of the probe, and the best one of the others."""
    probe, best = scores[0], scores[1:][first_unless_beaten(list(scores[1:]))]
    one = "none" if probe is None else f"{probe.value:.4f}"
    other = "none" if best is None else f"{best.value:.4f}"
    name = words(next(score.name for score in (best, probe) if score is not None))
    return f"{name} {other} beside {one} of the probe"
