"""The metrics that there are, own ones too; each file is loaded once."""

from __future__ import annotations

import os
from functools import cache

from headstart.core import plugins
from headstart.core.errors import UsageError, first_few
from headstart.core.types import Metric
from headstart.metrics._measured import Measured

MEMBERS = {*Metric.__annotations__, "unit", "weighted"}


def every() -> dict[str, Metric]:
    """Load every metric, by name.

    Returns:
        The metrics, in the order of their names.

    Raises:
        UsageError: A file defines no whole metric.
    """
    return {name: load(name) for name in _names(os.environ.get("HEADSTART_PLUGINS", ""))}


def suited(found: Measured) -> dict[str, Metric]:
    """Load the metrics that can measure predictions.

    Args:
        found: The predictions.

    Returns:
        The metrics by name, in the order of their names.

    Raises:
        UsageError: A file defines no whole metric.
    """
    return {
        name: metric
        for name, metric in every().items()
        if found.form in metric.forms
        and metric.width in (None, len(found.names))
        and (found.above is not None or not getattr(metric, "of_trees", False))
        and (found.likelihoods is not None or not getattr(metric, "of_likelihoods", False))
    }


def find(name: str) -> Metric | None:
    """Return the metric of that name; None where there is none, as for the record of a run that knew others."""
    return every().get(name)


@cache
def load(name: str) -> Metric:
    """Load one metric.

    Args:
        name: Its file name without `.py`.

    Returns:
        The metric.

    Raises:
        UsageError: There is none of that name, its file does not define exactly one, or that lacks a part of `Metric`.
    """
    made = plugins.build("metrics", name, {})
    missing = sorted(MEMBERS - set(dir(made)))
    if missing:
        raise UsageError(
            f"The metric '{name}' lacks: {first_few(missing)}. All metrics have: {first_few(sorted(MEMBERS))}."
        )
    return made


def value(metric: Metric, measured: Measured) -> float:
    """Compute a metric where each row counts once."""
    return float(metric.weighted(measured)(measured.unit)[0])


@cache
def _names(folders: str) -> tuple[str, ...]:
    """List the metrics, once for each value of HEADSTART_PLUGINS: it takes as long as a small evaluation."""
    return tuple(plugins.names("metrics"))
