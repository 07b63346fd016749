"""headstart report: write a run's report again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")] = False,
) -> None:
    """Draw a run's report.html anew, from its files alone."""
    from headstart.cli.show import Show

    show = Show(as_json)
    from headstart.artifact.find import find

    find(folder)  # before the slow imports
    with show.work():
        from headstart.runs.report import write_report

        path = write_report(folder, listen=show.listen)
    show.say(f"Written: {path}")
    show.finish({"run": str(folder), "report": str(path)})
