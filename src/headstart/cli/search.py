"""headstart search: what is nearest to an example."""

from __future__ import annotations

from typing import Annotated

import typer

from headstart.core.counting import counted


def search(
    folder: Annotated[str, typer.Argument(help="Folder of a run or of a saved model.")],
    query: Annotated[list[str], typer.Argument(help="What to look for: files, a folder, texts.")],
    among: Annotated[str, typer.Option("--in", help="Where: a folder or a table.")],
    k: Annotated[int, typer.Option("--k", min=1, help="How many to show for each.")] = 10,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:NUMBER.")] = "auto",
    workers: Annotated[int, typer.Option(min=0, help="Processes that load data.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")] = False,
) -> None:
    """Find the nearest examples by the angle of their embeddings.

    Example: headstart search runs/photos-full-1 new.jpg --in photos
    """
    from headstart.cli.show import Show

    show = Show(as_json)
    from headstart.artifact.find import find

    find(folder)  # before the slow imports
    with show.work():
        from headstart.artifact.load import load
        from headstart.cli.predict import examples

        predictor = load(folder, device=device)
        found = predictor.search(examples(query, predictor.task), among, k=k, workers=workers)
    rows = [(each.query, hit.name, f"{hit.similarity:.3f}") for each in found for hit in each.hits]
    show.table(f"nearest to {counted(len(found), 'examples')}", ("query", "found", "similarity"), rows, words="found")
    show.finish({"run": folder, "in": among, "found": [each.to_plain() for each in found]})
