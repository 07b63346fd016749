"""One row is, several rows are."""

from __future__ import annotations

import pytest

from headstart.core.counting import agree, counted


@pytest.mark.parametrize(
    ("count", "many", "of", "said"),
    [
        (3, "rows", None, "3 rows"),
        (1, "rows", None, "1 row"),
        (0, "texts", None, "0 texts"),
        (1, "texts", 40, "1 of 40 texts"),
        (1, "texts", 1, "1 of 1 text"),
        (1, "rows of numbers", 1, "1 of 1 row of numbers"),
        (1, "test rows", None, "1 test row"),
        (1, "classes", None, "1 class"),
        (1, "entries", None, "1 entry"),
        (1200, "rows", 3000, "1,200 of 3,000 rows"),
    ],
)
def test_nouns(count: int, many: str, of: int | None, said: str) -> None:
    assert counted(count, many, of) == said


def test_verbs() -> None:
    assert [agree(1, many) for many in ("are", "have", "lose", "them", "their")] == ["is", "has", "loses", "it", "its"]
    assert [agree(count, "are") for count in (0, 2)] == ["are", "are"]
