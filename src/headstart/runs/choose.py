"""Choose what a run starts from, where the recipe leaves it open: by cross-validation of what the sources offer.

Each offer's features are computed once, for the same labelled rows, and its head is solved on them; a network with
random weights is trained. The lowest cross-validated loss wins. Test rows are never looked at.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import torch

from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.errors import SourceError, StorageError, UsageError, first_few
from headstart.core.interface import option
from headstart.core.offer import Offer
from headstart.core.recipe import LINEAR, Recipe
from headstart.core.seeding import mix, numpy_generator
from headstart.core.types import Event, Listener, Score, Solving, Task, silent
from headstart.data.rows import Dataset, Rows, concatenate
from headstart.data.transforms import make_transform
from headstart.engine.predict import embed
from headstart.engine.solve import solve_all
from headstart.evaluation.quick import rated_by_loss
from headstart.features.frozen import KnownFeatures
from headstart.inputs import by_name
from headstart.models.model import Model
from headstart.models.offers import gather
from headstart.runs.network import build_model, load_backbone
from headstart.runs.trained import trained_loss

MOST_ROWS, MOST_OF_TABLES = 500, 1000  # that the offers are compared on; rows of numbers have no features to wait for


class Tried(NamedTuple):
    """An offer and the score of its cross-validated loss; None where it has none."""

    offer: Offer
    score: Score | None

    @property
    def loss(self) -> float:
        """The loss, infinite where there is none."""
        return math.inf if self.score is None else self.score.value


def choose_start(
    recipe: Recipe, data: Dataset, listen: Listener = silent, known: KnownFeatures | None = None
) -> Recipe:
    """Take the best of what the sources offer.

    Args:
        recipe: Without a source.
        data: The rows.
        listen: Is told what was tried, what was taken and how to take another.
        known: Takes the features that are computed.

    Returns:
        The recipe with a source, and with the head and the surgery that go with it.

    Raises:
        UsageError: No source offers anything for this data.
    """
    offers = gather(data.task, data.splits["train"].inputs)
    if recipe.head != LINEAR:
        offers = list(dict.fromkeys(dataclasses.replace(offer, head="linear") for offer in offers))
    if not offers:
        raise UsageError(
            f"No source offers a start for {data.task.modality} data. Name one: {option('source', 'timm:resnet18')}, "
            "hf:FOLDER_OR_ID, local:FOLDER/NAME, run:FOLDER or python:MODULE:FUNCTION (headstart list sources)."
        )
    return take_best(recipe, data, offers, listen, known)


def with_network(recipe: Recipe, data: Dataset, listen: Listener) -> Recipe:
    """Take the first pretrained network that is offered, where no source is named and a target's heads read more than
    pooled features.

    Such heads are not solved, by which other starts are compared.

    Args:
        recipe: Its source may be open.
        data: The rows.
        listen: Is told of the network.

    Returns:
        The recipe; as it was where a source is named, or heads on pooled features do.

    Raises:
        UsageError: No network is offered.
    """
    if recipe.source is not None or all(target.pooled for target in data.task.predicted.values()):
        return recipe
    offers = [offer for offer in gather(data.task, data.splits["train"].inputs) if offer.pretrained]
    if not offers:
        raise UsageError(f"No source is at hand for this kind of target: name one ({option('source')}).")
    first = dataclasses.replace(offers[0], head=LINEAR.name)
    listen(Event("note", f"start: {first}, the first network at hand (name another: {option('source')})"))
    return with_offer(recipe, first)


def take_best(
    recipe: Recipe,
    data: Dataset,
    offers: Sequence[Offer],
    listen: Listener,
    known: KnownFeatures | None = None,
) -> Recipe:
    """Compare offers on the labelled rows and take the best; a single one is taken as it is.

    Args:
        recipe: Takes the place of what the offer leaves open.
        data: The rows.
        offers: At least one, the plainest first: a later one is taken where it is ahead by more than noise.
        listen: Is told.
        known: Takes the features that are computed.

    Returns:
        The recipe with the best offer in it.
    """
    if len(offers) == 1 or not data.task.predicted:
        best, how = offers[0], offers[0].why
    else:
        rows = some_rows(data, recipe.seed)
        tried = [_try_forms(recipe, data, offer, rows, listen, known) for offer in offers]
        best, how = plainest_of_the_best(tried).offer, f"by cross-validation of {len(rows):,} rows"
        losses = first_few(f"{each.offer} {each.loss:.3f}" for each in sorted(tried, key=lambda each: each.loss))
        listen(Event("detail", f"cross-validated loss: {losses}", {"tried": {str(t.offer): t.loss for t in tried}}))
    listen(Event("note", f"start: {best}{f', {how}' if how else ''} (name another: {option('source')})"))
    return with_offer(recipe, best)


def plainest_of_the_best(tried: Sequence[Tried]) -> Tried:
    """Take the first, unless a later one is ahead of it by more than noise (`first_unless_beaten`)."""
    return tried[first_unless_beaten([each.score for each in tried])]


def first_unless_beaten(scores: Sequence[Score | None]) -> int:
    """Return the place of the first score, unless a later one is ahead of it by more than noise: one standard error
    (Breiman et al. 1984).

    Each is compared with the one that is held then, not with the best: of two that do not differ the noisier one would
    win otherwise.

    Args:
        scores: Of the same rows; the plainest or the cheapest first. None is what has no score.

    Returns:
        The place; 0 where there is no score at all.
    """
    held = next((place for place, score in enumerate(scores) if score is not None), 0)
    for place, score in enumerate(scores[held + 1 :], held + 1):
        best = scores[held]
        if score is not None and best is not None and score.ahead_of(best) > score.noise_beside(best):
            held = place
    return held


def with_offer(recipe: Recipe, offer: Offer) -> Recipe:
    """Return the recipe with an offer's source, head and surgery; a source or a head that the recipe names stays."""
    source = recipe.source or Choice.parse(offer.source, "source")
    head = Choice.parse(offer.head, "head") if recipe.head == LINEAR else recipe.head
    return dataclasses.replace(recipe, source=source, head=head).with_surgery(offer.surgery)


