"""headstart export: write a saved model for another library."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    run: Annotated[str, typer.Argument(help="The folder of a run.")],
    to: Annotated[str, typer.Option(help="keras: a .keras file; transformers: a folder.")] = "keras",
    out: Annotated[Path | None, typer.Option(help="The file or folder; else in the run's folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")] = False,
) -> None:
    """Write a saved model for another library.

    Example: headstart export runs/photos-1 --to keras --out photos.keras
    """
    from headstart.artifact.find import find

    find(run)  # before the slow imports
    from headstart.cli.show import Show

    show = Show(as_json)
    with show.work():
        from headstart.artifact.export import about_file
        from headstart.artifact.export import export as write

        path = write(run, to=to, out=out)
        about = about_file(path)
    told = {"file": str(path), **({"about": str(about)} if about.exists() else {})}
    show.say(f"Written: {path}" + (f"; what it takes and gives: {about}" if "about" in told else ""))
    show.finish(told)
