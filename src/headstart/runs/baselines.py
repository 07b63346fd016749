"""What costs almost nothing beside a run: models that learn the same rows without moving any pretrained weight."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
import torch

from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.errors import HeadstartError, reason_of
from headstart.core.interface import option
from headstart.core.offer import Offer
from headstart.core.progress import working
from headstart.core.recipe import LINEAR, SUPERVISED, Recipe, Stage
from headstart.core.types import Calibration, Event, Solved, Solving
from headstart.data.rows import Dataset
from headstart.data.transforms import make_transform
from headstart.engine.machine import place
from headstart.engine.optimisers import SOLVE
from headstart.engine.predict import embed, predict
from headstart.engine.solve import answers, solve_all
from headstart.features.frozen import KnownFeatures
from headstart.inputs import by_name
from headstart.models.model import Backbone, Model
from headstart.runs.network import Loaded, build_model, load_backbone
from headstart.runs.plan import Plan, make_plan
from headstart.runs.refit import whole
from headstart.runs.trained import train_in_passing
from headstart.runs.training import Setting
from headstart.solvers.knn import nearest

MOST_ROWS = 50_000  # of training: beyond them the features are cut so much that they say little
MEASURED = ("validation", "test")
MAJORITY, KNN, PROBE, SCRATCH, ALONE = "majority", "knn", "probe", "scratch", "alone"
FEATURES = "features"
Outputs = Mapping[str, Mapping[str, np.ndarray]]  # what a model gives, by split and target


class Artefact(NamedTuple):
    """What is saved of a baseline: a model that has learnt all rows that the run learnt, and the plan of it."""

    model: Model
    plan: Plan
    note: str


@dataclass(frozen=True)
class Fitted:
    """A baseline that has learnt the rows that the run learnt.

    name: in tables and messages. what: it does, in words. take: the options that make a run of it; "" where none do.
    pretrained: whether it uses what the source has learnt. outputs: decoded, before calibration; those of test rows
    are of a fit of all labelled rows where the run ends with one. artefact: None where it is only compared.
    """

    name: str
    what: str
    take: str
    pretrained: bool
    outputs: Outputs
    calibrations: Mapping[str, Calibration]
    artefact: Artefact | None = None


@dataclass(frozen=True)
class Frozen:
    """A backbone that stays as it is, with the features of rows, [N, D] by split, and the plan to solve heads on it."""

    backbone: Backbone
    plan: Plan
    features: Mapping[str, np.ndarray]


def fit_baselines(setting: Setting, loaded: Loaded | None = None) -> tuple[list[Fitted], Frozen | None]:
    """Fit what a run is compared with: the constant answer, the source's features, starts without pretraining.

    Args:
        setting: Of the run; features that are known are not computed again.
        loaded: Sources that need not be loaded again.

    Returns:
        The baselines that there are, and the source with the features of all rows; None where it is not pretrained, or
        where there are too many rows.
    """
    data, recipe = setting.dataset, setting.plan.recipe
    if not data.task.predicted or not data.splits["train"].labels or not measured_splits(data):
        return [], None
    if any(target.new_classes for target in data.task.predicted.values()):
        return [_features(setting, loaded)], None
    made: list[Fitted] = [_majority(data, recipe)]
    rows = len(data.splits["train"])
    if rows > MOST_ROWS:
        why = f"there are {rows:,} training rows, more than {MOST_ROWS:,}"
        names = [f"{KNN} and {PROBE}", *(str(offer) for offer in _offers(data, recipe))]
        setting.listen(Event("note", f"no baselines {', '.join(names)} beside this run: {why}"))
        return made, None
    source = _of_source(setting, loaded)
    if source is not None:
        made.append(_knn(setting, source))
        if not is_probe(recipe):
            what = "the head solved on the source's features, which stay as they are"
            take = option("strategy", "linear_probe")
            take += "" if recipe.head.name == LINEAR.name else f" {option('head', LINEAR.name)}"
            made += _solved(setting, source, PROBE, what, take, pretrained=True)
    for offer in _offers(data, recipe):
        made += _of_offer(setting, offer)
    if recipe.scratch == "yes":
        made += _from_scratch(setting, loaded)
    return made, source


def measured_splits(data: Dataset) -> list[str]:
    """List the splits with labels by which a run is measured."""
    return [split for split in MEASURED if split in data.splits and data.splits[split].labels]


def learnt(data: Dataset, recipe: Recipe, split: str) -> Dataset:
    """Return the data whose training rows are those that the model which is measured on a split has learnt."""
    return whole(data) if recipe.refit == "yes" and split == "test" else data


def _majority(data: Dataset, recipe: Recipe) -> Fitted:
    outputs: dict[str, dict[str, np.ndarray]] = {}
    for split in measured_splits(data):
        rows = learnt(data, recipe, split).splits["train"]
        shares = {
            name: target.as_outputs(rows.labels_of(name)).mean(axis=0) for name, target in data.task.predicted.items()
        }
        outputs[split] = {name: np.repeat(row[None], len(data.splits[split]), axis=0) for name, row in shares.items()}
    what = "the same answer for every row, by the training labels alone"
    return Fitted(MAJORITY, what, "", False, outputs, {name: Calibration() for name in data.task.predicted})


def _features(setting: Setting, loaded: Loaded | None) -> Fitted:
    """Take the source's features as they are for the answers, where the classes that are asked for are new."""
    recipe, data = setting.plan.recipe, setting.dataset
    backbone = load_backbone(recipe, data, loaded=loaded)
    model = place(build_model(recipe, data, backbone), setting.device)
    transform = make_transform(backbone.card.input, once=True)
    outputs = {
        split: dict.fromkeys(
            data.task.predicted,
            embed(model, data.splits[split], transform, precision=setting.precision, known=setting.known),
        )
        for split in measured_splits(data)
    }
    what = "the source's features as they are: nothing is learnt"
    pretrained = bool(backbone.card.sha256)
    return Fitted(FEATURES, what, "", pretrained, outputs, {name: Calibration() for name in data.task.predicted})