def some_rows(data: Dataset, seed: int) -> Rows:
    """Return a limited number of labelled rows, of training and validation, in their order."""
    most = MOST_OF_TABLES if by_name(data.task.modality).tabular else MOST_ROWS
    parts = [data.splits[name] for name in ("train", "validation") if name in data.splits]
    rows = concatenate(parts)
    if len(rows) <= most:
        return rows
    return rows.take(np.sort(numpy_generator(seed, "rows to choose by").permutation(len(rows))[:most]))


def try_offer(
    recipe: Recipe, data: Dataset, offer: Offer, rows: Rows, listen: Listener, known: KnownFeatures | None = None
) -> Tried:
    """Solve an offer's head on its features, or train it where the features are nothing yet.

    One that cannot be loaded here is told and loses.

    Args:
        recipe: Takes the place of what the offer leaves open.
        data: What the rows are of.
        offer: What is tried.
        rows: Labelled rows.
        listen: Is told.
        known: Takes the features that are computed; None forgets them.

    Returns:
        The offer with its loss.

    Raises:
        UsageError: The network does not take such data, or not such surgery.
    """
    own = dataclasses.replace(with_offer(recipe, offer), head=Choice.parse(offer.head, "head"))
    try:
        backbone = load_backbone(own, data)
    except (SourceError, StorageError) as error:
        listen(Event("warning", f"{offer} is left out: {error}"))
        return Tried(offer, None)
    groups = [data.groups.get(row, row) for row in rows.ids] if data.groups else None
    if backbone.card.params and not backbone.card.sha256:
        return Tried(offer, trained_loss(own, data, rows, groups))
    model = build_model(own, data, backbone)
    transform = make_transform(backbone.card.input)
    features = embed(model, rows, transform, known=known)
    return Tried(offer, cross_validated_loss(model, data.task, features, rows, recipe, groups))


def _try_forms(
    recipe: Recipe, data: Dataset, offer: Offer, rows: Rows, listen: Listener, known: KnownFeatures | None
) -> Tried:
    """Try an offer in each form in which such data can be shown, and return it with the least loss."""
    first, *others = by_name(data.task.modality).surgeries(data.task.inputs)
    best = try_offer(recipe, data, offer.after(first), rows, listen, known)
    for form in others if best.score is not None else ():
        with suppress(UsageError):  # this network cannot be changed so
            best = min(
                best, try_offer(recipe, data, offer.after(form), rows, listen, known), key=lambda each: each.loss
            )
    return Tried(offer, best.score)


def cross_validated_loss(
    model: Model, task: Task, features: np.ndarray, rows: Rows, recipe: Recipe, groups: Sequence[str] | None
) -> Score | None:
    """Score by their mean loss what solved heads give rows that they were not fitted on; as `out_of_fold`."""
    found = out_of_fold(model, features, rows, recipe, groups)
    return rated_by_loss(task, rows, found[0], least=0) if found else None


def out_of_fold(
    model: Model, features: np.ndarray, rows: Rows, recipe: Recipe, groups: Sequence[str] | None, *, divisions: int = 1
) -> list[dict[str, np.ndarray]]:
    """Solve a model's heads on features, and give what each row gets from the folds without it.

    Args:
        model: With heads that can be solved; it is changed.
        features: As the heads pool them, [N, D].
        rows: The same N rows, labelled.
        recipe: Its first stage says how rare classes are made up for.
        groups: Of each row.
        divisions: Into folds, at most. The first one chooses penalties for all; where nothing is chosen that could be
            kept, it is the only one.

    Returns:
        Of each division by target, decoded: probabilities [N, C] or values [N, T]; empty for a head that cannot be
        solved.
    """
    options = plugins.build("objectives", "supervised", {}).loss_options
    wanted = Solving(options, recipe.stages[0].imbalance, mix(recipe.seed, "choose"), groups, left_out=True)
    heads, made = model.by_target(), []
    solved = solve_all(model, features, rows, wanted)
    chosen = {} if solved is None else {name: found.chosen for name, found in solved.items()}
    while solved is not None:
        outs = {name: torch.from_numpy(found.out_of_fold) for name, found in solved.items()}
        made.append({name: heads[name].decode(out).numpy() for name, out in outs.items()})
        if len(made) >= divisions or None in chosen.values():
            break
        again = wanted._replace(seed=mix(recipe.seed, "choose", len(made)))
        solved = solve_all(model, features, rows, again, chosen)
    return made
