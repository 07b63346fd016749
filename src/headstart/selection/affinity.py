"""Which tasks help each other: how far their gradients agree, what pairs gain, and which to learn together."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from headstart.core import storage
from headstart.core.counting import counted
from headstart.core.durations import rounded_up
from headstart.core.errors import first_few
from headstart.core.interface import option
from headstart.drawing.draw import draw
from headstart.selection.agreement import Agreement
from headstart.selection.grouping import best_groups
from headstart.selection.pairs import Gain, Pair

LEAST_TO_COMPARE = 4  # gains, from which on it is told how well the agreement foretold them


@dataclass(frozen=True, repr=False)
class Affinity:
    """How much K tasks help each other.

    tasks: their names, in the order of all matrices. agreement: of their gradients. gains: measured on validation rows,
    by helper and helped; those of pairs for which there was no time are not there. rows: validation rows by task.
    steps: of a training. spent: seconds. needed: seconds that measuring all pairs would take.
    """

    tasks: Sequence[str]
    agreement: Agreement
    gains: Mapping[Pair, Gain]
    rows: Mapping[str, int]
    steps: int
    spent: float
    needed: float

    @property
    def helps(self) -> np.ndarray:
        """How much the row's task helps the column's, [K, K]: the gain where it was measured, else the lookahead.

        Both are relative falls of a loss, one of a training and one of a step, which is smaller.
        """
        found = np.where(np.eye(len(self.tasks), dtype=bool), 0.0, self.agreement.lookahead)
        for (helper, helped), gain in self.gains.items():
            found[self.tasks.index(helper), self.tasks.index(helped)] = gain.gain
        return found

    @property
    def groups(self) -> list[list[str]]:
        """The tasks that are best learnt together, those of a group by name; a task may be alone."""
        return [[self.tasks[place] for place in group] for group in best_groups(self.helps)]

    @property
    def unmeasured(self) -> list[Pair]:
        """The pairs for which there was no time."""
        return [pair for pair in itertools.combinations(self.tasks, 2) if pair not in self.gains]

    @property
    def foretold(self) -> float | None:
        """Spearman's correlation of the lookahead with the gains, over helpers; None where few are measured."""
        if len(self.gains) < LEAST_TO_COMPARE:
            return None
        place = {name: number for number, name in enumerate(self.tasks)}
        looked = [self.agreement.lookahead[place[helper], place[helped]] for helper, helped in self.gains]
        found = [gain.gain for gain in self.gains.values()]
        ranks = [np.argsort(np.argsort(values)) for values in (looked, found)]
        return float(np.corrcoef(ranks[0], ranks[1])[0, 1])

    def __repr__(self) -> str:
        """Say which tasks to learn together."""
        return "\n".join([*self.said(), *self.warnings()])

    def _repr_html_(self) -> str:
        """Show the matrices in a notebook."""
        from headstart.selection.affinity_page import matrices

        return draw(matrices(self))

    def said(self) -> list[str]:
        """Write the result in sentences."""
        together = [group for group in self.groups if len(group) > 1]
        alone = [group[0] for group in self.groups if len(group) == 1]
        parts = [
            *(f"{' and '.join(group)} together{self._unsure(group)}" for group in together),
            *(f"{name} alone" for name in alone),
        ]
        lines = [f"Learn {'; '.join(parts)}."]
        if self.foretold is not None:
            what = f"{counted(len(self.gains), 'measured gains')}"
            lines.append(f"The lookahead foretold the order of {what} by {self.foretold:.2f} (Spearman; 1: rightly).")
        if missing := self.unmeasured:
            pairs = first_few(f"{one} and {other}" for one, other in missing)
            enough = option("budget", rounded_up(self.needed))
            lines.append(f"Not measured, as the budget was used up: {pairs}. {enough} would do for all pairs.")
        return lines

    def _unsure(self, group: Sequence[str]) -> str:
        """Say so where no gain within a group is beyond noise."""
        gains = [self.gains[pair] for pair in itertools.permutations(group, 2) if pair in self.gains]
        if not gains:
            return " (by the agreement alone)"
        return "" if any(gain.is_sure and gain.gain > 0 for gain in gains) else " (within noise)"

    def warnings(self) -> list[str]:
        """Name each helper that harms by more than noise."""
        return [
            f"{helper} harms {helped}: beside it the validation loss is {-gain.gain:.1%} higher (standard error "
            f"{gain.error:.1%}, {counted(self.rows[helped], 'rows')})"
            for (helper, helped), gain in self.gains.items()
            if gain.harms
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, safe for JSON; each matrix has a list for each helper."""
        gains = [
            {"helper": helper, "helped": helped, **dataclasses.asdict(gain), "harms": gain.harms}
            for (helper, helped), gain in self.gains.items()
        ]
        return {
            "tasks": list(self.tasks),
            "cosine": self.agreement.cosine.tolist(),
            "lookahead": self.agreement.lookahead.tolist(),
            "gains": gains,
            "not_measured": [list(pair) for pair in self.unmeasured],
            "helps": self.helps.tolist(),
            "groups": self.groups,
            "warnings": self.warnings(),
            "spearman": self.foretold,
            "validation_rows": dict(self.rows),
            "steps": self.steps,
            "seconds": round(self.spent, 2),
        }

    def save(self, path: str | Path) -> Path:
        """Write the page with the matrices as heat maps.

        Args:
            path: The file, such as "affinity.html".

        Returns:
            The same path.
        """
        from headstart.selection.affinity_page import render

        storage.write_text(Path(path), render(self))
        return Path(path)
