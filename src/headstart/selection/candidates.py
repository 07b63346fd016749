"""What the search tries: a source with a way to train it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from headstart.core import options, plugins
from headstart.core.choice import Choice
from headstart.core.offer import Offer
from headstart.core.recipe import Recipe, Stage
from headstart.data.pools import UNLABELLED
from headstart.data.rows import Dataset
from headstart.evaluation.report.facts import short_name
from headstart.runs.choose import with_offer

PROBE = "linear_probe"
SEMI_SUPERVISED = ("freematch",)  # objectives for rows without labels: the best one in docs/other-data.md
FROZEN = {"objective": "{} on=features", "augment": "plain"}  # the same on features that are computed once


class Range(NamedTuple):
    """Numbers that may be drawn, evenly by their logarithm."""

    low: float
    high: float


Ranges = Mapping[str, Range | tuple[Any, ...]]  # by path below a stage; of a tuple one entry is drawn
RATE, LENGTH = Range(0.3, 3.0), Range(0.5, 2.0)  # times the strategy's usual rate and passes
DECAY: Ranges = {"weight_decay": Range(1e-3, 0.3)}
OF_CLASSES: Ranges = {"objective.label_smoothing": (0.0, 0.05, 0.1, 0.2)}


@dataclass(frozen=True)
class Method:
    """A way to move the weights, tried after the head was solved (LP-FT; Kumar et al. 2022, arXiv:2202.10054).

    strategy: as `--strategy` takes it. cost: of a step, beside one in which every weight learns; a first guess, which
    the first steps correct. ranges: what more candidates are drawn from, beside what all methods have.
    """

    strategy: str
    cost: float
    ranges: Ranges = field(default_factory=lambda: DECAY, compare=False)


ON_FEATURES = Method(PROBE, 0.03, {})  # a head by steps, for objectives that no solver has
METHODS = (  # in the order in which they are tried where nothing is known
    Method("full", 1.0),
    Method("partial k=1", 0.3),
    Method("layerwise_lr", 1.0, {**DECAY, "strategy.decay": Range(0.5, 0.95)}),
    Method("partial k=2", 0.45),
    Method("l2_sp", 1.05, {"strategy.alpha": Range(0.01, 1.0)}),  # in the place of weight decay
    Method("lora", 1.1, {**DECAY, "strategy.rank": (4, 8, 16, 32)}),
)


@dataclass(frozen=True)
class Candidate:
    """A source and a method. rate, length: times the usual ones of the strategy. settings: of the stage, by path."""

    offer: Offer
    method: Method
    rate: float = 1.0
    length: float = 1.0
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What tables and folders call it."""
        parts = [
            f"{word} x {value:.2g}" for word, value in (("rate", self.rate), ("passes", self.length)) if value != 1
        ]
        parts += [f"{path.rpartition('.')[2]}={value}" for path, value in self.settings.items()]
        return ", ".join([f"{short(self.offer)}: {self.method.strategy}", *parts])

    def recipe(self, recipe: Recipe) -> Recipe:
        """Return the recipe that trains it: the head is solved, then the method moves the weights.

        Args:
            recipe: Takes the place of what the candidate leaves open; the settings of its first stage go to the second.

        Returns:
            The recipe, without a length.
        """
        stage = dataclasses.replace(recipe.stages[0], strategy=Choice.parse(self.method.strategy, "strategy"))
        solved = Stage(strategy=Choice(PROBE), imbalance=stage.imbalance)
        own = dataclasses.replace(with_offer(recipe, self.offer), stages=(solved, stage))
        return own.with_settings({f"stages.1.{path}": value for path, value in self.settings.items()})

    def to_plain(self) -> dict[str, Any]:
        """Return JSON data."""
        return {
            "offer": dataclasses.asdict(self.offer),
            "method": [self.method.strategy, self.method.cost],
            "rate": self.rate,
            "length": self.length,
            "settings": dict(self.settings),
        }

    @classmethod
    def from_plain(cls, plain: Any) -> Candidate:
        """Read what `to_plain` gave."""
        offer = options.build(Offer, plain["offer"], "the search's journal")
        return cls(offer, Method(*plain["method"]), plain["rate"], plain["length"], plain["settings"])


def short(offer: Offer) -> str:
    """Write an offer with as much of a path as tells it from others."""
    return str(dataclasses.replace(offer, source=short_name(offer.source)))


def candidates(
    recipe: Recipe, offers: Sequence[Offer], first: Sequence[str] = (), objectives: Sequence[str] = ()
) -> list[Candidate]:
    """List what can be tried, method by method, and of each method the best source first.

    Args:
        recipe: A strategy that it names is the only one.
        offers: Sources worth it, the best first.
        first: Methods that earlier searches speak for, the best first.
        objectives: Others than the recipe's, each tried with the best source, on its frozen features and with the first
            method.

    Returns:
        The candidates.
    """
    named = recipe.stages[0].strategy
    methods: Sequence[Method] = METHODS
    if named is not None:
        methods = () if named.name == PROBE else (Method(written(named), 1.0),)
    known = {strategy: place for place, strategy in enumerate(first)}
    methods = sorted(methods, key=lambda method: known.get(method.strategy, len(known)))
    plain = [Candidate(offer, method) for method in methods for offer in offers]
    frozen = []
    if (named is None or named.name == PROBE) and recipe.stages[0].augment is None:
        found = [{path: value.format(name) for path, value in FROZEN.items()} for name in objectives]
        frozen = [Candidate(offers[0], ON_FEATURES, settings=settings) for settings in found if offers]
    more = [Candidate(plain[0].offer, plain[0].method, settings={"objective": name}) for name in objectives if plain]
    return [*plain[:1], *frozen, *more, *plain[1:]]


def usable_objectives(data: Dataset, recipe: Recipe) -> Sequence[str]:
    """List the objectives that learn from rows without labels, where there are such rows.

    Args:
        data: Has the task, and a pool of such rows or none.
        recipe: An objective that it names is the only one.

    Returns:
        Their names, with their options; those that do not take the task are left out.
    """
    if UNLABELLED not in data.pools or recipe.stages[0].objective != Stage().objective:
        return ()
    return [name for name in SEMI_SUPERVISED if takes(name, data)]


def takes(objective: str, data: Dataset) -> bool:
    """Return whether an objective takes the task: some need one target of one class a row.

    Args:
        objective: Its name, with its options.
        data: Has the task.

    Returns:
        Whether it does.
    """
    choice = Choice.parse(objective, "objective")
    forms = plugins.build("objectives", choice.name, choice.options).forms
    targets = list(data.task.predicted.values())
    return not forms or (len(targets) == 1 and targets[0].form in forms)


def written(choice: Choice) -> str:
    """Write a strategy with its options as `--strategy` takes it."""
    return " ".join([choice.name, *(f"{name}={value}" for name, value in choice.options.items())])