def _offers(data: Dataset, recipe: Recipe) -> list[Offer]:
    """List the modality's own starts without pretraining, but for the one that the run is itself."""
    own = (recipe.source.name if recipe.source else "", recipe.head.name)
    found = by_name(data.task.modality).baselines(data.splits["train"].inputs)
    return [offer for offer in found if (offer.source, offer.head) != own]


def is_probe(recipe: Recipe) -> bool:
    """Return whether a run is a solved linear head on the source's features, as the probe is."""
    solved = all(s.optimiser == SOLVE and s.objective.name == SUPERVISED.name for s in recipe.stages)
    return recipe.head.name == LINEAR.name and solved


def _of_source(setting: Setting, loaded: Loaded | None) -> Frozen | None:
    """Load the run's source again, as it was before training, and compute the features that are not known."""
    recipe, data = setting.plan.recipe, setting.dataset
    backbone = load_backbone(recipe, data, loaded=loaded)
    if not (backbone.card.sha256 and backbone.card.params):
        return None
    pooling = {name: value for name, value in recipe.head.options.items() if name == "pooling"}
    frozen = _frozen(setting, dataclasses.replace(recipe, head=Choice(LINEAR.name, pooling)), backbone, setting.known)
    if frozen is not None and not all(np.isfinite(found).all() for found in frozen.features.values()):
        setting.listen(Event("warning", f"no baselines {KNN} and {PROBE}: features of the source are not finite"))
        return None
    return frozen


