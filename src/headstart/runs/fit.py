"""Fit: from data to a tested, saved model in the folder of a run."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from headstart.artifact.load import load
from headstart.artifact.predictor import Predictor
from headstart.core import storage
from headstart.core.errors import BadRows
from headstart.core.progress import told_to, working
from headstart.core.recipe import Recipe
from headstart.core.stopping import Stop
from headstart.core.types import Card, Event, Listener, silent
from headstart.data.left_out import written
from headstart.data.rows import Dataset
from headstart.data.tasks import read_data
from headstart.engine.distributed import World, connect, disconnect
from headstart.engine.feed import Workers
from headstart.engine.job import Outcome
from headstart.engine.machine import check_processes, choose_device, choose_threads, threads
from headstart.features.frozen import KnownFeatures
from headstart.models.model import Backbone
from headstart.runs.answers import check_room, told_cut_labels
from headstart.runs.begin import Begun, begin
from headstart.runs.choices import keeping, kept
from headstart.runs.choose import choose_start, with_network
from headstart.runs.defaults import with_usual_head
from headstart.runs.evaluate import (
    Results,
    evaluate_splits,
    headlines,
    metrics_plain,
    write_results,
)
from headstart.runs.features import known_features
from headstart.runs.folder import MODEL, TRANSFERRED, Claim, check_folder, claimed, read_json
from headstart.runs.forms import choose_form
from headstart.runs.gain import Gain, beside
from headstart.runs.keep import Final, choose_keeping, settle
from headstart.runs.known import check_cut, check_known
from headstart.runs.network import Loaded, build_model, load_backbone
from headstart.runs.observe import Before, observe_after, observe_before
from headstart.runs.plan import Plan, check_names, check_shards, make_plan, views_of
from headstart.runs.precision import with_precision
from headstart.runs.refit import CHOSEN, REFIT
from headstart.runs.report import write_observed, write_report
from headstart.runs.run import Run
from headstart.runs.state import read as read_state
from headstart.runs.suited import suited
from headstart.runs.training import Raw, Setting, fit_first, fit_whole

LEFT_OUT = "left_out.csv"  # the rows of the data that could not be read


def prepare(
    data: Any,
    recipe: Recipe,
    listen: Listener = silent,
    known: KnownFeatures | None = None,
    loaded: Loaded | None = None,
) -> tuple[Dataset, Backbone, Plan]:
    """Check everything that can be checked before training: names, data, source, and how they fit.

    Args:
        data: What `begin` takes.
        recipe: The plan.
        listen: Is told what was inferred.
        known: Takes the features that starts and forms are compared on.
        loaded: Sources that need not be loaded again.

    Returns:
        The data, the backbone, and the plan with everything chosen.

    Raises:
        UsageError: A name, an option or a combination is wrong.
        DataError: Rows are wrong; all of them are named.
        SourceError: The source cannot be loaded.
    """
    check_names(recipe)
    choose_device(recipe.device)
    known = known or known_features(recipe, listen)
    begun = begin(data, recipe, listen)
    dataset, recipe = begun.dataset, begun.named_in(recipe)
    is_open = recipe.source is None
    recipe = with_usual_head(with_network(recipe, dataset, listen), dataset.task, listen)
    recipe = suited(recipe, dataset.task)
    try:
        recipe, backbone = _start(recipe, dataset, listen, known, loaded)
    except BadRows as error:  # that only the network knows to be so
        if isinstance(data, Dataset) or not all(plan.skip_bad for plan in recipe.plans.values()):
            raise
        bad = {problem.row: problem for problem in dataset.left_out} | error.rows
        again = begun.path if data is None or isinstance(data, Begun) else data
        dataset = read_data(again, recipe, bad=bad)
        listen(Event("note", dataset.notes[0]))
        recipe, backbone = _start(recipe, dataset, listen, known, loaded)
    card = backbone.card
    listen(Event("note", start_of(card)))
    told = [check(backbone, dataset, listen) for check in (check_known, check_cut)]
    dataset = dataclasses.replace(dataset, notes=(*dataset.notes, *filter(None, told)))
    pretrained = bool(card.sha256)
    plan = make_plan(recipe, dataset, pretrained=pretrained, fixed=not card.params, backbone=backbone, known=known)
    for note in plan.notes:
        listen(Event("note", note))
    formed = choose_form(plan, dataset, listen, known, additions=is_open and bool(card.sha256 and card.params))
    if formed is not plan and formed.recipe.surgery:
        backbone, plan = load_backbone(formed.recipe, dataset, listen, loaded), formed
    return dataset, backbone, dataclasses.replace(plan, recipe=choose_keeping(plan.recipe, is_open=is_open))


def _start(
    recipe: Recipe, dataset: Dataset, listen: Listener, known: KnownFeatures, loaded: Loaded | None
) -> tuple[Recipe, Backbone]:
    """Choose where to start, where the recipe leaves it open, and load it."""
    if recipe.source is None:
        recipe = choose_start(recipe, dataset, listen, known)
    return recipe, load_backbone(recipe, dataset, listen, loaded)


def fit(
    data: Any,
    recipe: Recipe,
    *,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    listen: Listener = silent,
    stop: Stop | None = None,
    known: KnownFeatures | None = None,
    loaded: Loaded | None = None,
    report: bool = True,
    until: int | None = None,
) -> Run:
    """Train, test and save a model.

    A run that was stopped goes on where it was, and ends as if it had not been: with `resume`, or of itself where
    `out` holds an unfinished run of the same recipe and data. Of several processes (docs/scale.md) the first one
    writes, tests and tells; the others return a run without metrics.

    Args:
        data: What `headstart.read` takes, or a `Dataset`, or what `begin` returned; None takes the recipe's path.
        recipe: The plan; what it leaves open is chosen.
        out: The run's folder, which must not hold a finished run; None makes one below `runs/`.
        resume: The folder of a run to go on with, in place of `out`; of a finished one the results are given again.
        listen: Is told what happens.
        stop: Lets a signal stop the run between two steps.
        known: Features of rows that need not be computed again; takes those that this run computes.
        loaded: Sources that need not be loaded again; takes this run's.
        report: Whether to look at the model before and after, and to draw the report.
        until: The step that the last stage ends after; its schedule is that of all its steps. None: all of them.

    Returns:
        The run, with its metrics.

    Raises:
        UsageError: A name, an option or a combination is wrong, or the folder holds another run.
        DataError: Rows are wrong; all of them are named.
        SourceError: The source cannot be loaded.
        StorageError: The folder cannot be written to, has no room, or another process uses it.
        TrainingError: A loss is not finite, or memory does not suffice.
    """
    stop = stop or Stop()
    check_folder(out, resume)
    recipe = _as_begun(recipe, resume or out)
    world, device = connect(choose_device(recipe.device))
    listen = listen if world.is_writer else silent
    known = known or known_features(recipe, listen, world)
    try:
        told: list[str] = []
        with told_to(listen):
            keep = keeping(listen, told)
            dataset, backbone, plan = prepare(data, recipe, keep, known, loaded)
            check_shards(plan, world.size, dataset.pools)
            check_processes(backbone.card.params, device)
            with threads(choose_threads(backbone.card.params)):
                plan = with_precision(plan, dataset, backbone, device, world, keep)
                claiming = claimed(resume or out, plan.recipe, dataset, world, device, listen)
                with claiming as claim, stop.working_on(str(claim.folder)):
                    setting = {
                        "world": world,
                        "device": device,
                        "listen": listen,
                        "stop": stop,
                        "known": known,
                        "loaded": loaded,
                        "report": report,
                        "until": until,
                    }
                    return _fit(claim, dataset, backbone, plan, told=told, **setting)
    finally:
        disconnect()


def _as_begun(recipe: Recipe, folder: str | Path | None) -> Recipe:
    """Take what the run in the folder chose, where the recipe leaves it open: start, format, refitting, keeping."""
    begun = None if folder is None else read_state(Path(folder))
    if begun is None:
        return recipe
    before = Recipe.from_plain(begun.recipe)
    if recipe.source is None:
        recipe = dataclasses.replace(recipe, source=before.source, head=before.head, surgery=before.surgery)
    chosen = {
        name: getattr(before, name) for name in ("refit", "precision", "keep_better") if getattr(recipe, name) == "auto"
    }
    return dataclasses.replace(recipe, **chosen)


def _fit(
    claim: Claim,
    dataset: Dataset,
    backbone: Backbone,
    plan: Plan,
    *,
    world: World,
    device: torch.device,
    listen: Listener,
    stop: Stop,
    told: Sequence[str],
    known: KnownFeatures,
    loaded: Loaded | None,
    report: bool,
    until: int | None,
) -> Run:
    started = time.monotonic()
    recipe = plan.recipe
    folder, begun, state = claim
    listen(Event("run", f"run: {folder}", {"folder": str(folder), "recipe": recipe.to_plain()}))
    if dataset.left_out and world.is_writer:
        storage.write_text(folder / LEFT_OUT, written(dataset.left_out))
        listen(Event("note", f"the rows that were left out: {folder / LEFT_OUT}"))
    model = build_model(recipe, dataset, backbone)
    check_room(model, dataset)
    for note in told_cut_labels(model, dataset):
        listen(Event("note", note))
    before, writes = None, world.is_writer and state.status != "finished"
    seen: Any = {"device": device, "precision": recipe.precision, "seed": recipe.seed, "known": known}
    if writes:
        told = kept(folder, told, begun=begun)
    if writes and report:
        before = observe_before(model, dataset, views=views_of(recipe), **seen)
    began = time.monotonic()
    setting = Setting(folder, dataset, plan, world, device, recipe.precision, listen, stop, known, until)
    raw: Raw = {}
    if state.status == "training":
        state, raw = fit_first(setting, model, state, resume=begun)
    if state.status == "refitting":
        state = fit_whole(setting, state)
    outcome, spent = state.ended, time.monotonic() - began
    if not world.is_writer:
        return Run(folder, dataset.task, recipe, {}, outcome, dataset.notes, outcome.seconds)
    final = _final(setting, raw, outcome, loaded, finished=not writes, compares=report or recipe.keep_better == "yes")
    predictor, recipe, gain = final.predictor, final.recipe, final.gain
    if final.unlike:
        dataset = dataclasses.replace(dataset, notes=(*dataset.notes, final.unlike))
    if final.instead is not None and before is not None:
        before = observe_before(final.instead, dataset, views=views_of(recipe), **seen)
    results: Results = {}
    workers = Workers(recipe.workers or 0, lambda text: listen(Event("warning", text)))
    metrics = evaluate_splits(
        predictor, dataset, seed=recipe.seed, results=results, raw=final.raw, workers=workers, known=known
    )
    if gain is not None and final.fitted and "test" in results:
        own = {"test": results["test"].raw}
        gain = beside(gain, dataset, "test", final.fitted, own, predictor.calibrations, seed=recipe.seed)
    seconds = outcome.seconds + time.monotonic() - started - spent
    heads = headlines(dataset.task, recipe.data, results, metrics, gain=gain)
    run = Run(folder, dataset.task, recipe, metrics, final.outcome, dataset.notes, seconds, gain, final.curve, heads)
    if writes:
        write_results(folder, dataset.task, metrics, results, predictor.calibrations)
        storage.write_text(folder / "run.json", json.dumps(run.to_plain(), indent=1, ensure_ascii=False))
        if before is not None:
            with working("drawing the report"):
                _write_report(run, before, predictor, dataset, results, told, known)
        for name in ("checkpoints", REFIT, CHOSEN):  # the model has what is worth keeping
            if (folder / name).exists():
                storage.remove_folder(folder / name)
        dataclasses.replace(state, status="finished").write(folder)
        said = f"report: {folder / 'report.html'}" if report else f"measured: {folder}"
        listen(Event("result", said, {"metrics": metrics_plain(metrics)}))
    return run


def _final(
    setting: Setting, raw: Raw, outcome: Outcome, loaded: Loaded | None, *, finished: bool, compares: bool
) -> Final:
    """Find the model that the run ends with; of a finished run it is there, with what was said of it."""
    folder, data, device = setting.folder, setting.dataset, str(setting.device)
    chosen = folder / CHOSEN  # the model that had not learnt the validation rows, where the other one has
    if chosen.is_dir() and not raw:
        rows = data.splits["validation"]
        raw = {"validation": load(chosen, device=device).raw_outputs(rows, known=setting.known)}
    if finished:
        predictor, said = load(folder / MODEL, device=device), read_json(folder / "run.json")
        gain = Gain.from_plain(said["gain"]) if "gain" in said else None
        return Final(predictor, raw, predictor.recipe, outcome, gain, curve=said.get("label_curve"))
    predictor = load(folder / (TRANSFERRED if (folder / TRANSFERRED).is_dir() else MODEL), device=device)
    if not compares:
        return Final(predictor, raw, setting.plan.recipe, outcome)
    return settle(setting, predictor, raw, outcome, loaded)


def _write_report(
    run: Run,
    before: Before,
    predictor: Predictor,
    dataset: Dataset,
    results: Results,
    told: Sequence[str],
    known: KnownFeatures,
) -> None:
    """Write what was seen, and the report."""
    seen = observe_after(
        before,
        predictor.model,
        dataset,
        {split: (output.rows, output.calibrated) for split, output in results.items()},
        moved=run.outcome.moved,
        calibrations=predictor.calibrations,
        precision=predictor.precision,
        seed=run.recipe.seed,
        known=known,
        cost={"seconds": run.seconds, "training_seconds": run.outcome.seconds},
        told=[note for note in told if note not in dataset.notes],
    )
    write_observed(run.folder, seen)
    write_report(run.folder)


def start_of(card: Card) -> str:
    """Write what a run starts from, for a person.

    Args:
        card: Of the source.

    Returns:
        Its name, its size, and what it was trained on before.
    """
    parts = [f"{card.params:,} parameters"] if card.params else []
    kind, _, own = card.source_task.partition(": ")
    if kind == "none":
        parts += [own, "no pretraining"]
    elif card.source_task:
        parts.append(f"pretrained: {card.source_task}")
    return f"source: {', '.join([card.name, *parts])}"
