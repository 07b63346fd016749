"""The end of a search: one of probes and trials is chosen on validation rows, and becomes the run."""

from __future__ import annotations

import dataclasses
import math
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from headstart.core import plugins, storage
from headstart.core.choice import Choice
from headstart.core.recipe import Recipe, Stage
from headstart.core.types import Event, Solving
from headstart.data.transforms import make_transform
from headstart.drawing.text import words
from headstart.engine.distributed import World
from headstart.engine.machine import choose_device
from headstart.engine.predict import embed
from headstart.engine.solve import answers, solve_all
from headstart.evaluation.quick import rated
from headstart.runs.begin import Begun
from headstart.runs.choose import first_unless_beaten, with_offer
from headstart.runs.fit import fit
from headstart.runs.folder import MODEL, RECIPE, SEARCH
from headstart.runs.network import build_model, load_backbone
from headstart.runs.refit import impossible
from headstart.runs.run import Run
from headstart.runs.state import describe
from headstart.runs.state import read as read_state
from headstart.selection import verify
from headstart.selection.candidates import PROBE, short
from headstart.selection.clock import Clock
from headstart.selection.found import Found
from headstart.selection.journal import Journal, Trial
from headstart.selection.trial import Setup
from headstart.selection.verify import read_outputs

FIRST = "first"  # in the search's folder: the run of the first probe
SCRATCH = 4  # times what a trial takes: from random weights the whole network learns, of which a trial may move a part
MOVED = ("checkpoints", "metrics.jsonl")  # of a trial that becomes the run


class Chosen(NamedTuple):
    """What becomes the run: a trial by its number, or the best probe. name, why: in words.

    probe: the score of the best probe on the validation rows, as JSON data. objective: by which a probe is
    solved.
    """

    trial: int | None
    name: str
    why: str
    probe: list[Any] | None = None
    objective: str = "supervised"


def probe_recipe(recipe: Recipe, found: Found, objective: str = "supervised") -> Recipe:
    """Return the recipe that solves a head on a source's features, by an objective."""
    minimised = Choice.parse(objective, "objective")
    stage = Stage(strategy=Choice(PROBE), objective=minimised, imbalance=recipe.stages[0].imbalance)
    own = dataclasses.replace(with_offer(recipe, found.offer), stages=(stage,), budget=None, keep_better=_keeps(recipe))
    return dataclasses.replace(own, head=Choice.parse(found.offer.head, "head"))


def keep_first(begun: Begun, recipe: Recipe, found: Found, folder: Path, setup: Setup) -> None:
    """Fit the probe of the best source so far, so that an interrupt leaves a model that predicts.

    Args:
        begun: The data; its test rows are left for the end.
        recipe: Takes the place of what the source leaves open.
        found: The source.
        folder: Of the run; takes the model.
        setup: Of the search.
    """
    place = folder / SEARCH / FIRST
    if (folder / MODEL).is_dir() or read_state(folder) is not None:  # once the run has begun, what is there is its own
        return
    state = read_state(place) if place.is_dir() else None
    if state is None or state.status != "finished":
        own, first = dataclasses.replace(begun, dataset=setup.dataset), probe_recipe(recipe, found)
        shared = {"stop": setup.stop, "known": setup.known, "loaded": setup.loaded, "report": False}
        fit(own, dataclasses.replace(first, keep_better="no"), out=place, **shared)
    with storage.new_folder(folder / MODEL, 0) as temporary:
        shutil.copytree(place / MODEL, temporary, dirs_exist_ok=True)
    setup.listen(Event("note", f"a first model, {short(found.offer)}: {found.figure}, is in {folder / MODEL}"))


def choose(journal: Journal, recipe: Recipe, found: Sequence[Found], setup: Setup, clock: Clock) -> Chosen:
    """Choose among the best probe and the trials, on rows that neither has learnt; of equal ones the cheaper.

    The trials are compared on the validation rows; of those that do not differ by more than noise the one counts that
    experience speaks for most, as they cost the same once they are trained. It and the probe are compared on these
    rows too, and where they are few, on as many folds of the training rows as there is time for.

    Args:
        journal: Has the trials.
        recipe: Of the search.
        found: Sources with probes, the best first.
        setup: Of the search.
        clock: Says what time is left.

    Returns:
        What becomes the run.
    """
    data = setup.dataset
    probe = Chosen(None, f"{short(found[0].offer)}: {PROBE}", "")
    trials = [trial for trial in journal.trials() if trial.score is not None and trial.step and not trial.ended]
    best = trials[first_unless_beaten([trial.score for trial in trials])] if trials else None
    outputs = None if best is None else read_outputs(journal.trial_folder(best.number))
    solved = None if outputs is None else probe_outputs(probe_recipe(recipe, found[0]), setup)
    if best is None or outputs is None or solved is None:
        return probe._replace(why=f"{found[0].figure}; nothing was fine-tuned")
    rows = data.splits["validation"]
    parts = [(rows, outputs, solved)]
    alone = rated(data.task, rows, solved, least=0).to_plain()
    if verify.is_needed(data):
        own, folder = Recipe.from_plain(dict(best.recipe)), journal.trial_folder(best.number)
        if best.over:
            ask = partial(probe_outputs, probe_recipe(recipe, found[0]))
            parts += verify.more_outputs(own, folder, setup, best.seconds, lambda: clock.left, ask)
    count = sum(len(part[0]) for part in parts)
    tuned = verify.pooled(data.task, [(part[0], part[1]) for part in parts])
    plain = verify.pooled(data.task, [(part[0], part[2]) for part in parts])
    noise = tuned.noise_beside(plain)
    figures = (
        f"{words(tuned.name)} {tuned.value:.4f} beside {plain.value:.4f} of the probe (standard error of the "
        f"difference {noise:.4f}), on {count:,} rows that neither had learnt"
    )
    chosen = Chosen(best.number, best.candidate.name, figures, alone)
    if first_unless_beaten([plain, tuned]):
        return chosen
    return probe._replace(why=f"{best.candidate.name} is not ahead by more than noise: {figures}", probe=alone)