def _of_offer(setting: Setting, offer: Offer) -> list[Fitted]:
    """Fit one of the modality's own starts."""
    recipe = dataclasses.replace(
        setting.plan.recipe, source=Choice(offer.source), head=Choice.parse(offer.head, "head"), surgery=()
    ).with_surgery(offer.surgery)
    take = option("source", offer.source)
    take += "" if recipe.head == LINEAR else f" {option('head', offer.head)}"
    try:
        frozen = _frozen(setting, recipe, load_backbone(recipe, setting.dataset), None)
    except HeadstartError as error:
        setting.listen(Event("note", f"no baseline {offer} beside this run: {reason_of(error)}. Try it: {take}"))
        return []
    what = f"no pretraining: {offer.why}"
    return [] if frozen is None else _solved(setting, frozen, str(offer), what, take, pretrained=False)


def _from_scratch(setting: Setting, loaded: Loaded | None) -> list[Fitted]:
    """Train the run's network from random weights, in as many steps as its last stage: it costs as much again."""
    recipe, data = setting.plan.recipe, setting.dataset
    last = recipe.stages[-1]
    backbone = load_backbone(recipe, data, loaded=loaded)
    own = not backbone.card.sha256 or (last.strategy is not None and last.strategy.name == SCRATCH)
    why = "the run starts from random weights itself" if own else ""
    why = "only a head was solved, and the network was not trained" if last.optimiser == SOLVE else why
    if why:
        setting.listen(Event("note", f"no baseline {SCRATCH} beside this run: {why}"))
        return []
    stage = Stage(
        strategy=Choice(SCRATCH),
        steps=last.steps,
        epochs=None if last.steps else last.epochs,
        batch_size=last.batch_size,
        accumulate=last.accumulate,
        augment=last.augment,
        imbalance=last.imbalance,
        evaluate=last.evaluate,
        patience=last.patience,
    )
    recipe_of_it = dataclasses.replace(recipe, stages=(stage,), refit="no")
    plan = make_plan(recipe_of_it, data, pretrained=True, backbone=backbone)
    with working("training the same network from random weights"):
        model = train_in_passing(plan, data, backbone, setting.precision, setting.stop)
    transform = make_transform(backbone.card.input, once=True)
    outputs = {
        split: predict(model, data.splits[split], transform, precision=setting.precision)
        for split in measured_splits(data)
    }
    what = "the same network from random weights, in as many steps, at the rate of the strategy scratch"
    what += "; it has not learnt the validation rows" if recipe.refit == "yes" else ""
    artefact = Artefact(model, plan, "trained from random weights")
    return [
        Fitted(SCRATCH, what, option("strategy", SCRATCH), False, outputs, _calibrations(data, outputs, {}), artefact)
    ]


def _frozen(setting: Setting, recipe: Recipe, backbone: Backbone, known: KnownFeatures | None) -> Frozen | None:
    """Plan to solve heads on a backbone that stays as it is, and compute its features; None where none can be."""
    data = setting.dataset
    for imbalance in dict.fromkeys([recipe.stages[-1].imbalance, "none"]):  # focal loss has no solution
        stages = (Stage(strategy=Choice("linear_probe"), imbalance=cast(Any, imbalance)),)
        plan = make_plan(
            dataclasses.replace(recipe, stages=stages),
            data,
            pretrained=bool(backbone.card.sha256),
            fixed=not backbone.card.params,
            backbone=backbone,
        )
        if plan.recipe.stages[0].optimiser == SOLVE:
            break
    else:
        return None
    model = place(build_model(plan.recipe, data, backbone), setting.device)
    transform = make_transform(backbone.card.input, once=True)
    features = {
        split: embed(model, data.splits[split], transform, precision=setting.precision, known=known)
        for split in ("train", *measured_splits(data))
    }
    return Frozen(backbone, plan, features)


