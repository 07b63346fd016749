"""Claim: what the source does not know of the data is told before training, with what to do where it is much."""

from __future__ import annotations

from pathlib import Path

import pytest

from headstart.core.errors import UsageError
from headstart.core.types import Card, Event, Task
from headstart.data.rows import Dataset, Rows
from headstart.inputs.text import Text
from headstart.models.model import Backbone
from headstart.runs.known import check_known

TOKENIZER = Path(__file__).parents[1] / "fixtures" / "v0.1" / "text" / "model" / "tokenizer"


class Reader(Backbone):
    """A network of which only the card is looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.card = Card("hf:reader", "toy", 0, Text(str(TOKENIZER), 64), "hf", {})


def told(texts: list[str]) -> tuple[str, list[Event]]:
    """Return what is told of texts."""
    rows = Rows([str(place) for place in range(len(texts))], texts)
    data = Dataset(Task.of("text", "binary", ("x",), ("y",), ("a", "b")), {"train": rows}, {"train": rows})
    events: list[Event] = []
    return check_known(Reader(), data, events.append), events


@pytest.mark.parametrize(
    ("unknown", "kind"), [(0, None), (1, None), (2, "note"), (14, "note"), (15, "warning"), (269, "warning")]
)
def test_the_share_of_unknown_tokens_is_told_from_half_a_percent_on(unknown: int, kind: str | None) -> None:
    texts = ["good"] * (300 - unknown) + ["很"] * unknown
    text, events = told(texts)
    assert [event.kind for event in events] == ([kind] if kind else [])
    assert bool(text) == (kind is not None)
    if kind:
        assert text.startswith(f"{unknown / 300:.1%} of the tokens of the training texts are unknown to hf:reader")
    if kind == "warning":
        source = "tfidf:chars" if unknown > 150 else "tfidf:words"
        assert f"Try source='hf:intfloat/multilingual-e5-small' or source='{source}'" in text


def test_where_nearly_nothing_is_known_it_is_refused() -> None:
    with pytest.raises(UsageError, match=r"90.0% of the tokens .* are unknown to hf:reader.*nothing would be learnt"):
        told(["good"] * 30 + ["很"] * 270)
