"""What more candidates are drawn from where time is left: around the defaults of methods, views and regularisation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from headstart import views
from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.recipe import Recipe, Stage
from headstart.core.seeding import mix
from headstart.data.rows import Dataset
from headstart.inputs import by_name
from headstart.selection.candidates import LENGTH, OF_CLASSES, RATE, Candidate, Method, Range, Ranges
from headstart.selection.journal import Trial

KINDS = {"objective": "objectives", "strategy": "strategies"}  # of plug-ins, by the setting that names one
STARTUP = 5  # trials, before which what is drawn does not follow what was seen


@dataclass(frozen=True)
class Space:
    """What candidates may be drawn from; a setting that the user named stays as it is.

    recipe: Of the search. data: Its modality and its targets decide what there is. candidates: whose sources and
    methods may be combined; these have the defaults.
    """

    recipe: Recipe
    data: Dataset
    candidates: Sequence[Candidate]

    def drawn(self, trials: Sequence[Trial], count: int) -> list[Candidate]:
        """Draw candidates by what trials have shown (TPE; Bergstra et al. 2011, NeurIPS).

        Args:
            trials: So far; they alone decide, with the seed.
            count: How many.

        Returns:
            The candidates.
        """
        import optuna

        known = [trial for trial in trials if trial.expected is not None and math.isfinite(trial.expected)]
        made = []
        for place in range(count):
            seed = mix(self.recipe.seed, "drawn", len(trials), place) % 2**32
            study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP))
            for trial in known:
                params = self._params(trial)
                spaces = {name: _distribution(self._ranges(trial.candidate.method)[name]) for name in params}
                study.add_trial(optuna.create_trial(params=params, distributions=spaces, value=trial.expected))
            made.append(self._one(study.ask(), trials))
        return made

    def _one(self, asked: Any, trials: Sequence[Trial]) -> Candidate:
        offer = {str(one.offer): one.offer for one in self.candidates}
        method = {one.method.strategy: one.method for one in self.candidates}
        source = asked.suggest_categorical("source", list(offer))
        own = method[asked.suggest_categorical("method", list(method))]
        found: dict[str, Any] = {}
        for name, values in self._ranges(own).items():
            if isinstance(values, Range):
                found[name] = float(f"{asked.suggest_float(name, *values, log=True):.2g}")
            elif name not in ("source", "method"):
                found[name] = asked.suggest_categorical(name, values)
        if "augment" in found and _refuses(source, trials):
            found["augment"] = views.PLAIN
        return Candidate(offer[source], own, found.pop("rate", 1.0), found.pop("length", 1.0), found)

    def _ranges(self, method: Method) -> Ranges:
        """Return what is drawn for a method, by name or by path below the stage."""
        sources = dict.fromkeys(str(one.offer) for one in self.candidates)
        methods = dict.fromkeys(one.method.strategy for one in self.candidates)
        own = {path: values for path, values in method.ranges.items() if self._is_open(path)}
        return {"source": tuple(sources), "method": tuple(methods), **self._shared, **own}

    @cached_property
    def _shared(self) -> Ranges:
        stage, targets = self.recipe.stages[0], self.data.task.predicted.values()
        modality = by_name(self.data.task.modality)
        shown = tuple(view for view in plugins.names("views") if views.offers(view, modality))
        found: dict[str, Range | tuple[Any, ...]] = {}
        if stage.lr is None:
            found["rate"] = RATE
        if stage.steps is None and stage.epochs is None:
            found["length"] = LENGTH
        if stage.augment is None and len(shown) > 1:
            found["augment"] = shown
        if all(target.classes for target in targets):
            found |= {path: values for path, values in OF_CLASSES.items() if self._is_open(path)}
        return found

    def _is_open(self, path: str) -> bool:
        """Return whether a setting is there, and nobody named it."""
        stage = self.recipe.stages[0]
        part, _, own = path.partition(".")
        if not own:
            return getattr(stage, part) == getattr(Stage(), part)
        choice: Choice | None = getattr(stage, part)
        if choice is None:  # the method is what is searched for
            return True
        return own not in choice.options and hasattr(plugins.load(KINDS[part], choice.name), own)

    def _params(self, trial: Trial) -> dict[str, Any]:
        """Return where a trial lies: what its recipe took; of a number the nearest one that may be drawn."""
        one, stage = trial.candidate, trial.recipe["stages"][-1]
        known = {"source": str(one.offer), "method": one.method.strategy, "rate": one.rate, "length": one.length}
        found = {}
        for name, values in self._ranges(one.method).items():
            value = known[name] if name in known else _below(stage, name)
            if isinstance(values, Range):
                found[name] = min(max(value, values.low), values.high)
            elif value in values:
                found[name] = value
        return found


def _below(stage: Any, path: str) -> Any:
    """Return what a stage as plain data has at a path."""
    for name in path.split("."):
        stage = stage[name]
    return stage


def _distribution(values: Range | tuple[Any, ...]) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    return FloatDistribution(*values, log=True) if isinstance(values, Range) else CategoricalDistribution(values)


def _refuses(source: str, trials: Sequence[Trial]) -> bool:
    """Return whether a source no longer told rows by their labels where they were not shown plainly."""
    for trial in trials:
        one, stage = trial.candidate, trial.recipe["stages"][-1]
        if str(one.offer) == source and "augment" not in one.settings and stage["augment"] == views.PLAIN:
            choice = Choice.parse(stage["strategy"], "strategy")
            return plugins.load("strategies", choice.name).defaults.augment != views.PLAIN
    return False
