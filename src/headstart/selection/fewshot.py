"""`hs.fewshot`: how well new classes are told apart from a few examples of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headstart.core.recipe import Recipe
from headstart.core.types import Event, Listener
from headstart.core.words import PATHS, recipe_of
from headstart.drawing.listening import shown
from headstart.selection.answered import Answered
from headstart.selection.few_shot import few_shot


def fewshot(
    start: str | Path,
    data: Any = None,
    *,
    ways: int | None = None,
    shots: int = 1,
    queries: int | None = None,
    episodes: int = 600,
    novel: str | Sequence[str] = (),
    methods: str | Sequence[str] = (),
    label: str | Sequence[str] | None = None,
    input: str | Sequence[str] | None = None,
    task: str | None = None,
    seed: int | None = None,
    device: str | None = None,
    workers: int | None = None,
    recipe: Recipe | str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    progress: bool = True,
    verbose: bool = False,
    listen: Listener | None = None,
) -> Answered:
    """Answer episodes by every method that needs no training: what the command `headstart fewshot` does.

    Args:
        start: A source ("local:FOLDER"), or the folder of a run or of a saved model.
        data: As for `read`, with a class for each row; None is the run's own data.
        ways: Classes in an episode; None takes five, or all where there are fewer.
        shots: Rows of each class to learn from.
        queries: Rows of each to ask; None takes fifteen, or what the smallest class has left.
        episodes: How many.
        novel: The classes that episodes are made of; without any, those that were not learnt.
        methods: Such as "tim" or "nearest_mean centre=false"; without any, all (`headstart list few_shot`).
        label: Column with the class.
        input: Column with the text, image path or number, or several.
        task: The kind of task, where the classes are taken for something else.
        seed: Draws the episodes.
        device: "auto", "cpu", "cuda" …
        workers: Processes that load data.
        recipe: A whole recipe or its TOML file, which says how the data is read.
        settings: Any other setting by its path.
        progress: Whether to show what goes on.
        verbose: Whether details are shown, too.
        listen: Is told what happens, as `Event`s; nothing is shown then.

    Returns:
        The methods side by side: `found["tim"]`, `found.answers`, `found.save("fewshot.html")`.

    Raises:
        UsageError: A name or a number is wrong, or there are fewer classes than ways.
        DataError: Rows are wrong, or classes have too few of them; all are named.
        SourceError: The source cannot be loaded.
    """
    words = {name: value for name, value in locals().items() if name in PATHS}
    plan = recipe_of(words, recipe=recipe, settings=settings)
    named = [novel] if isinstance(novel, str) else novel
    texts = [methods] if isinstance(methods, str) else methods
    with shown(progress, verbose, listen) as hearer:
        found = few_shot(
            str(start),
            data,
            plan,
            ways=ways,
            shots=shots,
            queries=queries,
            episodes=episodes,
            novel=named,
            methods=texts,
            listen=hearer,
        )
        for line in found.said():
            hearer(Event("note", line))
    return found
