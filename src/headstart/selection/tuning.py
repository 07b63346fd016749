"""Fine-tuning of candidates by successive halving, one bracket after another while time is left."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from headstart.core.counting import counted
from headstart.core.durations import rounded_up
from headstart.core.errors import HeadstartError, first_few, reason_of
from headstart.core.interface import option
from headstart.core.recipe import Recipe
from headstart.core.types import Event, Score
from headstart.selection import halving
from headstart.selection.candidates import Candidate, candidates, usable_objectives
from headstart.selection.clock import Clock
from headstart.selection.curve import extrapolated, looks
from headstart.selection.found import Found
from headstart.selection.journal import Journal, Trial
from headstart.selection.prior import Prior, read_prior
from headstart.selection.space import Space
from headstart.selection.trial import Setup, examples_of_a_row, planned, shown, train
from headstart.selection.verify import is_needed, write_outputs

TUNED = 2  # sources at most that are fine-tuned
FURTHER = 8  # candidates that are drawn where time is left
DRAWN = 4  # of them at a time
AGAIN = 1.3  # times that the first is trained once more without other rows, where validation rows are few
WAIT = 0.5  # seconds, until another process is looked for again


@dataclass(frozen=True)
class Tuning:
    """The fine-tuning of a search.

    say: tells what goes on; note: what the report is to say too.
    """

    recipe: Recipe
    journal: Journal
    clock: Clock
    setup: Setup
    say: Callable[[str], None]
    note: Callable[[str], None]

    def run(self, found: Sequence[Found]) -> None:
        """Fine-tune candidates by successive halving, one bracket after another while time is left."""
        space = self._space(found)
        for bracket in range(1 + FURTHER):
            with self.journal.planning():
                trials = [trial for trial in self.journal.trials() if trial.bracket == bracket]
                if not trials and not self._begin(bracket, space):
                    return
            count = sum(trial.bracket == bracket for trial in self.journal.trials())
            shares = halving.fractions(count)
            for rung, share in enumerate(shares):
                self._reach(bracket, rung, share)
                if share < shares[-1]:
                    self._cut(bracket, rung)
            if self.clock.over:
                return

    def _space(self, found: Sequence[Found]) -> list[Candidate]:
        learnable = [one.offer for one in found if one.params][:TUNED]
        with self.journal.planning():
            kept = self.journal.get("prior")
            prior = (
                read_prior(self.setup.dataset.task.modality, self.journal.folder.parent)
                if kept is None
                else Prior(*kept)
            )
            self.journal.put("prior", list(prior))
        if prior.said:
            self.note(prior.said)
        without_labels = usable_objectives(self.setup.dataset, self.recipe)
        return candidates(self.recipe, learnable, prior.methods, without_labels)

    def _begin(self, bracket: int, space: Sequence[Candidate]) -> bool:
        """Choose what a bracket tries, by what it costs; return whether there is anything."""
        tried = [trial.candidate for trial in self.journal.trials()]
        left = [one for one in space if one not in tried]
        plain = [one for one in space if not one.settings]
        if not left and plain and len(tried) < len(space) + FURTHER:
            left = Space(self.recipe, self.setup.dataset, plain).drawn(self.journal.trials(), DRAWN)
        costs, passes = [], []
        for one in left[: halving.MOST]:
            rows = one.length * shown(one, self.recipe, self.setup.dataset)
            examples = one.method.cost * rows * examples_of_a_row(one, self.recipe)
            costs.append(self._slower(one) * examples * self.setup.cost(one.offer, self.recipe).learn)
            passes.append(rows / len(self.setup.dataset.splits["train"]))
        again = AGAIN if is_needed(self.setup.dataset) else 0.0
        fits = halving.afford(costs, passes, self.clock.left, again=again, shorter=not bracket) if costs else None
        if fits is None:
            if left and not bracket:
                least = costs[0] * min(1.0, halving.LEAST_PASSES / passes[0]) * (1 + again)
                enough = option("budget", rounded_up(1.2 * (self.clock.spent + self.clock.reserve + least)))
                self.note(
                    f"No fine-tuning: {left[0].name} alone would take about {costs[0]:.0f} s; {enough} begins it."
                )
            return False
        for one, cost in zip(left[: fits.count], costs, strict=False):
            length = fits.length * one.length
            recipe = planned(one.recipe(self.recipe), self.setup, length=length, factor=one.rate).recipe
            self.journal.add(one, recipe.to_plain(), bracket=bracket, cost=cost * fits.length)
        names = first_few(one.name for one in left[: fits.count])
        many = counted(fits.count, "candidates")
        self.say(f"fine-tuning {many} for {fits.length:.0%} of the usual steps: {names}")
        self.clock.keep()
        return True

    def _slower(self, candidate: Candidate) -> float:
        """Return how much longer the method's steps took than was first thought, by trials before; 1 where none ran."""
        alike = [trial for trial in self.journal.trials() if trial.step and trial.candidate.method == candidate.method]
        if not alike:
            return 1.0
        last = alike[-1]
        return last.seconds / (last.cost * last.step / _steps(last))

    def _reach(self, bracket: int, rung: int, share: float) -> None:
        """Bring every trial that is to reach a rung to it."""
        while not self.clock.over:
            trials = [trial for trial in self.journal.trials() if trial.bracket == bracket]
            waiting = halving.at_rung(trials, rung)
            if not waiting:
                break
            if not any(self._advance(trial, rung, share) for trial in waiting):
                time.sleep(WAIT)  # others hold them
                self.setup.stop.check()

    def _cut(self, bracket: int, rung: int) -> None:
        """End the trials that are behind at a rung, once all are there."""
        with self.journal.planning():
            trials = [trial for trial in self.journal.trials() if trial.bracket == bracket]
            if not halving.at_rung(trials, rung):
                for trial in halving.losers(trials, rung):
                    self.journal.end(trial.number, f"behind at step {trial.step:,}")

    def _advance(self, trial: Trial, rung: int, share: float) -> bool:
        """Train a trial up to a rung; False where another process holds it."""
        with self.journal.claimed(trial.number) as mine:
            now = next(each for each in self.journal.trials() if each.number == trial.number)
            if not mine or len(now.rungs) != rung or now.ended:
                return bool(mine)
            try:
                reached, score = self._trained(now, share)
            except HeadstartError as error:
                self.journal.end(trial.number, f"failed: {reason_of(error)}")
                self.setup.listen(Event("warning", f"{trial.candidate.name} is left out: {reason_of(error)}"))
                return True
            if reached:
                plain = None if score is None else score.to_plain()
                self.journal.reached(trial.number, {**reached, "score": plain, "at": self.clock.spent})
                value = "no score" if score is None else f"{score.name} {score.value:.4f}"
                how_far = f"step {reached['step']:,} of {_steps(trial):,}, {reached['seconds']:.0f} s"
                self.say(f"{trial.candidate.name}: {value} at {how_far}")
            self.clock.keep()
            return True

    def _trained(self, trial: Trial, share: float) -> tuple[dict[str, Any], Score | None]:
        """Train a trial up to a share of its steps; give what its rung is but for the score, and the score."""
        recipe = Recipe.from_plain(dict(trial.recipe))
        until = max(1, round(share * _steps(trial)))
        folder = self.journal.trial_folder(trial.number)
        reached = train(recipe, folder, until, self.setup, lambda: self.clock.over)
        if reached.outputs:
            write_outputs(folder, reached.outputs)
        steps, losses = looks(folder / "metrics.jsonl", len(recipe.stages) - 1)
        expected = extrapolated(steps, losses, _steps(trial)) if losses else _as_loss(reached.score)
        rung = {
            "step": reached.step,
            "expected": expected if expected is not None and math.isfinite(expected) else None,
            "seconds": reached.seconds,
            "over": reached.over,
        }
        return rung, reached.score


def _as_loss(score: Score | None) -> float | None:
    if score is None:
        return None
    return -score.value if score.higher_is_better else score.value


def _steps(trial: Trial) -> int:
    return trial.recipe["stages"][-1]["steps"]
