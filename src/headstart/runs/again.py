"""Look again at a run of an earlier version, which took down less of what it saw, while its data is there."""

from __future__ import annotations

from pathlib import Path

from headstart.artifact.load import load
from headstart.core.errors import DataError, UsageError
from headstart.core.progress import working
from headstart.data.tasks import read_data
from headstart.evaluation.report.facts import Facts, Observed
from headstart.evaluation.tables import frame_arrays
from headstart.runs.folder import read_predictions
from headstart.runs.look import look
from headstart.runs.mistakes import NO_ANSWERS, answers
from headstart.runs.plan import views_of
from headstart.runs.resuming import placed


def seen_again(folder: Path, facts: Facts) -> Observed:
    """Take down what runs of this version do: examples, what spoke for the mistakes, rows as the network sees them.

    Args:
        folder: A finished run.
        facts: What its files say.

    Returns:
        What was seen, completed.

    Raises:
        UsageError: Its data was in memory, or is no longer where it was.
        DataError: The data has changed, cannot be read, or is split otherwise by this version.
        StorageError: The model is damaged.
    """
    recipe = placed(facts.recipe, folder)
    paths = [plan.path for plan in recipe.plans.values()]
    if gone := [path for path in paths if path is None or not Path(path).exists()]:
        raise UsageError("its data was in memory" if None in gone else f"its data is no longer at {gone[0]}")
    with working("reading the data and the model again"):
        predictor = load(folder)
        card, seen = predictor.model.backbone.card, facts.observed
        data = read_data(None, recipe, task=predictor.task, expects=card.input)
        if data.fingerprint != predictor.fingerprint:
            raise DataError(f"its data in {recipe.title} has changed")
        split, told = seen["mistakes_of"], list(seen.get("told", []))
        found = NO_ANSWERS
        if split:
            frame = read_predictions(folder)
            ids, _, outputs = frame_arrays(predictor.task, frame.loc[frame["split"] == split])
            places = {row: place for place, row in enumerate(data.splits[split].ids)}
            if not places.keys() >= set(ids):
                raise DataError(f"its data in {recipe.title} is split otherwise by this version")
            rows = data.splits[split].take([places[row] for row in ids])
            found = answers(predictor.model, data.task, rows, outputs, predictor.calibrations, recipe.seed, told)
        shown = look(data, card, views_of(recipe), seed=recipe.seed).whole()
    return {**seen, **found, "shown": shown, "told": told}
