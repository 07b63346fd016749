"""The model that a run ends with: what was trained, or a baseline that is better on the validation rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from headstart.artifact.load import load
from headstart.artifact.predictor import Predictor
from headstart.core.interface import option
from headstart.core.progress import working
from headstart.core.recipe import Recipe
from headstart.core.types import Event
from headstart.engine.job import Outcome
from headstart.engine.proof import fingerprints, what_moved
from headstart.models.model import Model
from headstart.runs.alone import train_alone
from headstart.runs.baselines import MAJORITY, PROBE, Artefact, Fitted, Frozen, fit_baselines, is_probe, measured_splits
from headstart.runs.folder import MODEL, TRANSFERRED
from headstart.runs.gain import Gain, beside, none_yet
from headstart.runs.label_curve import label_curve
from headstart.runs.network import Loaded
from headstart.runs.training import Raw, Setting
from headstart.runs.unlike import check_alike

NOISE = 1.0  # standard errors of a difference, beyond which one is ahead


@dataclass(frozen=True)
class Final:
    """The model that a run ends with, and what is said of it.

    raw: what it gives for validation rows that it has not learnt. recipe, outcome: how it was made. fitted: the
    baselines of `gain`, in its order. curve: what more labels would gain, as plain data. instead: the baseline's model
    where one was kept. unlike: that the test rows look unlike the training rows, in words; "" where they do not.
    """

    predictor: Predictor
    raw: Raw
    recipe: Recipe
    outcome: Outcome
    gain: Gain | None = None
    fitted: Sequence[Fitted] = ()
    curve: Mapping[str, Any] | None = None
    instead: Model | None = None
    unlike: str = ""


def choose_keeping(recipe: Recipe, *, is_open: bool) -> Recipe:
    """Settle whether a baseline that is better is kept: "auto" is yes where the user named no source.

    Args:
        recipe: With everything else chosen.
        is_open: Whether the source was left open.

    Returns:
        The recipe, which says "yes" or "no".
    """
    if recipe.keep_better != "auto":
        return recipe
    return dataclasses.replace(recipe, keep_better="yes" if is_open else "no")


def settle(setting: Setting, predictor: Predictor, raw: Raw, outcome: Outcome, loaded: Loaded | None = None) -> Final:
    """Fit the baselines, compare them on the validation rows, and keep one that is better where the recipe says so.

    Args:
        setting: Of the run.
        predictor: What was trained.
        raw: What it gives for the validation rows, where that is known.
        outcome: How training ended.
        loaded: Sources that need not be loaded again.

    Returns:
        The model that the run ends with; it is saved.
    """
    recipe, data = setting.plan.recipe, setting.dataset
    with working("fitting the baselines"):
        fitted, source = fit_baselines(setting, loaded)
    fitted += train_alone(setting, outcome, loaded)
    if not fitted:
        return Final(predictor, raw, recipe, outcome)
    gain = none_yet(run_in_words(recipe), fitted)
    if "validation" in measured_splits(data):
        raw = raw or {"validation": predictor.raw_outputs(data.splits["validation"], known=setting.known)}
        gain = beside(gain, data, "validation", fitted, raw, predictor.calibrations, seed=recipe.seed)
    probe = next((each.outputs for each in fitted if each.name == PROBE), raw if is_probe(recipe) else {})
    with working("solving the head on fewer rows"):
        curve = label_curve(setting, source, probe.get("validation"), moved=_moved(outcome))
    unlike = _unlike(setting, source, predictor)
    final = Final(predictor, raw, recipe, outcome, gain, fitted, curve, unlike=unlike)
    main = recipe.main and data.task.key("validation", recipe.main)
    better, why = better_baseline(gain, fitted, main)
    if better is None or any(recipe.data.domains):  # validation rows of the source say little of the target
        return final
    if recipe.keep_better == "no":
        setting.listen(Event("note", f"{why} {option('keep-better', 'yes')} would save it instead."))
        return final
    return _kept(setting, final, gain, better, why)


def better_baseline(gain: Gain, fitted: Sequence[Fitted], main: str | None = None) -> tuple[Fitted | None, str]:
    """Find the baseline that is better than what was trained, by validation rows alone.

    It is ahead by more than one standard error of the paired difference for a target and behind by more for none; or,
    where what was trained is not ahead of the constant answer by more than that, it is not behind. Only one that can be
    saved counts.

    Args:
        gain: With what was measured on validation rows.
        fitted: Its baselines.
        main: The key of the target that counts; None: all targets do.

    Returns:
        The best one and why, in a sentence; None where there is none.
    """
    keys = [key for key in gain.measures if key.partition(":")[0] == "validation" and main in (None, key)]
    leads = {each.name: [gain.lead(gain[each.name], key) for key in keys] for each in fitted}
    known = {name: cast(list[float], found) for name, found in leads.items() if found and None not in found}
    useless = MAJORITY in known and max(known[MAJORITY]) <= NOISE
    found = []
    for each in fitted:
        if each.artefact is None or each.name not in known:
            continue
        lead = known[each.name]
        ahead = max(lead) <= NOISE and min(lead) < -NOISE
        if ahead or (useless and max(lead) <= 0):
            found.append((sum(lead), each, ahead))
    if not found:
        return None, ""
    _, best, ahead = min(found, key=lambda each: each[0])
    key = min(keys, key=lambda key: gain.lead(gain[best.name], key) or 0.0)
    rule = "more than one standard error" if ahead else f"{gain.run} is not ahead of the constant answer"
    plain = "" if best.pretrained else ", which needs no pretraining,"
    return (
        best,
        f"The baseline {best.name}{plain} is better than {gain.run} ({gain.change(gain[best.name], key)}; {rule}).",
    )


def run_in_words(recipe: Recipe) -> str:
    """Name what was trained: the source and the strategies."""
    strategies = " then ".join(stage.strategy.name for stage in recipe.stages if stage.strategy)
    return f"{strategies} of {recipe.source.name if recipe.source else 'the source'}"


def _unlike(setting: Setting, source: Frozen | None, predictor: Predictor) -> str:
    """Tell whether test rows look unlike the training rows, where features of both are known or cost nothing."""
    if source is None and predictor.model.backbone.card.params:
        return ""

    def features(split: str, places: np.ndarray) -> np.ndarray:
        if source is None:
            return predictor.features(setting.dataset.splits[split].take(places))
        return source.features[split][places]

    return check_alike(setting.dataset, features, setting.plan.recipe.seed, setting.listen)


def _moved(outcome: Outcome) -> bool:
    """Return whether more than heads moved."""
    return any(part["moved"] for name, part in outcome.moved.items() if not name.startswith("heads."))


def _kept(setting: Setting, final: Final, gain: Gain, better: Fitted, why: str) -> Final:
    """Save the baseline in the place of what was trained, which is put beside it."""
    made, folder = cast(Artefact, better.artefact), setting.folder
    gain = dataclasses.replace(gain, kept=better.name, why=f"{why} It is the saved model.")
    setting.listen(Event("note", f"the baseline {better.name} is kept; what was trained is in {folder / TRANSFERRED}"))
    if not (folder / TRANSFERRED).exists():
        (folder / MODEL).rename(folder / TRANSFERRED)
    dataclasses.replace(setting, plan=made.plan).save(folder / MODEL, made.model, better.calibrations)
    still = {name: hash for name, hash in fingerprints(made.model).items() if not name.startswith("heads.")}
    return dataclasses.replace(
        final,
        predictor=load(folder / MODEL, device=str(setting.device)),
        raw={"validation": better.outputs["validation"]},
        recipe=made.plan.recipe,
        outcome=dataclasses.replace(final.outcome, endings=(made.note,), once=(), moved=what_moved(made.model, still)),
        gain=gain,
        instead=made.model,
    )
