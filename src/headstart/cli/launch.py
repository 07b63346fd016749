"""Start this command again in several processes of this machine, by torchrun's machinery."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from headstart.core.errors import UsageError


def launch(processes: int) -> None:
    """Run the command in several processes and end with the exit code of the first that failed.

    Args:
        processes: How many.

    Raises:
        UsageError: torchrun, or this command, has started this process already.
        typer.Exit: A process failed, or a signal stopped them.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import parse_args, run

    if "TORCHELASTIC_RUN_ID" in os.environ:
        raise UsageError("--processes is for one command on one machine; under torchrun give --nproc-per-node alone.")
    arguments = ["--standalone", f"--nproc-per-node={processes}", "-m", "headstart", *without(sys.argv[1:])]
    try:
        run(parse_args(arguments))
    except ChildFailedError as error:
        _, failure = error.get_first_failure()
        raise typer.Exit(failure.exitcode if failure.exitcode > 0 else 128 - failure.exitcode) from error
    except SignalException as stopped:
        raise typer.Exit(128 + stopped.sigval) from stopped


def without(arguments: Sequence[str]) -> list[str]:
    """Drop `--processes N` from a command line."""
    kept: list[str] = []
    skip = False
    for argument in arguments:
        if not skip and not argument.startswith("--processes"):
            kept.append(argument)
        skip = argument == "--processes"
    return kept
