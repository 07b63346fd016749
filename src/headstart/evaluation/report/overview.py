"""The parts of the report in words: headline, what was learnt from what, data, recipe, cost, how to run again."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from headstart.core import options
from headstart.core.choice import Choice
from headstart.core.recipe import Stage
from headstart.drawing.html import Left, Markup, classed, join, pairs, table, tag
from headstart.drawing.text import words
from headstart.evaluation.report.facts import Facts, TargetFacts, short_name
from headstart.evaluation.results import Interval
from headstart.evaluation.tables import interval_text
from headstart.models.cards import input_from_plain

MOST_CLASSES = 40
SAID = ("strategy", "objective", "steps", "epochs", "lr", "batch_size", "optimiser", "schedule", "augment", "evaluate")


def headline(facts: Facts) -> Markup:
    """Write the headline: the one figure, what it was measured on, and how sure it is."""
    title = tag("h1", f"{_data_name(facts)}, learnt from {short_name(facts.observed['source']['name'])}")
    run = classed("p", "soft", f"Run {facts.folder}, {facts.created}")
    if facts.folds and facts.split != "test":
        return join([title, _folds_figure(facts.targets[0], facts.folds), run])
    if not facts.targets:
        return join([title, tag("p", "Nothing was predicted, so that nothing was measured.")])
    if facts.split is None:
        return join([title, tag("p", "There were no validation or test rows: nothing was measured.")])
    warning = []
    if facts.split == "validation":
        text = "There is no test split: these rows also chose the model, so that the figure is somewhat too good."
        warning.append(tag("p", text))
    beside = [tag("p", line) for line in facts.run.get("baseline", {}).get("said", ())]
    figures = [_figure(found, found.split) for found in facts.targets if found.split]
    return join([title, *figures, *warning, *beside, run])


def _figure(found: TargetFacts, split: str) -> Markup:
    evaluation = found.metrics[split]
    name = evaluation["primary"]
    value, interval = interval_text(Interval(**evaluation["metrics"][name]))
    sure = f"{evaluation['level']:.0%} interval {interval}, " if interval != "–" else ""
    better = "higher" if found.higher_is_better[name] else "lower"
    return classed(
        "p",
        "headline",
        f"{split} {words(name)}{' of ' + found.name if found.suffix else ''} ",
        tag("strong", value),
        f" ({found.unit(name)}; {sure}{evaluation['rows']:,} rows; {better} is better)",
    )


def _folds_figure(found: TargetFacts, plain: Mapping[str, Any]) -> Markup:
    name = plain["out_of_fold"]["primary"]
    value, interval = interval_text(Interval(**plain["mean"][name]))
    times = f" times {plain['repeats']}" if plain["repeats"] > 1 else ""
    sure = f"95% interval {interval}, " if interval != "–" else ""
    better = "higher" if found.higher_is_better[name] else "lower"
    words_after = (
        f" ({found.unit(name)}; {sure}mean over {plain['k']} folds{times} of {plain['rows']:,} rows; "
        f"{better} is better)"
    )
    return classed("p", "headline", f"cross-validated {words(name)} ", tag("strong", value), words_after)


def learnt(facts: Facts) -> Markup:
    """Describe what was learnt from what, and how."""
    card, recipe = facts.observed["source"], facts.recipe
    more = input_from_plain(card["input"]).describe()
    expected = card["input"]["modality"] + (f" ({more})" if more else "")
    after = " after surgery" if recipe.surgery else ""
    rows: list[tuple[object, object]] = [
        ("Source model", f"{card['name']} ({card['family']}, {card['params']:,} parameters{after})"),
        ("Source task", card.get("source_task") or "not stated"),
        ("It expects", expected),
        ("Licence", card.get("licence") or "not stated"),
        ("Weights (SHA-256)", card.get("sha256") or "not stated"),
    ]
    rows += [
        (f"Surgery, step {number}" if len(recipe.surgery) > 1 else "Surgery", _choice(operation))
        for number, operation in enumerate(recipe.surgery, 1)
    ]
    rows.append(("Head", _choice(recipe.head)))
    for number, stage in enumerate(recipe.stages):
        name = f"Stage {number}" if len(recipe.stages) > 1 else "Training"
        rows.append((name, "; ".join(f"{key} {value}" for key, value in _plan(stage))))
        if number < len(facts.run.get("endings", [])):
            rows.append((f"{name} ended", facts.run["endings"][number]))
    return pairs(rows)


def data(facts: Facts) -> Markup:
    """Describe what the data is and how it was split."""
    seen = facts.observed
    rows: list[tuple[object, object]] = [
        ("Data", facts.recipe.data.path or "in memory"),
        ("Task", f"{facts.kind}, {facts.task.modality} input"),
        ("Rows", "; ".join(f"{split} {count:,}" for split, count in seen["rows"].items())),
    ]
    parts = [pairs(rows)]
    for found in facts.targets:
        keys = {split: facts.task.key(split, found.name) for split in seen["rows"]}
        counts = {split: seen["classes"][key] for split, key in keys.items() if key in seen["classes"]}
        if counts:
            parts += [tag("h3", f"Rows by class{found.suffix}"), *_class_counts(counts)]
        cells = [
            (f"{split}: {label}", *(f"{value:.4g}" for value in values))
            for split, key in keys.items()
            for label, values in seen["ranges"].get(key, {}).items()
        ]
        if cells:
            heading = tag("h3", f"Labels, in their own unit{found.suffix}")
            parts += [heading, table(("", "least", "mean", "greatest"), cells)]
    if seen["notes"]:
        parts.append(classed("ul", "notes", *(tag("li", note) for note in seen["notes"])))
    return join(parts)


def recipe(facts: Facts) -> Markup:
    """Show the recipe, folded."""
    title = tag("summary", "The recipe with everything chosen (TOML); run again, it gives the same run")
    return tag("details", title, tag("pre", facts.recipe.to_toml()))


def cost(facts: Facts) -> Markup:
    """Describe what the run took."""
    spent = facts.observed["cost"]
    rows: list[tuple[object, object]] = [
        (
            "Time of the saved model, without the folds" if facts.folds else "Time",
            f"{spent['seconds']:.1f} s in all, of which training {spent['training_seconds']:.1f} s",
        ),
        ("Processor time", f"{spent['cpu_seconds']:.1f} s of the process that finished the run"),
        ("Steps", f"{facts.run['steps']:,} updates"),
        ("Peak memory", _memory(spent.get("peak_bytes"), "of that process")),
    ]
    if spent.get("gpu_bytes") is not None:
        rows.append(("Peak GPU memory", _memory(spent["gpu_bytes"], f"on {spent['gpu']}")))
    rows += [
        ("Number format", f"{spent['precision']} on {spent['device']}"),
        ("Machine", f"{spent['machine']}, {spent['cpus']} processors, {_count(spent['threads'], 'thread')} used"),
        ("Versions", ", ".join(f"{name} {version}" for name, version in facts.versions.items())),
    ]
    return pairs(rows)


def again(facts: Facts) -> Markup:
    """Show the commands that run, measure and use it again."""
    folder, path = shlex.quote(facts.folder), shlex.quote(facts.recipe.data.path or "DATA")
    recipe = f"{folder}/recipe.toml"
    if facts.folds:
        recipe = f"{folder}/folds/recipe.toml --folds {facts.folds['k']} --repeats {facts.folds['repeats']}"
    lines = [
        "# the same run in a new folder",
        f"headstart fit {path} --recipe {recipe}",
        "# measure the saved model again",
        f"headstart evaluate {folder}",
        "# use it",
        f"headstart predict {folder} DATA --out predictions.csv",
        "# write this page again",
        f"headstart report {folder}",
        "",
        "# in Python",
        "import headstart as hs",
        f"hs.load({facts.folder!r}).predict([...])",
    ]
    return tag("pre", "\n".join(lines))


def _class_counts(counts: dict[str, dict[str, int]]) -> Iterable[Markup]:
    splits = list(counts)
    names = list(dict.fromkeys(name for by_class in counts.values() for name in by_class))
    total = {name: sum(by_class.get(name, 0) for by_class in counts.values()) for name in names}
    shown = sorted(names, key=lambda name: -total[name])[:MOST_CLASSES] if len(names) > MOST_CLASSES else names
    most = max(total.values(), default=1) or 1
    rows = [
        (name, *(f"{counts[split].get(name, 0):,}" for split in splits), _bar(total[name] / most)) for name in shown
    ]
    yield table(("class", *(f"{split}, rows" for split in splits), Left("all rows")), rows)
    if len(names) > len(shown):
        left = sum(total.values()) - sum(total[name] for name in shown)
        yield classed(
            "p", "soft", f"The {len(shown)} most frequent of {len(names)} classes; the others have {left:,} rows."
        )


def _bar(share: float) -> Markup:
    bar = tag("span", attributes={"class": "bar", "style": f"width:{100 * share:.1f}px"})
    return classed("td", "left", bar)


def _data_name(facts: Facts) -> str:
    path = facts.recipe.data.path
    return path.rstrip("/").rpartition("/")[2] if path else "Data in memory"


def _plan(stage: Stage) -> list[tuple[str, str]]:
    """List a stage's settings; of the less usual ones only what is not the default."""
    plan = [
        ("strategy", _choice(stage.strategy) if stage.strategy else "full"),
        ("objective", _choice(stage.objective)),
    ]
    if stage.lr is None:
        plan.append(("weights", "solved on all training rows at once, not by steps"))
    else:
        plan += [
            ("steps", f"{stage.steps:,}" if stage.steps else "–"),
            ("learning rate", f"{stage.lr:g} ({stage.optimiser}, {stage.schedule})"),
            ("batch", f"{stage.batch_size} rows"),
            ("augmentation", stage.augment or "–"),
        ]
    usual: dict[str, Any] = options.to_plain(Stage())
    own: dict[str, Any] = options.to_plain(stage)
    plan += [(words(key), str(value)) for key, value in own.items() if key not in SAID and value != usual.get(key)]
    return plan


def _choice(choice: Choice) -> str:
    """Write a plug-in's name with the options that are set."""
    given = {key: value for key, value in choice.plain().items() if key != "name" and value not in ([], {}, None)}
    listed = ", ".join(f"{key} {_value(value)}" for key, value in given.items())
    return f"{choice.name} ({listed})" if listed else choice.name


def _value(value: Any) -> str:
    return " ".join(map(_value, value)) if isinstance(value, list) else str(value)


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _memory(size: int | None, whose: str) -> str:
    return f"{size / 2**20:,.0f} MiB {whose}" if size else "not known on this system"
