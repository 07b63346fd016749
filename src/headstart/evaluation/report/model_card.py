"""The model card of a saved model: Markdown with the front matter that the Hugging Face hub reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from headstart.core.types import Target, Task, kind_of
from headstart.evaluation.report.facts import Facts, TargetFacts
from headstart.evaluation.results import Interval
from headstart.evaluation.tables import interval_text
from headstart.inputs import by_name
from headstart.metrics._find import find


def model_card(facts: Facts) -> str:
    """Write the card.

    Args:
        facts: What there is to say of the run.

    Returns:
        Markdown.
    """
    import yaml

    front = yaml.safe_dump(_front(facts), sort_keys=False, allow_unicode=True)
    card, task = facts.observed["source"], facts.task
    strategies = " then ".join(stage.strategy.name if stage.strategy else "full" for stage in facts.recipe.stages)
    operated = " then ".join(choice.name for choice in facts.recipe.surgery)
    lines = [
        f"# {_plain(_name(facts))}",
        "",
        f"A model for {_plain(facts.kind)}, {task.modality} input. It was learnt from {_plain(card['name'])} "
        f"({_plain(card.get('source_task') or 'source task not stated')}) "
        + (f"after the surgery {operated}, " if operated else "")
        + f"by the strategy {strategies}, with Headstart {facts.versions['headstart']}.",
        "",
        "## Use",
        "",
        "```python",
        "import headstart as hs",
        "",
        'model = hs.load("FOLDER")  # the folder of this file',
        "model.predict([...])",
        "```",
        "",
        "## Training data",
        "",
        f"- Rows: {', '.join(f'{split} {count:,}' for split, count in facts.observed['rows'].items())}",
        f"- Data: {_plain(_data(facts))}, fingerprint in `model.json`",
    ]
    for name, target in task.predicted.items():
        whose = f" of {_plain(name)}" if len(task.targets) > 1 else ""
        shown = ", ".join(_plain(name) for name in target.names[:50])
        more = ", …" if len(target.names) > 50 else ""
        listed = f"Classes{whose} ({len(target.classes)})" if target.classes else f"Targets{whose}"
        lines.append(f"- {listed}: {shown}{more}")
    lines += ["", "## Evaluation", "", *_metrics(facts), "", "## Limits", "", *_limits(facts)]
    lines += ["", "## Recipe", "", "```toml", facts.recipe.to_toml().rstrip().replace("```", "` ` `"), "```", ""]
    return f"---\n{front}---\n\n" + "\n".join(lines)


def _pipeline(task: Task, target: Target) -> str | None:
    """Return the hub's word for such models; None where it has none."""
    return next((word for word in by_name(task.modality).hub if word.endswith(f"-{target.hub}")), None)


def _front(facts: Facts) -> dict[str, Any]:
    task, card = facts.task, facts.observed["source"]
    kinds = list(dict.fromkeys(kind_of(target) for target in task.targets.values()))
    front: dict[str, Any] = {"library_name": "headstart", "tags": ["transfer-learning", task.modality, *kinds]}
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
    results = [_result(facts, found, measured) for found in facts.targets for measured in _measured(facts, found)]
    if results:
        front["model-index"] = [{"name": _name(facts), "results": results}]
    return front


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
    said = f"On {entry['rows']:,} {found.split} rows; percentile bootstrap intervals over rows."
    return [_Measured(found.split, said, entry["level"], entry["metrics"])]


def _result(facts: Facts, found: TargetFacts, of: _Measured) -> dict[str, Any]:
    modality, target = facts.task.modality, found.target
    kind = _pipeline(facts.task, target) or f"{modality}-{kind_of(target)}"
    name = f"{target.title}, {modality} input" + (f", of {_one_line(found.name)}" if found.suffix else "")
    measured = [
        {"type": metric, "name": _title(metric), "value": interval["value"]}
        for metric, interval in of.figures.items()
        if interval["value"] is not None
    ]
    data = _data(facts)
    return {
        "task": {"type": kind, "name": name},
        "dataset": {"name": data, "type": data, "split": of.split},
        "metrics": measured,
    }


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
    lines = ["- The figures hold for rows like those that it was measured on; on other data, measure again."]
    if facts.split == "validation" and facts.folds is None:
        lines.append("- There was no test split: the rows that it was measured on also chose the model.")
    for found in facts.targets:
        if found.calibration.temperature is not None:
            whose = f" of {_plain(found.name)}" if found.suffix else ""
            lines.append(f"- Probabilities{whose} are scaled by the temperature {found.calibration.temperature:.3f}.")
    if not facts.observed["source"].get("licence"):
        lines.append("- The licence of the source model is not stated; it may restrict the use of this one.")
    return lines


def _name(facts: Facts) -> str:
    return _one_line(facts.folder.rstrip("/").rpartition("/")[2]) or "model"


def _data(facts: Facts) -> str:
    path = facts.recipe.data.path
    return _one_line(path.rstrip("/").rpartition("/")[2]) if path else "data in memory"


def _one_line(text: str) -> str:
    """Take out line ends, so that no name can end the front matter."""
    return " ".join(text.split())


def _plain(text: str) -> str:
    """Take from a name what Markdown or HTML would read as markup."""
    return _one_line("".join(f"\\{sign}" if sign in "\\`*[]<>|#" else sign for sign in text))
