"""What one pass of a source over labelled rows shows: its scores, how good a linear probe is, and what it costs."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.errors import DataError, HeadstartError, reason_of
from headstart.core.offer import Offer
from headstart.core.recipe import Recipe
from headstart.core.types import Score, Target, Transferability
from headstart.data.rows import Dataset, Rows
from headstart.data.transforms import Transform, make_transform
from headstart.engine.cost import Cost, measure_cost
from headstart.engine.machine import choose_threads, threads
from headstart.engine.predict import embed, embed_stages
from headstart.evaluation.metrics import evaluate
from headstart.evaluation.quick import mean_score, rated
from headstart.evaluation.results import Interval
from headstart.evaluation.tables import interval_text
from headstart.features.frozen import KnownFeatures
from headstart.models.model import Backbone, Model
from headstart.runs.choose import out_of_fold, with_offer
from headstart.runs.network import Loaded, build_model, load_backbone
from headstart.solvers.threads import one_thread
from headstart.transferability._seen import Seen

FEW, DIVISIONS = 500, 5  # rows, of so few of which the probe is cross-validated so often
RESAMPLES = 200  # of the rows, for the interval of the probe's figure
UNTRAINED = "it has no pretrained weights: there is nothing to score"
EVIDENCE = "ridge"  # the score that is told of each layer


@dataclass(frozen=True)
class Probe:
    """A linear probe whose every prediction is of a row that it was not fitted on.

    score: the figure by which models are chosen, with its noise. figure: the primary metric with its interval; of
    several targets the first one's. outputs: by target, decoded, of the rows in order, by the first division of them.
    """

    score: Score
    metric: str
    figure: Interval
    outputs: Mapping[str, np.ndarray]


def told(probe: Probe) -> str:
    """Write a probe's figure with its interval: "0.94 (0.91 to 0.96)"."""
    value, interval = interval_text(probe.figure)
    return f"{value} ({interval})"


