"""headstart fit: train, test and save a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.core.processes import count, rank
from headstart.core.stopping import Stop
from headstart.core.types import silent


def fit(
    context: typer.Context,
    data: Annotated[
        str | None,
        typer.Argument(help="Folder of images, table, folder of tables, or hf:NAME."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(help="The pretrained model (headstart list sources)."),
    ] = None,
    weights: Annotated[str | None, typer.Option(help="A safetensors file with the source's weights.")] = None,
    surgery: Annotated[
        list[str] | None,
        typer.Option(help="Change the network: 'cut after=X'. May be repeated."),
    ] = None,
    load_layers: Annotated[str | None, typer.Option(help="Take over only these layers; names or patterns.")] = None,
    strategy: Annotated[str | None, typer.Option(help="How weights may move: full, 'partial k=2' …")] = None,
    objective: Annotated[str | None, typer.Option(help="What is minimised: auto, or one of the list.")] = None,
    sharing: Annotated[str | None, typer.Option(help="What targets have of their own: soft, mmoe …")] = None,
    combine: Annotated[str | None, typer.Option(help="How several losses become one: pcgrad, mgda …")] = None,
    criterion: Annotated[str | None, typer.Option(help="What chooses the best step (headstart list criteria).")] = None,
    head: Annotated[str | None, typer.Option(help="The new part (headstart list heads).")] = None,
    recipe: Annotated[Path | None, typer.Option(help="A recipe in TOML; the options here change it.")] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="Any setting of the recipe: --set stages.0.strategy.k=2")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run, else runs/DATA-STRATEGY-NUMBER.")] = None,
    resume: Annotated[
        Path | None,
        typer.Option(help="Go on with the run in this folder."),
    ] = None,
    processes: Annotated[int, typer.Option(help="Processes that share the work.")] = 1,
    seed: Annotated[int | None, typer.Option(help="Decides everything random. By default 0.")] = None,
    reader: Annotated[str | None, typer.Option(help="How to read the data (headstart list readers).")] = None,
    label: Annotated[str | None, typer.Option(help="Column with the label; several with commas.")] = None,
    inputs: Annotated[str | None, typer.Option("--input", help="Column with the input; several with commas.")] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(help="Kind (headstart list targets); or a task, NAME=DATA."),
    ] = None,
    modality: Annotated[str | None, typer.Option(help=f"{', '.join(plugins.names('inputs'))}.")] = None,
    separator: Annotated[str | None, typer.Option(help="Between the labels in a cell of a multi-label task.")] = None,
    group: Annotated[str | None, typer.Option(help="Column whose equal values stay in one split.")] = None,
    validation: Annotated[
        float | None,
        typer.Option(help="Share of rows for validation where none are given."),
    ] = None,
    test: Annotated[float | None, typer.Option(help="Share of rows for the test where none are given.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of the table's text, for example latin-1.")] = None,
    source_domain: Annotated[str | None, typer.Option(help="Labelled domain; several with commas.")] = None,
    target_domain: Annotated[
        str | None, typer.Option(help="Domain that counts; its labels are for the test only.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="The task that counts; for adapt: its own data.")] = None,
    target_labels: Annotated[str | None, typer.Option(help="A few of its rows with labels: they are learnt.")] = None,
    transductive: Annotated[
        bool, typer.Option("--transductive", help="Test rows may be learnt from, without labels.")
    ] = False,
    unseen: Annotated[
        bool, typer.Option("--unseen", help="The target domain only tests (headstart generalise).")
    ] = False,
    unlabelled: Annotated[str | None, typer.Option(help="More rows, without labels: a folder or a table.")] = None,
    blank_labels: Annotated[
        str | None, typer.Option(help="Training rows without a label: refuse or unlabelled.")
    ] = None,
    epochs: Annotated[float | None, typer.Option(help="Passes over the training rows (first stage).")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps, in place of epochs (first stage).")] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate (first stage).")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples in a step (first stage).")] = None,
    augment: Annotated[str | None, typer.Option(help=f"Rows are shown: {', '.join(plugins.names('views'))}.")] = None,
    views: Annotated[int | None, typer.Option(min=0, help="Fixed views of a row; 0: new each epoch.")] = None,
    imbalance: Annotated[
        str | None,
        typer.Option(help="Rare classes: weights, sampler, focal, auto …"),
    ] = None,
    refit: Annotated[
        str | None,
        typer.Option(help="Learn validation rows once they chose: auto, yes, no."),
    ] = None,
    keep_better: Annotated[
        str | None,
        typer.Option(help="Save a baseline that is better: auto, yes, no."),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out rows that cannot be read, and list them.")
    ] = False,
    sources: Annotated[
        list[str] | None,
        typer.Option(help="Search these: source, pattern (package:*), list file."),
    ] = None,
    budget: Annotated[str | None, typer.Option(help="Time for search or training: 90s, 5m, 1h.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say why each candidate was kept or dropped.")] = False,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:NUMBER.")] = None,
    precision: Annotated[str | None, typer.Option(help="auto, float32 or bfloat16.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that load data.")] = None,
    cache_gb: Annotated[float | None, typer.Option(help="Most gigabytes of features on disk; 0: none.")] = None,
    folds: Annotated[int | None, typer.Option(help="Measure by cross-validation with so many folds.")] = None,
    repeats: Annotated[int, typer.Option(help="With --folds: how often rows are divided.")] = 1,
    log: Annotated[
        list[str] | None,
        typer.Option(help="Send figures to a tracker (headstart list trackers)."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, print the whole recipe, and stop.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show every figure and each step of the way.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")] = False,
) -> None:
    """Train, test and save a model.

    Example: headstart fit photos/ (searches for source and method)
    """
    from headstart.cli.going_on import telling_launcher
    from headstart.cli.launch import launch
    from headstart.cli.show import Show
    from headstart.core.durations import seconds_of
    from headstart.core.ranges import check_numbers
    from headstart.core.recipe import Recipe, parse_setting
    from headstart.core.words import PATHS, crossed, named_tasks, recipe_of
    from headstart.runs.resuming import begun_recipe, folds_recipe
    from headstart.selection.asked import asked as asked_of
    from headstart.selection.asked import is_plain
    from headstart.selection.wanted import check_search, is_open, wanted_of

    show = Show(as_json, verbose=verbose)
    kind, tasks = named_tasks(task or [])
    words = {word: value for word, value in locals().items() if word in PATHS}
    words |= {
        "input": inputs,
        "task": kind,
        "skip_bad": skip_bad or None,
        "transductive": transductive or None,
        "unseen": unseen or None,
        "budget": budget and seconds_of(budget),
    }
    check_numbers({"processes": processes, "folds": folds, "repeats": repeats})
    if processes > 1 and folds is not None:
        raise UsageError("--folds makes its runs one after another in one process: leave --processes away.")
    if folds is None and repeats > 1:
        raise UsageError("--repeats is for cross-validation: name --folds too.")
    settings = dict(parse_setting(text) for text in setting or [])
    begun = None
    asked = None if resume is None else asked_of(resume)
    if asked is not None:
        begun = Recipe.from_plain(asked.recipe)
    elif recipe is None and resume is not None:
        begun = begun_recipe(resume, data or tasks or None) if folds is None else folds_recipe(resume)
    also = {"load_layers": load_layers, "settings": settings, "tasks": tasks}
    plan = recipe_of(words, recipe=recipe or begun, surgery=surgery or (), **also)
    if folds is not None and recipe is None and begun is None:
        plan = crossed(plan, words, settings)
    from headstart.core import plugins
    from headstart.data.tasks import named, told
    from headstart.runs.begin import begin, check
    from headstart.runs.folder import check_folder
    from headstart.runs.track import parse_tracker, tracked

    trackers = [parse_tracker(text) for text in log or []]
    for tracker in trackers:
        plugins.build("trackers", tracker.name, tracker.options)
    alone = max(processes, count()) == 1 and folds is None and not dry_run and resume is None and not is_plain(out)
    wanted, plan = wanted_of(plan, sources, asked, alone=alone)
    if wanted is not None:
        check_search(folds=folds, processes=processes, count=count(), dry_run=dry_run, stages=len(plan.stages))
    elif explain:
        raise UsageError("--explain is for a search: name --sources, or neither --source nor how to train.")
    if folds is None:
        check_folder(out, resume)
    reading = told(named(data, plan))
    if processes > 1 and not dry_run:
        check(plan)
        launch(processes)
        return
    if not rank():  # before the slow imports
        show.note(f"reading {reading} …")
        context.call_on_close(show.close)
        show.open()
    begun = begin(data, plan, silent if rank() else show.listen)
    from headstart.runs.fit import fit as run_fit
    from headstart.runs.fit import prepare

    if dry_run:
        _, _, planned = prepare(begun, plan, show.listen)
        if rank():
            return
        if is_open(plan):
            show.note("without --dry-run such a fit searches for source and method; a plain fit would do this:")
        show.say(planned.recipe.to_toml(), as_is=True)
        show.finish({"recipe": planned.recipe.to_plain()})
        return
    stop = context.obj if isinstance(context.obj, Stop) else Stop()
    again = {"folds": folds, "repeats": repeats if repeats > 1 else None, "processes": count() if count() > 1 else None}
    stop.again = {name: value for name, value in again.items() if value is not None}
    measured = None
    try:
        with tracked([] if rank() else trackers, show.listen) as listen:
            listen = telling_launcher(stop, listen)
            if wanted is not None:
                from headstart.selection.search import search

                run = search(begun, plan, wanted, out=out, resume=resume, listen=listen, stop=stop, began=show.began)
            elif folds is None:
                run = run_fit(begun, plan, out=out, resume=resume, listen=listen, stop=stop)
            else:
                from headstart.runs.folds import cross_validate

                measured = cross_validate(
                    begun, plan, k=folds, repeats=repeats, out=out, resume=resume, listen=listen, stop=stop
                )
                run = measured.final
    finally:
        show.close()
    if rank():  # the first process tells
        return
    from headstart.cli.results import show_run

    show_run(show, run, measured)
    if explain and asked_of(run.folder) is None:
        show.note("nothing to explain: without labels or a pretrained source there was no search")
    elif explain:
        from headstart.evaluation.report.search import HEADS
        from headstart.selection.explain import explain as explained

        told = explained(run.folder)
        show.table("what was tried", HEADS, told.rows, words=HEADS[-1])
        for line in told.said:
            show.say(line)
    show.finish(run.to_plain() | ({} if measured is None else {"folds": measured.to_plain()}))