def solve_heads(
    setting: Setting, frozen: Frozen, data: Dataset, features: np.ndarray, chosen: Mapping[str, Solved] | None = None
) -> tuple[Model, dict[str, Solved]]:
    """Solve a head for each target on features of the training rows of some data.

    Args:
        setting: Of the run.
        frozen: The backbone.
        data: Whose training rows are learnt, N.
        features: Of these, [N, D].
        chosen: Heads whose penalty is taken, not chosen again.

    Returns:
        The model, and how each head was solved.
    """
    train, recipe = data.splits["train"], frozen.plan.recipe
    model = place(build_model(recipe, data, frozen.backbone), setting.device)
    options = plugins.build("objectives", "supervised", {}).loss_options
    wanted = Solving(options, recipe.stages[0].imbalance, recipe.seed, data.groups_of(train))
    before = {name: each.chosen for name, each in (chosen or {}).items()}
    solved = solve_all(model, features, train, wanted, before)
    assert solved is not None  # it is planned so
    return model, solved


def _solved(setting: Setting, frozen: Frozen, name: str, what: str, take: str, *, pretrained: bool) -> list[Fitted]:
    """Solve heads on features, once for validation rows, and once more on all rows where the run ends with that."""
    data, features, recipe = setting.dataset, frozen.features, frozen.plan.recipe
    model, solved = solve_heads(setting, frozen, data, features["train"])
    outputs: dict[str, dict[str, np.ndarray]] = {}
    if "validation" in features:
        outputs["validation"] = answers(model, data.splits["validation"], features["validation"])
    left_out = {
        target: head.decode(torch.from_numpy(solved[target].out_of_fold)).numpy()
        for target, head in model.by_target().items()
    }
    calibrations = _calibrations(data, outputs, left_out)
    if recipe.refit == "yes" and "validation" in data.splits:
        together = np.concatenate([features["train"], features["validation"]])
        model, solved = solve_heads(setting, frozen, whole(data), together, solved)
    if "test" in features:
        outputs["test"] = answers(model, data.splits["test"], features["test"])
    notes = "; ".join(dict.fromkeys(found.note for found in solved.values()))
    artefact = Artefact(model, frozen.plan, notes)
    return [Fitted(name, what, take, pretrained, outputs, calibrations, artefact)]


def _knn(setting: Setting, frozen: Frozen) -> Fitted:
    """Answer by the nearest training rows; it is only compared, as its model would hold the rows."""
    data, features = setting.dataset, frozen.features
    outputs: dict[str, dict[str, np.ndarray]] = {split: {} for split in measured_splits(data)}
    left_out, counts = {}, {}
    for name, target in data.task.predicted.items():
        for split in outputs:
            own = learnt(data, frozen.plan.recipe, split)
            rows = own.splits["train"]
            among = features["train"] if own is data else np.concatenate([features["train"], features["validation"]])
            found = nearest(
                among[rows.places(name)],
                target.as_outputs(rows.labels_of(name)),
                [features[split]],
                seed=frozen.plan.recipe.seed,
                groups=own.groups_of(rows.of(name)),
            )
            outputs[split][name] = found.answers[0].astype(np.float32)
            if own is data:
                left_out[name] = rows.among_all(name, found.left_out, np.nan)
            counts[name] = found.count
    shown = ", ".join(map(str, dict.fromkeys(counts.values())))
    what = f"the mean over the {shown} nearest training rows, by the angle between the source's features"
    return Fitted(KNN, what, "", True, outputs, _calibrations(data, outputs, left_out))


def _calibrations(data: Dataset, outputs: Outputs, left_out: Mapping[str, np.ndarray]) -> dict[str, Calibration]:
    """Calibrate as the run does, on the validation rows; without them on training rows that were left out."""
    made = {}
    for name, target in data.task.predicted.items():
        if "validation" in outputs:
            rows = data.splits["validation"]
            known = name in rows.targets
            given = (rows.labels_of(name), outputs["validation"][name][rows.places(name)]) if known else (None, None)
            made[name] = target.calibrate(*given)
            continue
        found = left_out.get(name, np.empty((0, 0)))
        asked = np.flatnonzero(np.isfinite(found).all(axis=1))
        labels = data.splits["train"].take(asked).labels[name]
        made[name] = target.calibrate(labels, found[asked]) if len(asked) else Calibration()
    return made