@dataclass(frozen=True)
class Looked:
    """A source that was looked at, or why it could not be.

    rows: how many labelled rows it saw. scores: by name, higher is better; what is not defined is left out. layers: the
    same by stage, where it was asked. cost: measured here. seconds: what looking took; scoring: what of it the scores
    took, and passing the features. error: why it is left out; "" where it is not.
    """

    offer: Offer
    name: str = ""
    params: int = 0
    rows: int = 0
    scores: Mapping[str, float] = field(default_factory=dict)
    layers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    probe: Probe | None = None
    cost: Cost | None = None
    seconds: float = 0.0
    scoring: float = 0.0
    passing: float = 0.0
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is a probe to compare it by."""
        return self.probe is not None


def look(
    recipe: Recipe,
    data: Dataset,
    offer: Offer,
    rows: Rows,
    *,
    known: KnownFeatures | None = None,
    loaded: Loaded | None = None,
    layers: bool = False,
) -> tuple[Looked, Transform | None]:
    """Compute a source's features of labelled rows once, and score them.

    Args:
        recipe: Takes the place of what the offer leaves open.
        data: What the rows are of.
        offer: The source.
        rows: Labelled rows.
        known: Features that need not be computed again; takes those that are.
        loaded: Sources that need not be loaded again; takes this one.
        layers: Whether each stage is scored, too.

    Returns:
        What was seen; a source that cannot be used is given with its error. And the transform that holds the decoded
        rows, so that the next source that takes the same need not decode them again.
    """
    began = time.monotonic()
    own = dataclasses.replace(with_offer(recipe, offer), head=Choice.parse(offer.head, "head"))
    try:
        backbone = load_backbone(own, data, loaded=loaded)
        if backbone.card.params and not backbone.card.sha256:
            return Looked(offer, backbone.card.name, backbone.card.params, error=UNTRAINED), None
        model = build_model(own, data, backbone)
        transform = make_transform(backbone.card.input)
        with threads(choose_threads(backbone.card.params)):
            cost = measure_cost(model, rows, transform)
            before = time.monotonic()
            features = embed(model, rows, transform, known=known)
            passing = time.monotonic() - before
            found, scoring = score_all(data, features, rows, backbone)
            by_stage = _layers(model, data, rows, transform) if layers else {}
            divisions = DIVISIONS if len(rows) <= FEW else 1
            outputs = out_of_fold(model, features, rows, own, data.groups_of(rows), divisions=divisions)
    except DataError:  # what is wrong with the rows is wrong for every source
        raise
    except HeadstartError as error:
        return Looked(offer, error=reason_of(error).partition(". ")[0], seconds=time.monotonic() - began), None
    probe = measured_probe(data, rows, outputs, recipe.seed) if outputs else None
    card, seconds = backbone.card, time.monotonic() - began
    why = "" if probe is not None else f"the head '{offer.head}' has no solution for this loss"
    return Looked(
        offer, card.name, card.params, len(rows), found, by_stage, probe, cost, seconds, scoring, passing, why
    ), transform


def measured_probe(data: Dataset, rows: Rows, divisions: Sequence[Mapping[str, np.ndarray]], seed: int) -> Probe:
    """Measure what a probe gave rows that it was not fitted on.

    Figures are means over the divisions of the rows into folds, so that none hangs on one of them. Their noise is that
    of the rows, which all divisions share: it is estimated for each, and the mean is no smaller for their number.

    Args:
        data: What the rows are of.
        rows: N labelled rows.
        divisions: Of each by target, decoded.
        seed: Of the resamples.

    Returns:
        The probe.
    """
    name, target = next(iter(data.task.predicted.items()))
    figures, scores, answered, primary = [], [], [], ""
    for outputs in divisions:
        found = np.isfinite(outputs[name]).all(axis=1)
        asked = np.flatnonzero(np.where(rows.known.get(name, True), found, True))
        some, own = rows.take(asked), {each: values[asked] for each, values in outputs.items()}
        answered.append(own)
        of, places = some.of(name), some.places(name)
        groups = data.groups_of(of)
        measured = evaluate(target, of.labels[name], own[name][places], seed=seed, resamples=RESAMPLES, groups=groups)
        primary = measured.primary
        figures.append(measured.metrics[primary])
        scores.append(rated(data.task, some, own, least=0))
    return Probe(mean_score(scores), primary, _mean_interval(figures), answered[0])


def _mean_interval(figures: Sequence[Interval]) -> Interval:
    parts = [[getattr(each, name) for each in figures] for name in ("value", "low", "high")]
    return Interval(*(None if None in values else float(np.mean(values)) for values in parts))


def score_all(
    data: Dataset, features: np.ndarray, rows: Rows, backbone: Backbone | None = None
) -> tuple[dict[str, float], float]:
    """Compute every score that is defined for features, as the mean over the targets.

    Args:
        data: What the rows are of.
        features: Of N rows, [N, D].
        rows: The rows, labelled.
        backbone: What gave the features; of a stage in its middle None, which has no classifier and no card.

    Returns:
        The scores by name, and the seconds that they took.
    """
    scorers: dict[str, Transferability] = {
        name: plugins.build("transferability", name, {}) for name in plugins.names("transferability")
    }  # the first of a process loads libraries, which is no cost of this model
    began = time.perf_counter()
    seen = [
        _seen(target, features[rows.places(name)], rows.labels_of(name), backbone)
        for name, target in data.task.predicted.items()
        if isinstance(rows.labels[name], np.ndarray)
    ]
    found = {}
    with one_thread():
        for name, score in scorers.items():
            values = [score.score(one) for one in seen if one.form in score.forms]
            if values and math.isfinite(mean := float(np.mean(values))):
                found[name] = mean
    return found, time.perf_counter() - began


def _seen(target: Target, features: np.ndarray, labels: Any, backbone: Backbone | None) -> Seen:
    source = None
    if backbone is not None and backbone.source_classifier is not None:
        weight, bias = backbone.source_classifier
        logits = torch.from_numpy(features).double() @ weight.cpu().double().T
        source = (logits if bias is None else logits + bias.cpu().double()).softmax(dim=1).numpy()
    params = 0 if backbone is None else backbone.card.params
    return Seen(features, labels, target.form, source=source, params=params)


def _layers(model: Model, data: Dataset, rows: Rows, transform: Transform) -> dict[str, dict[str, float]]:
    stages = embed_stages(model, rows, transform)
    return {stage: score_all(data, features, rows)[0] for stage, features in stages.items()}


def best_layer(looked: Looked) -> str:
    """Return the stage whose features tell the labels best, by leave-one-out ridge; of equal ones the later.

    Args:
        looked: A source that was looked at by layers.

    Returns:
        The stage's name; "" where there is none.
    """
    values = {stage: scores[EVIDENCE] for stage, scores in looked.layers.items() if EVIDENCE in scores}
    return max(reversed(list(values)), key=lambda stage: values[stage], default="")
