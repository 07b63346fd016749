"""Claims of the options: plain data and back, with nothing lost but what is None."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from headstart.core import options
from headstart.core.choice import Choice


@dataclass(frozen=True)
class Inner:
    size: int = 1


@dataclass(frozen=True)
class Outer:
    count: int | None = 1
    name: str = "a"
    on: bool = True
    parts: tuple[Any, ...] = ("x",)
    inner: Inner = Inner()


@pytest.mark.parametrize(
    "items", [[0, 1], ["", "a"], [False, True], [0.0], [[], [1]], [{}], ["a", "", 0, False, 0.0, [], {}]]
)
def test_items_of_a_list_are_all_kept_in_order(items: list[Any]) -> None:
    assert options.to_plain(items) == items
    assert options.to_plain(tuple(items)) == items
    assert options.to_plain(Outer(parts=tuple(items)))["parts"] == items


@pytest.mark.parametrize("value", [0, 0.0, "", False, [], {}])
def test_values_that_count_as_false_are_kept(value: Any) -> None:
    assert options.to_plain({"a": value}) == {"a": value}
    assert options.to_plain(Choice("x", {"a": value})) == {"name": "x", "a": value}


def test_fields_that_count_as_false_are_kept() -> None:
    plain = {"count": 0, "name": "", "on": False, "parts": [], "inner": {"size": 0}}
    assert options.to_plain(Outer(0, "", False, (), Inner(0))) == plain
    assert options.build(Outer, plain, "x") == Outer(0, "", False, (), Inner(0))


def test_none_is_left_out_of_tables() -> None:
    assert options.to_plain({"a": None, "b": 1, "c": {"d": None}}) == {"b": 1, "c": {}}
    assert options.to_plain(Choice("x", {"a": None})) == {"name": "x"}
    assert "count" not in options.to_plain(Outer(count=None))


def test_keys_become_text() -> None:
    assert options.to_plain({1: "a"}) == {"1": "a"}