def probe_outputs(recipe: Recipe, setup: Setup) -> dict[str, np.ndarray] | None:
    """Solve a source's head on the training rows, and give what it makes of the validation rows.

    Args:
        recipe: Names the source.
        setup: Of the search, or of one of its folds.

    Returns:
        By target, decoded; None for a head that cannot be solved.
    """
    data = setup.dataset
    backbone = load_backbone(recipe, data, loaded=setup.loaded)
    model = build_model(recipe, data, backbone)
    transform = make_transform(backbone.card.input)
    train, asked = data.splits["train"], data.splits["validation"]
    options = plugins.build("objectives", "supervised", {}).loss_options
    wanted = Solving(options, recipe.stages[0].imbalance, recipe.seed, data.groups_of(train))
    features = embed(model, train, transform, known=setup.known)
    if solve_all(model, features, train, wanted) is None:
        return None
    return answers(model, asked, embed(model, asked, transform, known=setup.known))


def finish(
    begun: Begun,
    recipe: Recipe,
    chosen: Chosen,
    found: Sequence[Found],
    folder: Path,
    journal: Journal,
    setup: Setup,
    clock: Clock,
) -> Run:
    """Make the run of what was chosen: a trial goes on from where it is, a probe is solved.

    Args:
        begun: The data, with its test rows.
        recipe: Of the search.
        chosen: What becomes the run.
        found: Sources with probes.
        folder: Of the run.
        journal: Has the trials.
        setup: Of the search.
        clock: Says whether there is time to learn the validation rows too.

    Returns:
        The finished run.
    """
    shared: dict[str, Any] = {"listen": setup.listen, "stop": setup.stop, "known": setup.known, "loaded": setup.loaded}
    shared["out" if read_state(folder) is None else "resume"] = folder
    if chosen.trial is None:
        return fit(begun, probe_recipe(recipe, found[0], chosen.objective), **shared)
    trial = next(each for each in journal.trials() if each.number == chosen.trial)
    own = Recipe.from_plain(dict(trial.recipe))
    if read_state(folder) is None:
        own = dataclasses.replace(own, refit=_refit(recipe, trial, begun, clock), keep_better=_keeps(recipe))
        own = dataclasses.replace(own, scratch=_scratch(recipe, own, trial, begun, clock))
        journal.put("refit", own.refit)
        journal.put("scratch", own.scratch)
        _promote(own, trial, begun, folder, journal)
    own = dataclasses.replace(own, refit=journal.get("refit"), keep_better=_keeps(recipe))
    own = dataclasses.replace(own, scratch=journal.get("scratch") or "no")  # a search that was begun before has none
    return fit(begun, own, until=trial.step, **shared)


def _keeps(recipe: Recipe) -> Literal["yes", "no"]:
    """Return whether a baseline that is better is kept: as the source was not named, unless that was refused."""
    return "no" if recipe.keep_better == "no" else "yes"


def _refit(recipe: Recipe, trial: Trial, begun: Begun, clock: Clock) -> str:
    """Decide whether all labelled rows are fitted at the end: where the recipe allows and time is left."""
    data, stages = begun.dataset, Recipe.from_plain(dict(trial.recipe)).stages
    if impossible(stages, [plugins.build("objectives", s.objective.name, s.objective.options) for s in stages]):
        return "no"
    if recipe.refit != "auto" or "validation" not in data.drawn:
        return recipe.refit if "validation" in data.splits and recipe.refit != "auto" else "no"
    share = len(data.splits["validation"]) / len(data.splits["train"])
    return "yes" if trial.seconds * (1 + share) * 1.1 < clock.left or math.isinf(clock.budget) else "no"


def _scratch(recipe: Recipe, own: Recipe, trial: Trial, begun: Begun, clock: Clock) -> Literal["yes", "no"]:
    """Decide whether the same network is trained from random weights beside the run: where time is left for it."""
    if recipe.scratch != "auto":
        return recipe.scratch
    splits = begun.dataset.splits
    again = 1 + len(splits["validation"]) / len(splits["train"]) if own.refit == "yes" else 0
    return "yes" if trial.seconds * (SCRATCH + again) * 1.1 < clock.left < math.inf else "no"


def _promote(recipe: Recipe, trial: Trial, begun: Begun, folder: Path, journal: Journal) -> None:
    """Make a trial the unfinished run of the folder; the state comes last, so that a half-made one is made again."""
    own = journal.trial_folder(trial.number)
    for name in MOVED:
        if (own / name).exists():
            if (folder / name).is_dir():
                storage.remove_folder(folder / name)
            (own / name).replace(folder / name)
    storage.write_text(folder / RECIPE, recipe.to_toml())
    describe(recipe, begun.dataset, device=choose_device(recipe.device), processes=World().size).write(folder)
