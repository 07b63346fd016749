"""The functions of the public API for knowledge from other data: short forms over `fit`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headstart.api import fit
from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.core.words import recipe_of
from headstart.data.domains import other_domains
from headstart.runs.run import Run
from headstart.selection.wanted import AUTO


def adapt(
    source_data: Any = None,
    target: str | Path | None = None,
    *,
    objective: str = AUTO,
    **words: Any,
) -> Run:
    """Learn from a labelled source domain what holds for a target domain without labels: `headstart adapt`.

    With `objective="auto"` several are tried within the budget, and one is chosen by rows of the target without their
    labels; the probe that learns the source alone is kept where nothing is ahead of it by more than noise.

    Args:
        source_data: Labelled rows, as for `fit`; both domains, where `source_domain` and `target_domain` name them.
        target: The target's own data: a folder or a table. Labels in it, if any, measure the test alone.
        objective: "auto", or one of `headstart list objectives`, with its options.
        **words: All others that `fit` takes, such as source, budget, strategy, target_labels, transductive.

    Returns:
        The run; its test figures are of the target's test rows, where these have labels.

    Raises:
        UsageError: No target is named, a name is wrong, or settings do not go together.
        DataError: Rows are wrong, or the target has one row.
        SourceError: The source cannot be loaded.
    """
    check_target(target, words.get("target_domain"))
    return fit(source_data, **adapting({**words, "target": target}, objective))


def generalise(
    data: Any = None,
    *,
    leave_out: str | Sequence[str],
    objective: str = "supervised",
    **words: Any,
) -> Run:
    """Learn from several labelled domains what holds for one that nothing is known of: `headstart generalise`.

    Args:
        data: Rows with domains, as DOMAIN/CLASS folders or a column `domain`.
        leave_out: The domain that measures, or several; no row of it is learnt from or chooses.
        objective: "supervised" learns all the others alike; others are in docs/other-data.md. "auto" tries several
            within the budget, and chooses by source domains that are left out of training in turn.
        **words: All others that `fit` takes.

    Returns:
        The run; its test figures are of the domain that was left out.

    Raises:
        UsageError: There is no such domain, or no other one.
        DataError: Rows are wrong.
        SourceError: The source cannot be loaded.
    """
    left_out = [leave_out] if isinstance(leave_out, str) else list(leave_out)
    return fit(data, **generalising(data, left_out, words, objective))


def check_target(target: Any, domain: Any) -> None:
    """Check that a target is named. UsageError: there is none."""
    if target is None and not domain:
        raise UsageError(f"Name the target: {option('target', 'FOLDER')}, or {option('target-domain', 'NAME')}.")


def generalising(data: Any, left_out: Sequence[str], words: Mapping[str, Any], objective: str) -> dict[str, Any]:
    """Make the words of `fit` for a domain that is left out: all others are the source."""
    plan = recipe_of({"reader": words.get("reader")}).data
    sources, targets = (",".join(names) for names in (other_domains(data, plan, left_out), left_out))
    named = {name: value for name, value in words.items() if value is not None}
    domains = {"source_domain": sources, "target_domain": targets, "unseen": True}
    return {"keep_better": "no", "objective": objective, **domains, **named}


def adapting(words: Mapping[str, Any], objective: str) -> dict[str, Any]:
    """Make the words of `fit` for an adaptation: validation rows of the source choose and learn nothing at its end."""
    named = {name: value for name, value in words.items() if value is not None}
    return {"keep_better": "no", "refit": "no", **named, "objective": objective}
