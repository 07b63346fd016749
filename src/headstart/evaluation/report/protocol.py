"""The protocol of a run: data, what was learnt from what, how it was chosen, what moved, cost, how to run it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import Any

from headstart.core import options
from headstart.core.choice import Choice
from headstart.core.recipe import Stage
from headstart.drawing.blocks import Cell, Code, Folded, Heading, Notes, Pairs, Table, Words, left
from headstart.drawing.text import words
from headstart.evaluation.report.facts import Facts
from headstart.models.cards import input_from_plain

MOST_CLASSES = 40
MOST_STAGES = 40
UNKNOWN = "unknown"  # what a source does not say of itself
SAID = (
    "strategy",
    "objective",
    "steps",
    "epochs",
    "lr",
    "batch_size",
    "optimiser",
    "schedule",
    "augment",
    "views",
    "evaluate",
)


def learnt(facts: Facts) -> list[Any]:
    """Describe what was learnt from what, and how."""
    card, recipe = facts.observed["source"], facts.recipe
    more = input_from_plain(card["input"]).describe()
    expected = card["input"]["modality"] + (f" ({more})" if more else "")
    after = " after surgery" if recipe.surgery else ""
    rows: list[tuple[str, str]] = [
        ("Source model", f"{card['name']} ({card['family']}, {card['params']:,} parameters{after})"),
        ("Source task", card.get("source_task") or UNKNOWN),
        ("It expects", expected),
        ("Licence", card.get("licence") or UNKNOWN),
        ("Weights (SHA-256)", card.get("sha256") or UNKNOWN),
    ]
    rows += [
        (f"Surgery, step {number}" if len(recipe.surgery) > 1 else "Surgery", _choice(operation))
        for number, operation in enumerate(recipe.surgery, 1)
    ]
    rows.append(("Head", _choice(recipe.head)))
    for number, stage in enumerate(recipe.stages):
        name = f"Stage {number + 1}" if len(recipe.stages) > 1 else "Training"
        rows.append((name, "; ".join(f"{key} {value}" for key, value in _plan(stage))))
        for what, found in ((", constant part", facts.run.get("once")), (" ended", facts.run.get("endings"))):
            if found and number < len(found) and found[number]:
                rows.append((f"{name}{what}", found[number]))
    return [Pairs(rows)]


def data(facts: Facts) -> list[Any]:
    """Describe what the data is and how it was split."""
    seen = facts.observed
    rows: list[tuple[str, str]] = [
        *((f"Data{name and f' of {name}'}", plan.path or "in memory") for name, plan in facts.recipe.plans.items()),
        ("Task", f"{facts.kind}, {facts.task.modality} input"),
        ("Rows", "; ".join(f"{split} {count:,}" for split, count in seen["rows"].items())),
    ]
    parts: list[Any] = [Pairs(rows)]
    for found in facts.targets:
        keys = {split: facts.task.key(split, found.name) for split in seen["rows"]}
        counts = {found.named(split): seen["classes"][key] for split, key in keys.items() if key in seen["classes"]}
        if counts:
            parts += [Heading(f"Rows by class{found.suffix}"), *_class_counts(counts)]
        cells = [
            (f"{split}: {label}", *(f"{value:.4g}" for value in values))
            for split, key in keys.items()
            for label, values in seen["ranges"].get(key, {}).items()
        ]
        if cells:
            heading = Heading(f"Labels, in their own unit{found.suffix}")
            parts += [heading, Table(("", "least", "mean", "greatest"), cells)]
    if seen["notes"]:
        parts.append(Notes(seen["notes"]))
    return parts


def choices(facts: Facts) -> list[Any]:
    """Show what the start and the method were chosen by; nothing where all was given."""
    told = facts.observed.get("told", [])
    return [Notes(told)] if told else []


def recipe(facts: Facts) -> list[Any]:
    """Show the recipe, folded."""
    title = "The recipe with everything chosen (TOML). Run again, it gives the same run."
    return [Folded(title, [Code(facts.recipe.to_toml())])]


def moved(facts: Facts) -> list[Any]:
    """Show by stage how many parameters differ from the source's, bit by bit."""
    moves = facts.observed["moves"]
    rows = []
    for stage in moves[:MOST_STAGES]:
        share = stage["moved"] / stage["parameters"] if stage["parameters"] else 0.0
        state = (
            "new" if stage.get("new") else "moved" if share == 1 else "frozen" if share == 0 else f"{share:.1%} moved"
        )
        bar = Cell(bar=share, rest=True, title=f"{share:.1%} of {stage['name']} moved")
        rows.append((stage["name"], f"{stage['parameters']:,}", f"{stage['moved']:,}", bar, left(state)))
    everything = sum(stage["parameters"] for stage in moves)
    learnt = sum(stage["moved"] for stage in moves)
    still = everything - learnt
    if still:
        before = "after the surgery and before the training" if facts.recipe.surgery else "before the training"
        told = (
            f"{learnt:,} of {everything:,} parameters ({_share(learnt / everything)}) changed. The other {still:,} are "
            f"bit-identical to what they were {before}, by the SHA-256 of each tensor."
        )
    else:
        told = f"All {everything:,} parameters changed, by the SHA-256 of each tensor before and after training."
    parts = [Words(told), Table(("stage", "parameters", "of them moved", "", left("state")), rows)]
    if len(moves) > MOST_STAGES:
        parts.append(Words(f"The first {MOST_STAGES} of {len(moves)} stages.", "soft"))
    return parts


