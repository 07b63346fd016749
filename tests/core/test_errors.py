"""Claims of the errors: each kind goes to another process and comes back as itself."""

from __future__ import annotations

import pytest

from headstart.core import errors
from headstart.core.errors import DataError, HeadstartError, Problem, UsageError, reason_of
from headstart.models.dryrun import DryRunError


def descendants(kind: type) -> list[type]:
    """List a class and all below it."""
    return [kind, *(found for below in kind.__subclasses__() for found in descendants(below))]


@pytest.mark.parametrize("kind", [k for k in descendants(HeadstartError) if k.__module__ == errors.__name__])
def test_a_kind_comes_back_as_itself(kind: type[HeadstartError]) -> None:
    again = errors.from_plain(errors.to_plain(kind("what was wrong")))
    assert type(again) is kind and str(again) == "what was wrong" and again.exit_code == kind.exit_code


def test_a_narrower_kind_comes_back_as_the_one_of_the_tree() -> None:
    again = errors.from_plain(errors.to_plain(DryRunError("conv", (1, 2), ValueError("no"))))
    assert type(again) is UsageError and "layer 'conv'" in str(again)


def test_the_rows_stay_in_the_message() -> None:
    again = errors.from_plain(errors.to_plain(DataError("rows are wrong:", [Problem("a.csv:3", "is empty")])))
    assert type(again) is DataError and "a.csv:3: is empty" in str(again)


def test_one_row_more_than_the_message_holds() -> None:
    problems = [Problem(f"a.csv:{row}", "is empty") for row in range(101)]
    assert str(DataError("rows are wrong:", problems[:100])).splitlines()[-1].strip() == "a.csv:99: is empty"
    assert str(DataError("rows are wrong:", problems)).splitlines()[-2:] == ["  a.csv:99: is empty", "  … and 1 more"]


def test_a_long_list_of_names_is_cut() -> None:
    names = [f"n{i}" for i in range(12)]
    assert errors.first_few(names[:10]) == ", ".join(names[:10])
    assert errors.first_few(names).endswith("n8, n9, and 2 more")
    assert errors.first_few([]) == ""


def test_of_many_like_names_five_are_suggested() -> None:
    message = str(errors.unknown("network", "resnt18", [f"resnet18{end}" for end in "abcdefgh"] * 2000))
    assert message.count("Did you mean 'resnet18") == 1 and message.count(" or 'resnet18") == 4
    assert "and 15,990 more" in message and len(message) < 400
    assert "Did you mean 'lora'? " in str(errors.unknown("strategy", "LoRA", ["full", "lora", "dora"]))
    assert "Did you mean 'labels'? " in str(errors.unknown("option", "lables", ["labels", "unlabelled"]))


def test_a_reason_goes_into_a_sentence() -> None:
    assert reason_of(OSError("Can't load it.\nTry again.")) == "Can't load it"
    assert reason_of(KeyError()) == "KeyError" and reason_of(ValueError(" ")) == "ValueError"
