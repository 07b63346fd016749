"""The range of every number that a user may give: one table for options, arguments and recipes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from headstart.core.errors import UsageError
from headstart.core.interface import option


@dataclass(frozen=True)
class Range:
    """What a number is, and from where to where it may go.

    low: the least; with `above` it is not itself allowed. high: the end; with `closed` it is itself allowed.
    """

    what: str
    low: float = 0
    high: float = math.inf
    above: bool = False
    closed: bool = False

    def holds(self, value: float) -> bool:
        """Return whether a number is in the range; NaN never is."""
        enough = self.low < value if self.above else self.low <= value
        return enough and (value <= self.high if self.closed else value < self.high)

    def __str__(self) -> str:
        start = f"{'above' if self.above else 'at least'} {self.low:g}"
        if self.high == math.inf:
            return start
        return f"{start} and {'at most' if self.closed else 'below'} {_written(self.high)}"


RANGES: Mapping[str, Range] = MappingProxyType(
    {
        "validation": Range("the share of rows for validation", high=1),
        "test": Range("the share of rows for the test", high=1),
        "steps": Range("the number of steps", 1),
        "epochs": Range("the number of passes over the training rows", above=True),
        "lr": Range("the learning rate"),
        "batch_size": Range("the number of examples in a step", 1),
        "accumulate": Range("the number of micro-batches in a step", 1),
        "evaluate": Range("the number of steps between evaluations", 1),
        "clip": Range("the largest norm of gradients"),
        "patience": Range("the number of evaluations without gain"),
        "weight_decay": Range("the weight decay"),
        "l1": Range("the weight of the penalty"),
        "l2": Range("the weight of the penalty"),
        "plateau_looks": Range("the number of evaluations without gain", 1),
        "plateau_factor": Range("the factor of the rate", 0, 1, above=True),
        "warmup": Range("the share of steps", 0, 1, closed=True),
        "ema": Range("the decay (such as 0.999)", 0, 1),
        "swad": Range("the tolerance (such as 1.3)"),
        "seed": Range("the seed", high=2**63),
        "workers": Range("the number of processes that load data"),
        "cache_gb": Range("the most gigabytes of features on disk"),
        "budget": Range("the time", above=True),
        "checkpoint": Range("the seconds between saved steps"),
        "processes": Range("the number of processes", 1),
        "folds": Range("the number of folds", 2),
        "repeats": Range("the number of repeats", 1),
        "rows": Range("the most rows to look at", 2),
        "resamples": Range("the number of resamples"),
    }
)


def check_numbers(values: Mapping[str, object]) -> None:
    """Check the numbers that a user gave by name.

    Args:
        values: Numbers by the names in `RANGES`, such as "batch_size"; None, and other names, are left alone.

    Raises:
        UsageError: A number is out of its range; it is named as the user writes it.
    """
    for name, value in values.items():
        if fault := _fault(name, value):
            raise UsageError(f"{option(name.replace('_', '-'), value)}: {fault}.")
    shares = [values.get("validation"), values.get("test")]
    if fault := _too_much(*shares):
        raise UsageError(f"{option('validation', shares[0])} and {option('test', shares[1])} {fault}.")


def check_fields(plan: object, names: Mapping[str, object]) -> None:
    """Check the numbers of a part of the recipe.

    Args:
        plan: A frozen dataclass.
        names: Its fields by name, of which `RANGES` knows some.

    Raises:
        ValueError: A number is out of its range.
    """
    values = {name: getattr(plan, name) for name in names}
    for name, value in values.items():
        if fault := _fault(name, value):
            raise ValueError(f"{name} = {value}: {fault}.")
    if fault := _too_much(values.get("validation"), values.get("test")):
        raise ValueError(
            f"validation = {values['validation']} and test = {values['test']} {fault}. Name both "
            f"({option('test', 0)} where the data has test rows of its own)."
        )


def _fault(name: str, value: object) -> str:
    known = RANGES.get(name)
    if known is None or not isinstance(value, int | float) or known.holds(value):
        return ""
    return f"{known.what} must be {known}"


def _too_much(validation: object, test: object) -> str:
    """Say that two shares take all rows between them; "" where they do not."""
    if not isinstance(validation, int | float) or not isinstance(test, int | float) or validation + test < 1:
        return ""
    return "leave no rows to learn from: together the shares must stay below 1"


def _written(number: float) -> str:
    return "2**63" if number == 2**63 else f"{number:g}"