def _share(share: float) -> str:
    return "less than 0.1%" if 0 < share < 0.001 else f"{share:.1%}"


def cost(facts: Facts) -> list[Any]:
    """Describe what the run took."""
    spent = facts.observed["cost"]
    rows: list[tuple[str, str]] = [
        (
            "Time of the saved model, without the folds" if facts.folds else "Time",
            f"{spent['seconds']:.1f} s in all, of which training {spent['training_seconds']:.1f} s",
        ),
        ("Processor time", f"{spent['cpu_seconds']:.1f} s of the process that finished the run, from its start"),
        ("Steps", _count(facts.run["steps"], "update")),
        ("Peak memory", _memory(spent.get("peak_bytes"), "of that process")),
    ]
    if spent.get("gpu_bytes") is not None:
        rows.append(("Peak GPU memory", _memory(spent["gpu_bytes"], f"on {spent['gpu']}")))
    rows += [
        ("Number format", f"{spent['precision']} on {spent['device']}"),
        ("Machine", f"{spent['machine']}, {spent['cpus']} processors, {_count(spent['threads'], 'thread')} used"),
        ("Versions", ", ".join(f"{name} {version}" for name, version in facts.versions.items())),
    ]
    return [Pairs(rows)]


def again(facts: Facts) -> list[Any]:
    """Show the commands that run, measure and use it again."""
    folder, named = shlex.quote(facts.folder), "" if facts.recipe.tasks else facts.recipe.data.path or "DATA"
    recipe = f"{folder}/recipe.toml"
    if facts.folds:
        recipe = f"{folder}/folds/recipe.toml --folds {facts.folds['k']} --repeats {facts.folds['repeats']}"
    lines = [
        "# the same run in a new folder",
        " ".join(["headstart fit", *([shlex.quote(named)] if named else []), f"--recipe {recipe}"]),
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
    return [Code("\n".join(lines))]


def _class_counts(counts: dict[str, dict[str, int]]) -> Iterable[Any]:
    splits = list(counts)
    names = list(dict.fromkeys(name for by_class in counts.values() for name in by_class))
    total = {name: sum(by_class.get(name, 0) for by_class in counts.values()) for name in names}
    shown = sorted(names, key=lambda name: -total[name])[:MOST_CLASSES] if len(names) > MOST_CLASSES else names
    most = max(total.values(), default=1) or 1
    rows = [
        (name, *(f"{counts[split].get(name, 0):,}" for split in splits), Cell(bar=total[name] / most)) for name in shown
    ]
    yield Table(("class", *(f"{split}, rows" for split in splits), left("all rows")), rows)
    if len(names) > len(shown):
        left_out = sum(total.values()) - sum(total[name] for name in shown)
        text = f"The {len(shown)} most frequent of {len(names):,} classes; the others have {left_out:,} rows."
        yield Words(text, "soft")


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
            ("augmentation", _shown(stage)),
        ]
    usual: dict[str, Any] = options.to_plain(Stage())
    own: dict[str, Any] = options.to_plain(stage)
    plan += [(words(key), str(value)) for key, value in own.items() if key not in SAID and value != usual.get(key)]
    return plan


def _shown(stage: Stage) -> str:
    """Write how training rows are shown."""
    if stage.augment in (None, "plain"):
        return stage.augment or "–"
    return (
        f"{stage.augment}, {stage.views} fixed views of a row" if stage.views else f"{stage.augment}, anew each epoch"
    )


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
