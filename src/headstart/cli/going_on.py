"""What a command says when it ends before its run does: the exact command that goes on."""

from __future__ import annotations

import os
from pathlib import Path

from headstart.core.interface import call
from headstart.core.processes import count
from headstart.core.stopping import Stop
from headstart.core.types import Event, Listener

RUN_FILE = "HEADSTART_RUN_FILE"  # where the first of several processes writes the folder of the run, for `launch`


def how_to_go_on(stop: Stop) -> str:
    """Write the command that goes on with the run; "" where there is none that could.

    Args:
        stop: Knows the run.

    Returns:
        A sentence, with a space before it.
    """
    if not stop.run:
        return ""
    command = call("fit", None, resume=stop.run, **stop.again)
    if count() > 1 and RUN_FILE not in os.environ:  # torchrun was asked by the user
        command = f"torchrun --nproc-per-node={count()} -m {command}"
    return f" Go on: {command}"


def what_is_saved(run: str) -> str:
    """Say which step of a run was saved last.

    Args:
        run: The folder of the run; "" for none.

    Returns:
        A sentence, with a space before it.
    """
    if not run:
        return " Nothing was saved."
    places = ("folds/*/checkpoints", "*/checkpoints", "checkpoints", "search/trials/*/checkpoints")  # the later first
    steps = next((found for place in places if (found := sorted(Path(run).glob(f"{place}/step-*")))), None)
    saved = [f" The last step is saved in {steps[-1]}."] if steps else []
    if (Path(run) / "model").is_dir():
        saved.append(f" A model that predicts is in {Path(run) / 'model'}.")
    return "".join(saved) or " No step was saved yet."


def telling_launcher(stop: Stop, listen: Listener) -> Listener:
    """Leave what goes on with the run where `launch` reads it, as soon as there is a run.

    Args:
        stop: Knows the run.
        listen: Is told everything as before.

    Returns:
        The listener to use.
    """

    def tell(event: Event) -> None:
        if event.kind == "run" and RUN_FILE in os.environ:
            Path(os.environ[RUN_FILE]).write_text(how_to_go_on(stop), encoding="utf-8")
        listen(event)

    return tell
