"""Fixed weights: as given, and checked against the losses that there are."""

from __future__ import annotations

import pytest

from combine.matrices import rule, some, weigh
from headstart.core import plugins
from headstart.core.errors import UsageError


def test_they_are_as_given() -> None:
    made = plugins.build("combine", "fixed", {"factors": "1,0.5"})  # as on the command line
    assert weigh(made, some(2, 3), [3.0, -2.0]).tolist() == [1.0, 0.5]


@pytest.mark.parametrize(
    ("factors", "message"),
    [("1", "at least two"), ("1,-1", "none below 0"), ("1,nan", "none below 0"), ("0,0", "nothing would be learnt")],
)
def test_wrong_factors_are_refused(factors: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plugins.build("combine", "fixed", {"factors": factors})


def test_they_are_as_many_as_there_are_losses() -> None:
    with pytest.raises(UsageError, match="has 2 factors, and a step has 3 losses"):
        weigh(rule("fixed"), some(3, 3))
    with pytest.raises(UsageError, match="needs factors"):
        plugins.build("combine", "fixed", {})
