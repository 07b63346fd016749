"""What goes on is shown: bars in a terminal, a line now and then elsewhere, details only for one who asks."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from headstart.core import progress
from headstart.core.events import Event
from headstart.core.progress import told_to, track, working
from headstart.drawing import live
from headstart.drawing.live import Live, fitted

EVENTS = [
    Event("note", "label: column 'label'"),
    Event("detail", "penalty 0.1"),
    Event("stage", "training: 2 of 4 parameters learn", {"steps": 4}),
    Event("step", "", {"step": 1, "steps": 4, "loss": 0.5}),
    Event("evaluation", "validation accuracy 0.8", {"step": 1, "best": True}),
    Event("step", "", {"step": 2, "steps": 4, "loss": float("nan")}),
    Event("warning", "look out"),
    Event("saved", "the model is saved in x"),
    Event("result", "report: x"),
]


def shown(*, terminal: bool = False, verbose: bool = False) -> str:
    told = io.StringIO()
    console = Console(file=told, force_terminal=terminal, width=100, highlight=False, soft_wrap=True)
    show = Live(console, verbose=verbose)
    for event in EVENTS:
        show(event)
    show.close()
    return told.getvalue()


def test_a_file_gets_lines_and_of_long_work_one_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = "label: column 'label'\ntraining: 2 of 4 parameters learn\nwarning: look out\n"
    assert shown() == quick
    monkeypatch.setattr(live, "PLAIN_EVERY", -1.0)
    steps = "  training: step 1 of 4, loss 0.5000\n  training: step 2 of 4, validation accuracy 0.8\n"
    assert shown() == quick.replace("warning", f"{steps}warning")


def test_details_are_for_one_who_asks() -> None:
    told = shown(verbose=True)
    for line in ("penalty 0.1", "step 1: validation accuracy 0.8  (best so far)", "the model is saved in x"):
        assert line in told and line not in shown()
    assert "report: x" not in told  # the command shows the result itself


def test_a_terminal_gets_a_bar_with_the_time_that_is_left() -> None:
    told = shown(terminal=True)
    assert "training: step" in told and "━" in told and "-:--:--" in told
    assert told.endswith("\x1b[1A\x1b[2K") or told.count("\x1b[2K") > 1  # and it is taken away at the end


def test_a_terminal_moves_while_nobody_tells_how_far_work_is() -> None:
    told = io.StringIO()
    show = Live(Console(file=told, force_terminal=True, width=100))
    show.open()
    assert "working" in told.getvalue()
    show(Event("progress", "reading", {"done": 1, "total": 4}))
    show(Event("note", "a line"))
    before = len(told.getvalue())
    show(Event("progress", "reading", {"done": 4, "total": 4}))
    show(Event("stage", "training: 2 of 4 parameters learn", {"steps": 4}))
    assert "working" in told.getvalue()[before:]
    show.close()
    assert told.getvalue().endswith("\x1b[2K") and told.getvalue().count("\x1b[?25l") == 1  # taken away, cursor back
    assert told.getvalue().rindex("\x1b[?25h") > told.getvalue().rindex("\x1b[?25l")


def test_a_line_is_broken_at_words_in_a_terminal_alone() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=20)
    line = "  at: a few words, then runs/a-very-long-name-of-a-run and 数据数据数据数据数据 数据"
    parts = fitted(f"{line}\nnext", console).splitlines()
    assert parts[:4] == ["  at: a few words,", "  then", "  runs/a-very-long-name-of-a-run", "  and"]
    assert parts[4:] == ["  数据数据数据数据数据", "  数据", "next"]
    assert fitted(line, Console(file=io.StringIO(), width=20)) == line


def test_slow_work_is_told_from_where_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Event] = []
    with told_to(heard.append):
        assert list(track("abc", "reading", 3)) == ["a", "b", "c"]
    assert heard == []  # it was quick
    monkeypatch.setattr(progress, "AFTER", 0.0)
    monkeypatch.setattr(progress, "EVERY", 0.0)
    with told_to(heard.append), working("reading", 5) as advance:
        advance(2)
        advance(3)
    assert [(event.message, event.values["done"], event.values["total"]) for event in heard] == [
        ("reading", 2, 5),
        ("reading", 5, 5),
        ("reading", 5, 5),
    ]
    assert list(track("abc", "reading", 3)) == ["a", "b", "c"]  # nobody listens
    assert len(heard) == 3


def test_work_that_fails_takes_its_bar_away() -> None:
    heard: list[Event] = []
    with pytest.raises(ValueError, match="no"), told_to(heard.append), working("loading"):
        raise ValueError("no")
    assert heard[0].values == {"done": 0, "total": None} and heard[-1].values["total"] == heard[-1].values["done"]
