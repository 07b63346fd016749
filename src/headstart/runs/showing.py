"""Show some rows as a network sees them, and one row on its way into it, before any training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headstart import views as known_views
from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.core.recipe import Recipe
from headstart.core.types import Event, Listener, silent
from headstart.data.rows import Dataset
from headstart.data.tasks import named as named_data
from headstart.data.tasks import paths_of, read_data
from headstart.data.transforms import told_cut
from headstart.models.offers import gather
from headstart.runs.choose import with_offer
from headstart.runs.look import Shown, look
from headstart.runs.network import load_backbone

ROWS = 6


def show(
    data: Any,
    *,
    source: str | None = None,
    surgery: Sequence[str] = (),
    views: Sequence[str] = (),
    rows: int = ROWS,
    recipe: Recipe | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int | None = None,
    listen: Listener = silent,
) -> Shown:
    """Show some training rows as a network sees them: what the command `headstart show` does.

    Args:
        data: As for `read`, or a `Dataset`; several data sets by name are tasks, as for `fit`.
        source: The pretrained model; None takes the first one on this machine that fits such data.
        surgery: Operations on it, such as "adapt_input max_length=512".
        views: In which rows are shown, such as "weak"; by default all that show such data.
        rows: How many.
        recipe: A whole recipe, which the arguments here change.
        settings: Any other setting by its path, such as {"data.labels": "mood"}.
        seed: Decides which rows, and what is random in the views.
        listen: Is told what was inferred.

    Returns:
        The rows; a notebook shows the page.

    Raises:
        UsageError: A name or an option is wrong, or no source fits such data.
        DataError: Rows are wrong; all of them are named.
        SourceError: The source cannot be loaded.
    """
    if rows < 1:
        raise UsageError(f"{option('rows')} is how many rows are shown, at least 1; it is {rows}.")
    named = {"source": source, "seed": seed, **(settings or {})}
    tasks = {f"tasks.{name}.path": path for name, path in paths_of(data).items()}
    given = {path: value for path, value in named.items() if value is not None}
    plan = (recipe or Recipe()).with_settings({**tasks, **given})
    plan = plan.with_surgery(surgery)
    dataset = data if isinstance(data, Dataset) else read_data(named_data(data, plan), plan)
    for note in (note for note in dataset.notes if note not in dataset.aside):  # those are on the page
        listen(Event("note", note))
    train = dataset.splits["train"]
    if plan.source is None:
        offers = gather(dataset.task, train.inputs)
        if not offers:
            raise UsageError(
                f"No source offers a start for {dataset.task.modality} data. Name one with {option('source')}."
            )
        plan = with_offer(plan, offers[0])
        listen(Event("note", f"shown for {offers[0].source}; name another with {option('source')}"))
    backbone = load_backbone(plan, dataset, listen)
    expects = backbone.card.input
    cut = told_cut(list(dataset.splits.values()), expects)
    shown = list(views) or [name for name in plugins.names("views") if known_views.shows(name, type(expects))]
    return look(
        dataset, backbone.card, shown, rows=rows, seed=plan.seed, notes=[*dataset.aside, *([cut] if cut else [])]
    )
