"""headstart evaluate: measure a saved model again."""

from __future__ import annotations

from typing import Annotated

import typer


def evaluate(
    folder: Annotated[str, typer.Argument(help="Folder of a run or of a saved model.")],
    data: Annotated[str | None, typer.Argument(help="Labelled rows; by default the run's own splits.")] = None,
    task: Annotated[str | None, typer.Option(help="One of several tasks, whose labels DATA has.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:NUMBER.")] = "auto",
    workers: Annotated[int, typer.Option(min=0, help="Processes that load data.")] = 0,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show every figure and each step of the way.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")] = False,
) -> None:
    """Measure a saved model on its own test rows, or on others."""
    from headstart.cli.show import Show

    show = Show(as_json, verbose=verbose)
    from headstart.artifact.find import find

    find(folder)  # before the slow imports
    with show.work():
        from headstart.cli.results import show_evaluations, show_headlines
        from headstart.runs.evaluate import evaluate_saved

        evaluated = evaluate_saved(folder, data, task=task, device=device, workers=workers, listen=show.listen)
    if verbose:
        show_evaluations(show, evaluated.evaluations)
    show_headlines(show, evaluated.headlines)
    if not verbose:
        show.note("Every figure: --verbose")
    show.finish(evaluated.to_plain())
