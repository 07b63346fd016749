"""Answer episodes of new classes by every method that needs no training, from features that are computed once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.counting import counted
from headstart.core.episodes import Draws
from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.core.recipe import Recipe
from headstart.core.types import Event, FewShot, Listener, silent
from headstart.few_shot._episodes import batches
from headstart.selection.answered import Answered, Answers
from headstart.selection.novel import ask, base_rows, sized


def few_shot(
    start: str,
    data: Any,
    recipe: Recipe,
    *,
    ways: int | None = None,
    shots: int = 1,
    queries: int | None = None,
    episodes: int = 600,
    novel: Sequence[str] = (),
    methods: Sequence[str] = (),
    listen: Listener = silent,
) -> Answered:
    """Answer episodes of classes that a source, or a run, has not learnt.

    Args:
        start: A source, or the folder of a run or of a saved model.
        data: What `begin` takes; None is the run's own.
        recipe: Says how the data is read; its seed draws the episodes.
        ways: Classes in an episode; None takes five, or all where there are fewer.
        shots: Rows of each to learn from.
        queries: Rows of each to ask; None takes fifteen, or what the smallest class has left.
        episodes: How many.
        novel: The classes that episodes are made of; without any, those that were not learnt.
        methods: Plug-ins with their options; without any, all.
        listen: Is told what goes on.

    Returns:
        The accuracy of each method.

    Raises:
        UsageError: A name or a number is wrong.
        DataError: Rows are wrong, or classes have too few of them.
        SourceError: The source cannot be loaded.
    """
    began = time.monotonic()
    if episodes < 1:
        raise UsageError(f"{option('episodes', episodes)}: there must be at least one.")
    chosen = _built(methods)
    run = None if _is_source(start) else Path(start)
    asked = sized(ask(data, recipe, run, novel, listen), ways, shots, queries)
    draws = Draws(asked.labels, asked.episode, (recipe.seed, "few shots"))
    places = np.stack([draws.draw(number) for number in range(episodes)])  # [E, W, K + Q]
    base = base_rows(asked, recipe.seed)
    needed, inverse = np.unique(np.concatenate([places.ravel(), base]), return_inverse=True)
    listen(Event("note", f"{asked.episode}, {episodes:,} of them, of {counted(asked.classes, 'classes')}{asked.base}"))
    from headstart.selection.features_of import features_of  # imports torch

    features = features_of(start, run, asked.data, asked.rows.take(needed), recipe, listen)
    mean = features[inverse[places.size :]].mean(axis=0) if len(base) else None
    passed = time.monotonic() - began
    answers = answered(features, inverse[: places.size].reshape(places.shape), shots, chosen, mean)
    return Answered(start, asked.episode, episodes, asked.classes, len(needed), answers, mean is not None, passed)


def answered(
    features: np.ndarray,
    places: np.ndarray,
    shots: int,
    methods: dict[str, FewShot],
    base: np.ndarray | None = None,
) -> list[Answers]:
    """Let each method answer all episodes.

    Args:
        features: [N, D].
        places: Of the rows of each episode by class, those to learn from first, [E, W, K + Q].
        shots: K.
        methods: By name.
        base: The mean of features of other classes, [D].

    Returns:
        What each came to.
    """
    right: dict[str, list[np.ndarray]] = {name: [] for name in methods}
    seconds = dict.fromkeys(methods, 0.0)
    for _, batch, truth in batches(features, places, shots, base):
        for name, method in methods.items():
            began = time.perf_counter()
            scores = method.scores(batch)
            seconds[name] += time.perf_counter() - began
            right[name].append((scores.argmax(axis=2) == truth).mean(axis=1))
    return [
        Answers(name, method.transductive, np.concatenate(right[name]), seconds[name])
        for name, method in methods.items()
    ]


def _built(methods: Sequence[str]) -> dict[str, FewShot]:
    """Build the methods by what they were called."""
    named = {text: Choice.parse(text, "method") for text in methods or plugins.names("few_shot")}
    return {text: plugins.build("few_shot", choice.name, choice.options) for text, choice in named.items()}


def _is_source(start: str) -> bool:
    """Return whether a source is named, and no folder."""
    prefix, colon, _ = start.partition(":")
    if not Path(start).exists() and not (colon and prefix in plugins.names("sources")):
        raise UsageError(f"{start} is no folder of a run, and no source (headstart list sources).")
    return not Path(start).exists()
