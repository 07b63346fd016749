"""The model card of a saved model: Markdown with the front matter that the Hugging Face hub reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from headstart.core.types import Target, Task, kind_of
from headstart.drawing.draw import fill
from headstart.evaluation.report.facts import Facts, TargetFacts
from headstart.evaluation.results import Interval
from headstart.evaluation.tables import interval_text
from headstart.inputs import by_name
from headstart.metrics._find import find

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCardData


def model_card(facts: Facts) -> str:
    """Write the card.

    Args:
        facts: What there is to say of the run.

    Returns:
        Markdown.
    """
    card = facts.observed["source"]
    strategies = " then ".join(stage.strategy.name if stage.strategy else "full" for stage in facts.recipe.stages)
    operated = " then ".join(choice.name for choice in facts.recipe.surgery)
    body = fill(
        "model_card.md.j2",
        name=_plain(_name(facts)),
        kind=_plain(facts.kind),
        modality=facts.task.modality,
        source=_plain(card["name"]),
        source_task=_plain(card.get("source_task") or "source task unknown"),
        how=(f"after the surgery {operated}, " if operated else "") + f"by the strategy {strategies}",
        version=facts.versions["headstart"],
        data=_data_lines(facts),
        evaluation=_metrics(facts),
        limits=_limits(facts),
        recipe=facts.recipe.to_toml().rstrip().replace("```", "` ` `"),
    )
    return f"---\n{_front(facts).to_yaml()}\n---\n\n{body}\n"


def _data_lines(facts: Facts) -> list[str]:
    lines = [
        f"Rows: {', '.join(f'{split} {count:,}' for split, count in facts.observed['rows'].items())}",
        f"Data: {_plain(_data(facts))}, fingerprint in `model.json`",
    ]
    for name, target in facts.task.predicted.items():
        whose = f" of {_plain(name)}" if len(facts.task.targets) > 1 else ""
        shown = ", ".join(_plain(name) for name in target.names[:50])
        more = ", …" if len(target.names) > 50 else ""
        listed = f"Classes{whose} ({len(target.classes)})" if target.classes else f"Targets{whose}"
        lines.append(f"{listed}: {shown}{more}")
    return lines


def _pipeline(task: Task, target: Target) -> str | None:
    """Return the hub's word for such models; None where it has none."""
    return next((word for word in by_name(task.modality).hub if word.endswith(f"-{target.hub}")), None)


def _front(facts: Facts) -> ModelCardData:
    """Make the front matter, as the hub's own code writes it."""
    from huggingface_hub import ModelCardData

    task, card = facts.task, facts.observed["source"]
    front: dict[str, Any] = {}
    pipelines = {_pipeline(task, found.target) for found in facts.targets}
    if len(pipelines) == 1 and None not in pipelines:
        front["pipeline_tag"] = pipelines.pop()
    if card.get("licence"):
        known = re.fullmatch(r"[A-Za-z0-9.+-]+", card["licence"])
        front |= (
            {"license": card["licence"].lower()} if known else {"license": "other", "license_name": card["licence"]}
        )
    base = card["name"].partition(":")[2]
    if card["name"].startswith("hf:") and base.count("/") == 1 and not base.startswith((".", "/", "~")):
        front["base_model"] = base
    results = [
        result for found in facts.targets for of in _measured(facts, found) for result in _results(facts, found, of)
    ]
    if results:
        front |= {"model_name": _name(facts), "eval_results": results}
    kinds = dict.fromkeys(kind_of(target) for target in task.targets.values())
    tags = ["transfer-learning", task.modality, *kinds]
    return ModelCardData(library_name="headstart", tags=tags, ignore_metadata_errors=False, **front)


class _Measured(NamedTuple):
    """What the card's figures are: on which rows, with which intervals, by metric."""

    split: str
    said: str
    level: float
    figures: Mapping[str, Mapping[str, Any]]


def _measured(facts: Facts, found: TargetFacts) -> list[_Measured]:
    """Take the mean over folds where there was a cross-validation, else the split that counts, if there is one."""
    if facts.folds is not None:
        times = f", {facts.folds['repeats']} times" if facts.folds["repeats"] > 1 else ""
        said = f"Mean over {facts.folds['k']} folds{times} of {facts.folds['rows']:,} rows (cross-validation)."
        return [_Measured("cross-validation", said, facts.folds["out_of_fold"]["level"], facts.folds["mean"])]
    if found.split is None:
        return []
    entry = found.metrics[found.split]
    said = f"On {entry['rows']:,} {found.named(found.split)} rows; intervals over rows."
    return [_Measured(found.split, said, entry["level"], entry["metrics"])]


def _results(facts: Facts, found: TargetFacts, of: _Measured) -> list[EvalResult]:
    from huggingface_hub import EvalResult

    modality, target, data = facts.task.modality, found.target, _data(facts)
    kind = _pipeline(facts.task, target) or f"{modality}-{kind_of(target)}"
    name = f"{target.title}, {modality} input" + (f", of {_one_line(found.name)}" if found.suffix else "")
    return [
        EvalResult(
            task_type=kind,
            task_name=name,
            dataset_type=data,
            dataset_name=data,
            dataset_split=of.split,
            metric_type=metric,
            metric_name=_title(metric),
            metric_value=interval["value"],
        )
        for metric, interval in of.figures.items()
        if interval["value"] is not None
    ]


def _title(metric: str) -> str:
    known = find(metric)
    return metric.replace("_", " ").capitalize() if known is None else known.title


def _metrics(facts: Facts) -> list[str]:
    lines = []
    for found in facts.targets:
        for measured in _measured(facts, found):
            lines += [f"### {_plain(found.name)}", ""] if found.suffix else []
            lines += [*_table(found, measured), ""]
    return lines[:-1] or ["There were no validation or test rows: nothing was measured."]


def _table(found: TargetFacts, measured: _Measured) -> list[str]:
    lines = [
        measured.said,
        "",
        f"| metric | value | {measured.level:.0%} interval | unit |",
        "|---|---|---|---|",
    ]
    for name, interval in measured.figures.items():
        value, bounds = interval_text(Interval(**interval))
        lines.append(f"| {name} | {value} | {bounds} | {_plain(found.unit(name))} |")
    return lines


def _limits(facts: Facts) -> list[str]:
    lines = ["The figures hold for rows like those that it was measured on; on other data, measure again."]
    if facts.split == "validation" and facts.folds is None:
        lines.append("There was no test split: the rows that it was measured on also chose the model.")
    for found in facts.targets:
        if found.calibration.temperature is not None:
            whose = f" of {_plain(found.name)}" if found.suffix else ""
            lines.append(f"Probabilities{whose} are scaled by the temperature {found.calibration.temperature:.3f}.")
    if not facts.observed["source"].get("licence"):
        lines.append("The licence of the source model is unknown; it may restrict the use of this one.")
    return lines


def _name(facts: Facts) -> str:
    return _one_line(facts.folder.rstrip("/").rpartition("/")[2]) or "model"


def _data(facts: Facts) -> str:
    path = facts.recipe.title
    return _one_line(path.rstrip("/").rpartition("/")[2]) if path else "data in memory"


def _one_line(text: str) -> str:
    """Take out line ends, so that no name can end the front matter."""
    return " ".join(text.split())


def _plain(text: str) -> str:
    """Take from a name what Markdown or HTML would read as markup."""
    return _one_line("".join(f"\\{sign}" if sign in "\\`*[]<>|#" else sign for sign in text))
