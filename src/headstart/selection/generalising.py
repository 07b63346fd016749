"""Several source domains, and a target that nothing is known of: what is tried, and which of it is chosen.

Each source domain in turn is left out of training and asked, as far as the budget goes. What is chosen by that learns
all source domains. The target is in nothing of this.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headstart.core import plugins, storage
from headstart.core.counting import counted
from headstart.core.durations import rounded_up
from headstart.core.errors import first_few
from headstart.core.interface import option
from headstart.core.recipe import SUPERVISED, Recipe
from headstart.core.types import LEAST_TO_CHOOSE, Score, Stream
from headstart.drawing.text import words
from headstart.evaluation.quick import rated
from headstart.selection.candidates import METHODS, PROBE, Candidate, Method, short, takes, written
from headstart.selection.finish import Chosen, probe_outputs, probe_recipe
from headstart.selection.found import Found
from headstart.selection.held_out import ahead, hold_out, scores_of
from headstart.selection.journal import Journal, Trial
from headstart.selection.trial import examples_of_a_row, planned, shown, train
from headstart.selection.tuning import Tuning
from headstart.selection.verify import NEVER

HELD, JUDGES = "held", "judges"  # in the journal: scores by domain that was left out; how many of these there are
STRATEGY = "full"  # where the recipe names none
MANY = 3  # source domains, of which two are left to be compared while one judges
NOISE = 2.0  # standard errors that another has to be ahead: as the best of several, it is ahead by one through luck
PREDICTING = 1.1  # times a training that it takes with its predictions


WAYS: Sequence[Mapping[str, Any]] = (  # settings of the stage: the plain way, and others as they are tried
    {"objective": "supervised"},
    {"objective": "supervised", "swad": 1.3, "schedule": "constant"},
    {"objective": "domain_coral"},
    {"objective": "mixstyle"},
    {"objective": "vrex"},
    {"objective": "group_dro"},
    {"objective": "irm"},
)


def generalises(recipe: Recipe) -> bool:
    """Return whether a search has to find what holds for a domain that nothing is known of."""
    data = recipe.data
    return data.unseen and len(data.source_domain) > 1 and recipe.stages[0].objective == SUPERVISED


def afford(costs: Sequence[float], domains: int, left: float) -> tuple[int, int]:
    """Say how many candidates there is time for, and by how many domains each is judged.

    The most candidates that all domains can judge; else two by as many domains as possible, else the first alone.

    Args:
        costs: Seconds of one training of each.
        domains: That there are.
        left: Seconds, in which what is chosen has to be trained once more.

    Returns:
        Both numbers; 0 and 0 where there is no time.
    """
    whole = [(count, domains) for count in range(len(costs), 1, -1)]
    parts = [(count, some) for count in (2, 1) if count <= len(costs) for some in range(domains, 0, -1)]
    for count, some in [*whole, *parts]:
        if PREDICTING * some * sum(costs[:count]) + max(costs[:count]) <= left:
            return count, some
    return 0, 0


@dataclass(frozen=True)
class Generalising(Tuning):
    """The training of a search for an unseen domain: each candidate without one source domain after another."""

    def run(self, found: Sequence[Found]) -> None:
        """Ask the probe and the candidates of each domain that is left out, as long as there is time."""
        with self.journal.planning():
            if self.journal.get(JUDGES) is None:
                self._plan(found[0])
        trials = self.journal.trials()
        self.clock.reserve += max((trial.cost for trial in trials), default=0.0)  # of what is trained at the end
        for rung in range(self.journal.get(JUDGES)):
            self._reach(0, rung, 1.0)

    @property
    def _numbers(self) -> list[int]:
        """The source domains."""
        domains = self.setup.dataset.splits["train"].domains
        assert domains is not None
        return np.unique(domains).tolist()

    def _plan(self, best: Found) -> None:
        """Ask the probe, and begin as many candidates as there is time for."""
        data, numbers = self.setup.dataset, self._numbers
        held = []
        for number in numbers:
            own, asked = hold_out(data, number, self.recipe.seed)
            own = dataclasses.replace(own, splits={**own.splits, "validation": asked})
            outputs = probe_outputs(probe_recipe(self.recipe, best), dataclasses.replace(self.setup, dataset=own))
            held += [] if outputs is None else [rated(data.task, asked, outputs, least=0).to_plain()]
        self.journal.put(HELD, held)
        space = self._candidates(best)
        costs = [self._cost(one) for one in space]
        count, judges = afford(costs, len(numbers), self.clock.left)
        for one, cost in [*zip(space, costs, strict=True)][len(self.journal.trials()) : count]:
            self.journal.add(one, planned(one.recipe(self.recipe), self.setup).recipe.to_plain(), bracket=0, cost=cost)
        if count:
            names = first_few(self.recipe.data.source_domain[number] for number in numbers[:judges])
            tried = first_few(map(way, space[:count]), most=len(WAYS))
            self.say(f"each without one of {names} in turn, which judges it: {tried}")
        if count < len(space) or (space and judges < len(numbers)):
            all_of_it = PREDICTING * len(numbers) * sum(costs) + max(costs)
            enough = option("budget", rounded_up(1.2 * (self.clock.spent + self.clock.reserve + all_of_it)))
            left = [f"not tried: {first_few(map(way, space[count:]), most=len(WAYS))}"] if count < len(space) else []
            left += [f"{judges} of {len(numbers)} source domains judge"] if 0 < judges < len(numbers) else []
            self.note(f"For want of time {'; '.join(left)}. {enough} would do for all.")
        self.journal.put(JUDGES, judges)
        self.clock.keep()

    def _candidates(self, best: Found) -> list[Candidate]:
        """List what the task, the domains and the validation rows allow."""
        data, stage, numbers = self.setup.dataset, self.recipe.stages[0], self._numbers
        if not best.params:
            return []
        strategy = STRATEGY if stage.strategy is None else written(stage.strategy)
        method = next((each for each in METHODS if each.strategy == strategy), Method(strategy, 1.0))
        validation = data.splits["validation"].domains if "validation" in data.splits else None
        fewest = 0 if validation is None else min(int((validation != number).sum()) for number in numbers)
        space = []
        for settings in WAYS:
            together = any(stream.sampler == "domains" for stream in _streams(settings["objective"]))
            averages = "swad" in settings and (fewest < LEAST_TO_CHOOSE or bool(stage.ema))
            if takes(settings["objective"], data) and not (together and len(numbers) < MANY) and not averages:
                space.append(Candidate(best.offer, method, settings=settings))
        if len(numbers) < MANY:
            self.note(
                f"With {counted(len(numbers), 'source domains')} one is left to learn from while another judges: "
                "objectives that compare domains are not tried."
            )
        return space

    def _cost(self, candidate: Candidate) -> float:
        """Estimate the seconds of one training."""
        examples = shown(candidate, self.recipe, self.setup.dataset) * examples_of_a_row(candidate, self.recipe)
        return candidate.method.cost * examples * self.setup.cost(candidate.offer, self.recipe).learn

    def _trained(self, trial: Trial, share: float) -> tuple[dict[str, Any], Score | None]:
        """Train a trial without its next domain, and score its answers for that; nothing where time is up."""
        number = self._numbers[len(trial.rungs)]
        data, asked = hold_out(self.setup.dataset, number, self.recipe.seed)
        setup, place = (
            dataclasses.replace(self.setup, dataset=data),
            self.journal.trial_folder(trial.number) / f"{number}",
        )
        reached = train(Recipe.from_plain(dict(trial.recipe)), place, NEVER, setup, lambda: self.clock.over, asked)
        if not reached.outputs:
            return {}, None
        storage.remove_folder(place)
        scores = [*held(trial), rated(data.task, asked, reached.outputs, least=0)]
        rung = {
            "step": trial.recipe["stages"][-1]["steps"],  # all of which the training of all source domains takes
            "expected": None,
            "seconds": reached.seconds,
            "over": len(scores) == self.journal.get(JUDGES),
            HELD: [score.to_plain() for score in scores],
        }
        return rung, scores[0]._replace(value=statistics.fmean(score.value for score in scores), loss=None, parts=())


def way(candidate: Candidate) -> str:
    """Write how a candidate differs from others: "vrex", "supervised swad=1.3 schedule=constant"."""
    return " ".join(str(v) if name == "objective" else f"{name}={v}" for name, v in candidate.settings.items())


def held(trial: Trial) -> list[Score]:
    """Return the scores of a trial by the domains that were left out so far."""
    return scores_of(trial.rungs[-1][HELD]) if trial.rungs else []


def choose_generalised(journal: Journal, recipe: Recipe, found: Sequence[Found]) -> Chosen:
    """Choose among the probe and the trials by what they gave for source domains that they had not learnt.

    Args:
        journal: Has the scores.
        recipe: Of the search.
        found: Sources with probes, the best first.

    Returns:
        What becomes the run: the probe, or plain training where that is ahead of it by more than a standard error,
        unless another way is ahead by more than `NOISE` of them.
    """
    trials = [trial for trial in journal.trials() if trial.rungs and not trial.ended]
    names = [f"{short(found[0].offer)}: {PROBE}", *(trial.candidate.name for trial in trials)]
    scores = [scores_of(journal.get(HELD) or []), *map(held, trials)]
    plain = [True, *(trial.candidate.settings == WAYS[0] for trial in trials)]
    asked = [place for place, each in enumerate(scores) if each]
    best = asked[0] if asked else 0
    for place in asked[1:]:
        gain, noise = ahead(scores[place], scores[best])
        if gain > (1.0 if plain[place] else NOISE) * noise:
            best = place
    others = [place for place in asked if place != best]
    if not others:
        return Chosen(None, names[0], f"{found[0].figure} on rows of the source domains; nothing else was tried")
    second = max(others, key=lambda place: ahead(scores[place], scores[best])[0])
    gain, noise = ahead(scores[best], scores[second])
    judges = min(len(scores[best]), len(scores[second]))
    figures = [statistics.fmean(score.value for score in scores[place][:judges]) for place in (best, second)]
    why = (
        f"{words(scores[best][0].name)} {figures[0]:.4f} beside {figures[1]:.4f} of {names[second]} (standard error of "
        f"the difference {noise:.4f}), on {first_few(recipe.data.source_domain[:judges])}, each left out of training"
    )
    why = f"nothing is ahead of it by more than noise: {why}" if plain[best] else why
    return Chosen(trials[best - 1].number if best else None, names[best], why)


def _streams(objective: str) -> Sequence[Stream]:
    return plugins.build("objectives", objective, {}).streams
