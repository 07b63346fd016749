"""The part that each domain's rows play: a source trains, the target is what counts, with labels in its test alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headstart.core.columns import cells_of
from headstart.core.errors import UsageError, first_few, unknown
from headstart.core.interface import option
from headstart.core.recipe import DataPlan
from headstart.data.inference import check_columns
from headstart.data.pools import UNLABELLED
from headstart.data.tables import Tables, join

if TYPE_CHECKING:
    import pandas as pd


def by_domain(tables: Tables, plan: DataPlan) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Sort rows by the part they play: with domains the source trains, the target tests.

    Args:
        tables: What was read, with a column `domain` where domains are named.
        plan: Names the domains.

    Returns:
        The rows by part, and notes.

    Raises:
        UsageError: One side is not named, or a domain is not there or named on both sides.
        DataError: A split has no column `domain`.
    """
    if not plan.source_domain and not plan.target_domain:
        return dict(tables.splits), []
    if not plan.source_domain or not plan.target_domain or set(plan.source_domain) & set(plan.target_domain):
        raise UsageError(f"Name {option('source-domain')} and {option('target-domain')}, and no domain as both.")
    found: dict[str, list[pd.DataFrame]] = {}
    known: dict[str, None] = {}
    for split, frame in tables.splits.items():
        check_columns(frame, ["domain"], f"split '{split}'")
        names = [str(cell) for cell in cells_of(frame["domain"])]
        known |= dict.fromkeys(names)
        for role, domains in (("source", plan.source_domain), ("target", plan.target_domain)):
            chosen: pd.DataFrame = frame.iloc[[i for i, name in enumerate(names) if name in domains]]
            if split == UNLABELLED:
                part = UNLABELLED
            elif role == "target":
                part = "test" if split == "test" else "target"
            else:
                part = {"all": "train", "test": "unused"}.get(split, split)
            if len(chosen):
                found.setdefault(part, []).append(chosen)
    for name in (*plan.source_domain, *plan.target_domain):
        if name not in known:
            raise unknown("domain", name, sorted(known))
    notes = [
        f"domains: {first_few(plan.source_domain)} (labelled) to "
        f"{first_few(plan.target_domain)} (labels only in the test split)"
    ]
    unused = found.pop("unused", None)
    if unused:
        notes.append(f"test rows of the source domain that are not used: {sum(map(len, unused)):,}")
    others = sorted(set(known) - {*plan.source_domain, *plan.target_domain})
    if others:
        notes.append(f"domains left out: {first_few(others)}")
    return {part: join(frames) for part, frames in found.items()}, notes
