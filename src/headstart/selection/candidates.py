"""What the search tries: a source with a way to train it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headstart.core import options
from headstart.core.choice import Choice
from headstart.core.offer import Offer
from headstart.core.recipe import Recipe, Stage
from headstart.evaluation.report.facts import short_name
from headstart.runs.choose import with_offer

PROBE = "linear_probe"
FACTORS = (0.3, 3.0)  # of the strategy's rate: the range that more candidates are drawn from


@dataclass(frozen=True)
class Method:
    """A way to move the weights, tried after the head was solved (LP-FT; Kumar et al. 2022, arXiv:2202.10054).

    strategy: as `--strategy` takes it. cost: of a step, beside one in which every weight learns; a first guess, which
    the first steps correct.
    """

    strategy: str
    cost: float


METHODS = (  # in the order in which they are tried where nothing is known
    Method("full", 1.0),
    Method("partial k=1", 0.3),
    Method("layerwise_lr", 1.0),
    Method("partial k=2", 0.45),
    Method("l2_sp", 1.05),
    Method("lora", 1.1),
)


@dataclass(frozen=True)
class Candidate:
    """A source, a method, and the rate as a factor of the strategy's own."""

    offer: Offer
    method: Method
    factor: float = 1.0

    @property
    def name(self) -> str:
        """What tables and folders call it."""
        rate = "" if self.factor == 1 else f", rate x {self.factor:.2g}"
        return f"{short(self.offer)}: {self.method.strategy}{rate}"

    def recipe(self, recipe: Recipe) -> Recipe:
        """Return the recipe that trains it: the head is solved, then the method moves the weights.

        Args:
            recipe: Takes the place of what the candidate leaves open; the settings of its first stage go to the second.

        Returns:
            The recipe, without a length.
        """
        stage = dataclasses.replace(recipe.stages[0], strategy=Choice.parse(self.method.strategy, "strategy"))
        solved = Stage(strategy=Choice(PROBE), imbalance=stage.imbalance)
        return dataclasses.replace(with_offer(recipe, self.offer), stages=(solved, stage))

    def to_plain(self) -> dict[str, Any]:
        """Return JSON data."""
        return {
            "offer": dataclasses.asdict(self.offer),
            "method": dataclasses.asdict(self.method),
            "factor": self.factor,
        }

    @classmethod
    def from_plain(cls, plain: Any) -> Candidate:
        """Read what `to_plain` gave."""
        offer = options.build(Offer, plain["offer"], "the search's journal")
        return cls(offer, Method(**plain["method"]), plain["factor"])


def short(offer: Offer) -> str:
    """Write an offer with as much of a path as tells it from others."""
    return str(dataclasses.replace(offer, source=short_name(offer.source)))


def candidates(recipe: Recipe, offers: Sequence[Offer], first: Sequence[str] = ()) -> list[Candidate]:
    """List what can be tried, method by method, and of each method the best source first.

    Args:
        recipe: A strategy that it names is the only one.
        offers: Sources worth it, the best first.
        first: Methods that earlier searches speak for, the best first.

    Returns:
        The candidates.
    """
    named = recipe.stages[0].strategy
    methods: Sequence[Method] = METHODS
    if named is not None:
        methods = () if named.name == PROBE else (Method(written(named), 1.0),)
    known = {strategy: place for place, strategy in enumerate(first)}
    methods = sorted(methods, key=lambda method: known.get(method.strategy, len(known)))
    return [Candidate(offer, method) for method in methods for offer in offers]


def written(choice: Choice) -> str:
    """Write a strategy with its options as `--strategy` takes it."""
    return " ".join([choice.name, *(f"{name}={value}" for name, value in choice.options.items())])
