"""Times as people write them."""

from __future__ import annotations

import pytest

from headstart.core.durations import rounded_up, seconds_of
from headstart.core.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("300", 300), (12.5, 12.5), ("90s", 90), ("10m", 600), ("1h30m", 5400), (" 1H 5 s ", 3605), ("0.5m", 30)],
)
def test_times(text: str | float, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "10x", "m", "5m later", "m5", "1..5s"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(UsageError, match="is no time: write seconds, or 90s, 10m, 1h30m"):
        seconds_of(text)


@pytest.mark.parametrize("text", ["0", "-3", "0s", "inf", "nan"])
def test_what_is_no_positive_time(text: str) -> None:
    with pytest.raises(UsageError, match=f"rest='{text}': the time must be above 0"):
        seconds_of(text, "rest")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "10s"), (41, "50s"), (90, "90s"), (91, "2m"), (3540, "59m"), (3541, "1h"), (5300, "1h30m")],
)
def test_a_time_is_rounded_up_to_what_a_person_would_write(seconds: float, text: str) -> None:
    assert rounded_up(seconds) == text and seconds_of(text) >= seconds
