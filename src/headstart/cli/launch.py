"""Start this command again in several processes of this machine, by torchrun's machinery."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import typer

from headstart.cli.going_on import RUN_FILE
from headstart.core.errors import UsageError

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing.errors import ProcessFailure


def launch(processes: int) -> None:
    """Run the command in several processes and end with the exit code of the first that failed.

    Args:
        processes: How many.

    Raises:
        UsageError: torchrun, or this command, has started this process already.
        typer.Exit: A process failed, or a signal stopped them.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:
        raise UsageError("--processes is for one command on one machine; under torchrun give --nproc-per-node alone.")
    with TemporaryDirectory() as folder:
        told = Path(folder) / "run"
        os.environ[RUN_FILE] = str(told)
        _launch(processes, told)


def _launch(processes: int, told: Path) -> None:
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import parse_args, run

    arguments = parse_args(["--standalone", f"--nproc-per-node={processes}", "-m", "headstart"])
    arguments.training_script_args = without(sys.argv[1:])  # parsed, "--log" would be taken for an option of torchrun
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # each process tells why it ended
    try:
        run(arguments)
    except ChildFailedError as error:
        number, failure = _cause(error.failures)
        if failure.exitcode < 0:  # else the process has told why
            go_on = told.read_text(encoding="utf-8") if told.exists() else ""
            typer.echo(
                f"headstart: process {number} of {processes} was ended by {failure.signal_name()}.{go_on}", err=True
            )
        raise typer.Exit(failure.exitcode if failure.exitcode > 0 else 128 - failure.exitcode) from error
    except SignalException as stopped:
        raise typer.Exit(128 + stopped.sigval) from stopped


def _cause(failures: dict[int, ProcessFailure]) -> tuple[int, ProcessFailure]:
    """The process that made the others fail: that one of the first to end that a signal ended, else the very first.

    torchrun looks now and then, so it may find together a process that was killed and one that failed for want of it.
    It stops the rest, by SIGTERM and half a minute later by SIGKILL: they made nothing fail.
    """
    first = min(failure.timestamp for failure in failures.values())
    together = [item for item in failures.items() if item[1].timestamp <= first + 1]  # they are whole seconds

    def order(item: tuple[int, ProcessFailure]) -> tuple[bool, bool, int]:
        failure = item[1]
        return failure.exitcode == -signal.SIGTERM, failure.exitcode > 0, failure.timestamp

    return min(together, key=order)


def without(arguments: Sequence[str]) -> list[str]:
    """Drop `--processes N` from a command line."""
    kept: list[str] = []
    skip = False
    for argument in arguments:
        if not skip and not argument.startswith("--processes"):
            kept.append(argument)
        skip = argument == "--processes"
    return kept
