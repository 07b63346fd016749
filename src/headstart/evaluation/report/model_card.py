"""The model card of a saved model: Markdown with the front matter that the Hugging Face hub reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from headstart.evaluation.report.facts import TASKS, Facts, unit
from headstart.evaluation.results import Interval
from headstart.evaluation.tables import interval_text
from headstart.metrics._find import find

PIPELINES = {
    ("image", True): "image-classification",
    ("text", True): "text-classification",
    ("vector", True): "tabular-classification",
    ("vector", False): "tabular-regression",
}


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
        f"A model for {TASKS[task.kind]}, {task.modality} input. It was learnt from {_plain(card['name'])} "
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
    if task.classes:
        shown = ", ".join(_plain(name) for name in task.classes[:50])
        lines.append(f"- Classes ({len(task.classes)}): {shown}{', …' if len(task.classes) > 50 else ''}")
    else:
        lines.append(f"- Targets: {', '.join(_plain(name) for name in task.labels)}")
    lines += ["", "## Evaluation", "", *_metrics(facts), "", "## Limits", "", *_limits(facts)]
    lines += ["", "## Recipe", "", "```toml", facts.recipe.to_toml().rstrip().replace("```", "` ` `"), "```", ""]
    return f"---\n{front}---\n\n" + "\n".join(lines)


def _front(facts: Facts) -> dict[str, Any]:
    task, card = facts.task, facts.observed["source"]
    front: dict[str, Any] = {"library_name": "headstart", "tags": ["transfer-learning", task.modality, task.kind]}
    pipeline = PIPELINES.get((task.modality, bool(task.classes)))
    if pipeline:
        front["pipeline_tag"] = pipeline
    if card.get("licence"):
        known = re.fullmatch(r"[A-Za-z0-9.+-]+", card["licence"])
        front |= (
            {"license": card["licence"].lower()} if known else {"license": "other", "license_name": card["licence"]}
        )
    base = card["name"].partition(":")[2]
    if card["name"].startswith("hf:") and base.count("/") == 1 and not base.startswith((".", "/", "~")):
        front["base_model"] = base
    measured = _measured(facts)
    if measured is not None:
        front["model-index"] = [{"name": _name(facts), "results": [_result(facts, measured)]}]
    return front


class _Measured(NamedTuple):
    """What the card's figures are: on which rows, with which intervals, by metric."""

    split: str
    said: str
    level: float
    figures: Mapping[str, Mapping[str, Any]]


def _measured(facts: Facts) -> _Measured | None:
    """Take the mean over folds where there was a cross-validation, else the split that counts."""
    if facts.folds is not None:
        times = f", {facts.folds['repeats']} times" if facts.folds["repeats"] > 1 else ""
        said = f"Mean over {facts.folds['k']} folds{times} of {facts.folds['rows']:,} rows (cross-validation)."
        return _Measured("cross-validation", said, facts.folds["out_of_fold"]["level"], facts.folds["mean"])
    if facts.split is None:
        return None
    entry = facts.metrics[facts.split]
    said = f"On {entry['rows']:,} {facts.split} rows; percentile bootstrap intervals over rows."
    return _Measured(facts.split, said, entry["level"], entry["metrics"])


def _result(facts: Facts, found: _Measured) -> dict[str, Any]:
    task = facts.task
    kind = PIPELINES.get((task.modality, bool(task.classes)), f"{task.modality}-{task.kind}")
    measured = [
        {"type": name, "name": _title(name), "value": interval["value"]}
        for name, interval in found.figures.items()
        if interval["value"] is not None
    ]
    data = _data(facts)
    return {
        "task": {"type": kind, "name": f"{TASKS[task.kind]}, {task.modality} input"},
        "dataset": {"name": data, "type": data, "split": found.split},
        "metrics": measured,
    }


def _title(metric: str) -> str:
    known = find(metric)
    return metric.replace("_", " ").capitalize() if known is None else known.title


def _metrics(facts: Facts) -> list[str]:
    found = _measured(facts)
    if found is None:
        return ["There were no validation or test rows: nothing was measured."]
    lines = [
        found.said,
        "",
        f"| metric | value | {found.level:.0%} interval | unit |",
        "|---|---|---|---|",
    ]
    for name, interval in found.figures.items():
        value, bounds = interval_text(Interval(**interval))
        lines.append(f"| {name} | {value} | {bounds} | {_plain(unit(facts, name))} |")
    return lines


def _limits(facts: Facts) -> list[str]:
    lines = ["- The figures hold for rows like those that it was measured on; on other data, measure again."]
    if facts.split == "validation" and facts.folds is None:
        lines.append("- There was no test split: the rows that it was measured on also chose the model.")
    if facts.calibration.temperature is not None:
        lines.append(f"- Probabilities are scaled by the temperature {facts.calibration.temperature:.3f}.")
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
