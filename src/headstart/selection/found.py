"""What a look at a source left in the journal: enough to choose by, without its features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headstart.core import options
from headstart.core.offer import Offer
from headstart.core.types import Score
from headstart.selection.look import told
from headstart.selection.rank import Ranking

NONE = Score("none", float("nan"), True)


@dataclass(frozen=True)
class Found:
    """A source that was looked at.

    score: of its probe; figure: the same in words. look, learn: seconds a row of a pass and of a step. seconds: what
    looking took. error: why it cannot be used; "" where it can.
    """

    offer: Offer
    score: Score = NONE
    figure: str = ""
    rows: int = 0
    params: int = 0
    look: float = 0.0
    learn: float = 0.0
    seconds: float = 0.0
    error: str = ""

    @classmethod
    def from_plain(cls, plain: Any) -> Found:
        """Read what `keep_found` made."""
        offer = options.build(Offer, plain["offer"], "the search's journal")
        score = Score.from_plain(plain["score"]) or NONE
        rest = {name: value for name, value in plain.items() if name not in ("offer", "score")}
        return cls(offer, score, **rest)


def keep_found(ranking: Ranking) -> list[dict[str, Any]]:
    """Return a ranking's sources as JSON data, in its order."""
    kept = []
    for one in ranking.looked:
        offer = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(one.offer).items()}
        plain: dict[str, Any] = {"offer": offer, "score": None, "seconds": one.seconds, "error": one.error}
        if one.probe is not None and one.cost is not None:
            plain |= {
                "score": one.probe.score.to_plain(),
                "figure": f"{one.probe.metric} {told(one.probe)}",
                "rows": one.rows,
                "params": one.params,
                "look": min(one.cost.look, one.passing / one.rows),  # a few rows alone cost more each
                "learn": one.cost.learn,
            }
        kept.append(plain)
    return kept
