"""The command `headstart`: subcommands, exit codes and signals.

Exit codes: 0 the action succeeded, 1 it failed, 2 the command, the data or the source is wrong,
130 and 143 stopped by Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import Annotated

import typer

from headstart import __version__
from headstart.cli import (
    affinity,
    cache,
    compare,
    demo,
    evaluate,
    export,
    fewshot,
    fit,
    inspect,
    listing,
    other_data,
    predict,
    rank,
    report,
    search,
    showing,
    soup,
)
from headstart.cli.going_on import RUN_FILE, how_to_go_on, what_is_saved
from headstart.core.errors import DiskError, HeadstartError, LostProcess, TrainingError
from headstart.core.interface import command_line
from headstart.core.processes import rank as process_rank
from headstart.core.stopping import Stop, Stopped

PASSED_ON = 1.0  # seconds in which the same signal may come twice
SHOW_CURSOR = "\x1b[?25h"  # to a terminal
COLLECT_AFTER = 50_000, 20, 20  # objects, then collections, before Python looks for garbage

app = typer.Typer(
    name="headstart",
    help="Transfer learning from a folder or a table to a tested model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # a help page drawn by rich takes twice as long to come up
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.command("fit")(fit.fit)
app.command("adapt")(other_data.adapt)
app.command("generalise")(other_data.generalise)
app.command("rank")(rank.rank)
app.command("affinity")(affinity.affinity)
app.command("fewshot")(fewshot.fewshot)
app.command("evaluate")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.command("search")(search.search)
app.command("compare")(compare.compare)
app.command("report")(report.report)
app.command("soup")(soup.soup)
app.command("export")(export.export)
app.command("show")(showing.show)
app.command("inspect")(inspect.inspect)
app.command("list")(listing.listing)
app.command("cache")(cache.cache)


@app.callback(invoke_without_command=True)
def options(version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    """Transfer learning from a folder or a table to a tested model."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and end the process with its exit code.

    Args:
        arguments: Of a command inside this process; None means that the process is the command.
    """
    if arguments is not None:
        return _main(list(arguments))
    gc.set_threshold(*COLLECT_AFTER)
    ended = SystemExit(1)
    atexit.register(lambda: _leave(ended))  # the first that is registered is the last that runs
    try:
        _main(sys.argv[1:])
    except SystemExit as end:
        ended = end
        raise


def _main(arguments: list[str]) -> None:
    stop = Stop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _handler(stop))
    if hasattr(signal, "SIGHUP"):  # not on Windows
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a terminal that is closed ends no run
    with command_line():
        _run(arguments, stop)


def _leave(ended: SystemExit) -> None:
    """End the process now that all is done: Python would take half a second to clear away what libraries made."""
    code = ended.code if isinstance(ended.code, int) else 0
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:  # nobody reads on
            pass
        except OSError as error:
            code = code or 1
            with suppress(OSError):
                os.write(2, f"headstart: the output could not be written: {error.strerror}\n".encode())
    os._exit(code)


def _run(arguments: Sequence[str], stop: Stop) -> None:
    try:
        app(arguments, obj=stop)
    except Stopped as stopped:
        if process_rank():  # all processes stop; the first one tells
            sys.exit(128 + stopped.signal)
        saved = f" The last step is saved in {stopped.saved}." if stopped.saved else ""
        _end(arguments, f"stopped by {_name(stopped.signal)}.{saved}{how_to_go_on(stop)}", 128 + stopped.signal)
    except (LostProcess, DiskError) as error:
        _end(arguments, f"{error}{how_to_go_on(stop)}", error.exit_code)
    except HeadstartError as error:
        if process_rank() and not isinstance(error, TrainingError):  # all processes find the same; the first one tells
            sys.exit(error.exit_code)
        _end(arguments, str(error), error.exit_code)
    except MemoryError:
        _end(arguments, "memory ran out. Use a smaller --batch-size, a smaller source, or fewer --workers.", 1)
    except OSError as error:  # of a disk or a folder that went away; no traceback helps the user
        _end(arguments, f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", 1)


def _handler(stop: Stop):
    first = 0.0

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal first
        if stop.signal and RUN_FILE in os.environ and time.monotonic() - first < PASSED_ON:
            return  # `launch` passes on what the terminal has sent to all processes already
        first = time.monotonic()
        if stop.signal:  # the second time: at once
            with suppress(Exception):  # whatever is wrong with the run's folder or with stderr
                if not process_rank():
                    message = f"stopped at once by {_name(number)}.{what_is_saved(stop.run)}{how_to_go_on(stop)}"
                    shown = SHOW_CURSOR if os.isatty(2) else ""  # a bar hides it
                    os.write(
                        2, f"{shown}\nheadstart: {message}\n".encode()
                    )  # stderr itself may be in the middle of a line
            os._exit(128 + number)
        stop.request(number)

    return handle


def _name(number: int) -> str:
    return signal.Signals(number).name


def _end(arguments: Sequence[str], message: str, code: int) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):  # nothing is left to save; `launch` may send one while Python ends
        signal.signal(number, signal.SIG_DFL)
    with suppress(OSError):  # where nobody reads stderr any more, the exit code still counts
        sys.stderr.write(f"headstart: {message}\n")
        sys.stderr.flush()
    if "--json" in arguments:
        sys.stdout.write(json.dumps({"error": message, "exit_code": code}, ensure_ascii=False) + "\n")
    sys.exit(code)
