"""Claims of the options: plain data and back, with nothing lost but what is None."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from headstart.core import options
from headstart.core.choice import Choice
from headstart.core.errors import UsageError


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


@pytest.mark.parametrize(
    ("hint", "value", "takes"),
    [
        (tuple[float, ...], 0.5, "a list, each of them a number"),
        (tuple[int, int], [1], "a list of 2, each of them a whole number"),
        (tuple[str, ...], 5, "a list, each of them words"),
        (int, "abc", "a whole number"),
        (int, 1.5, "a whole number"),
        (int | None, "x", "a whole number"),
        (float, None, "a number"),
        (bool, "maybe", "true or false"),
        (str, 5, "words"),
        (Literal["a"], "c", "'a'"),
        (Literal["a", "b", "c"], "d", "'a', 'b' or 'c'"),
        (float | Literal["auto"], "x", "a number or 'auto'"),
        (Mapping[str, float], "x", "a table of names, each with a number"),
        (Mapping[str, float], {"a": "b"}, "a table of names, each with a number"),
        (Inner, 3, "a table of Inner"),
    ],
)
def test_a_value_of_another_type_is_told_in_words(hint: Any, value: Any, takes: str) -> None:
    with pytest.raises(UsageError) as caught:
        options.convert(hint, value, "here")
    assert str(caught.value) == f"here: {value!r} is not right: it takes {takes}."


def test_lists_are_written_with_commas() -> None:
    assert options.convert(tuple[float, ...], "0.5", "x") == (0.5,)
    assert options.convert(tuple[float, ...], "[0.5, 1]", "x") == (0.5, 1.0)
    assert options.convert(tuple[int, ...], "3,4", "x") == (3, 4)
    assert options.convert(tuple[str, ...], "a,b", "x") == ("a", "b")
    with pytest.raises(UsageError, match="x: 'b' is not right: it takes a number"):
        options.convert(tuple[float, ...], "0.5,b", "x")
