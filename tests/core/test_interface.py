"""A message names a setting as its user writes it: an option on the command line, an argument in Python."""

from __future__ import annotations

from headstart.core.interface import call, command_line, on_command_line, option


def test_a_setting_is_an_argument_in_python_and_an_option_of_the_command():
    assert option("batch-size") == "batch_size="
    assert option("strategy", "partial k=2") == "strategy='partial k=2'"
    with command_line():
        assert on_command_line()
        assert option("batch-size") == "--batch-size"
        assert option("strategy", "partial k=2") == "--strategy 'partial k=2'"
    assert not on_command_line()


def test_an_action_is_a_call_in_python_and_a_command_in_a_shell():
    assert call("fit", "DATA", resume="runs/my 1") == "hs.fit(DATA, resume='runs/my 1')"
    assert call("report", "runs/1") == "hs.report('runs/1')"
    with command_line():
        assert call("fit", "DATA", batch_size=2) == "headstart fit DATA --batch-size 2"
        assert call("report", "my runs/1") == "headstart report 'my runs/1'"


def test_leaving_the_block_by_an_error_restores_python():
    try:
        with command_line():
            raise ValueError
    except ValueError:
        pass
    assert not on_command_line()
