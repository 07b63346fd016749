"""How much of a search's budget is spent, over all the times that it was begun."""

from __future__ import annotations

import math
import time

from headstart.selection.journal import Journal


class Clock:
    """Seconds by the clock; the time between an end and a resume does not count.

    Args:
        journal: Knows what was spent before, and keeps what is.
        budget: Seconds; infinite for no end.
        began: When this process began, by the monotonic clock.
    """

    def __init__(self, journal: Journal, budget: float, began: float) -> None:
        self._journal, self.budget = journal, budget
        self._began = began - (journal.get("spent") or 0.0)
        self.reserve = 0.0  # seconds that the end will take

    @property
    def spent(self) -> float:
        """Seconds up to now."""
        return time.monotonic() - self._began

    @property
    def left(self) -> float:
        """Seconds that may still be spent before the end has to begin."""
        return self.budget - self.reserve - self.spent

    @property
    def over(self) -> bool:
        """Whether the end has to begin."""
        return self.left <= 0

    def keep(self) -> None:
        """Write down what was spent."""
        self._journal.spend(self.spent)

    def told(self) -> str:
        """Write the budget in words."""
        if math.isinf(self.budget):
            return "no end"
        return f"{self.budget:.0f} s" if self.budget < 90 else f"{self.budget / 60:.3g} minutes"
