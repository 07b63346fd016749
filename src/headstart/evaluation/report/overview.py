"""The top of the report: what came out, in one sentence, and what to know before it is quoted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.drawing.blocks import Figure, Words
from headstart.drawing.text import words
from headstart.evaluation.headline import headline
from headstart.evaluation.report.facts import Facts, TargetFacts, short_name
from headstart.evaluation.results import Evaluation, Interval
from headstart.evaluation.tables import interval_text


def title(facts: Facts) -> str:
    """Name the data and the source."""
    path = facts.recipe.title
    name = path.rstrip("/").rpartition("/")[2] if path else "Data in memory"
    return f"{name}, learnt from {short_name(facts.observed['source']['name'])}"


def top(facts: Facts) -> list[Any]:
    """Write the result: a sentence for each target, what stands beside it, and what makes it too good."""
    run = Words(f"Run {facts.folder}, {facts.created}", "soft")
    if facts.folds and facts.split != "test":
        return [_folds_figure(facts.targets[0], facts.folds), run]
    if not facts.targets:
        return [Words("Nothing was predicted, so that nothing was measured."), run]
    if facts.split is None:
        return [Words("There were no validation or test rows: nothing was measured."), run]
    found = [Words(_headline(facts, found, found.split), "headline") for found in facts.targets if found.split]
    warning = []
    if facts.split == "validation":
        text = "There is no test split: keep rows apart that choose nothing, and the figure is an honest one."
        warning.append(Words(text, "warning"))
    figures = [_figure(found, found.split) for found in facts.targets if found.split]
    gain = facts.run.get("gain", {})
    beside = [Words(line) for line in (*gain.get("said", ()), *gain.get("alone", {}).values())]
    return [*found, *warning, *figures, *beside, run]


def _headline(facts: Facts, found: TargetFacts, split: str) -> str:
    """Write the sentence that the run ended with."""
    told = {made["key"]: made["text"] for made in facts.run.get("headlines", ())}
    key = facts.task.key(split, found.name)
    if key in told:
        return told[key]
    labels, domain = found.arrays[split].labels, found.domains.get(split, "")
    return headline(key, found.target, _evaluation(found.metrics[split]), labels, domain=domain).text


def _evaluation(plain: Mapping[str, Any]) -> Evaluation:
    return Evaluation(
        primary=plain["primary"],
        metrics={name: Interval(**interval) for name, interval in plain["metrics"].items()},
        per_class={},
        confusion=None,
        higher_is_better=plain["higher_is_better"],
        units={},
        rows=plain["rows"],
        level=plain["level"],
    )


def _figure(found: TargetFacts, split: str) -> Figure:
    evaluation = found.metrics[split]
    name = evaluation["primary"]
    value, interval = interval_text(Interval(**evaluation["metrics"][name]))
    sure = f"{evaluation['level']:.0%} interval {interval}, " if interval != "–" else ""
    better = "higher" if found.higher_is_better[name] else "lower"
    return Figure(
        f"{found.named(split)} {words(name)}{' of ' + found.name if found.suffix else ''}",
        value,
        f"({found.unit(name)}; {sure}{evaluation['rows']:,} rows; {better} is better)",
    )


def _folds_figure(found: TargetFacts, plain: Mapping[str, Any]) -> Figure:
    name = plain["out_of_fold"]["primary"]
    value, interval = interval_text(Interval(**plain["mean"][name]))
    times = f" times {plain['repeats']}" if plain["repeats"] > 1 else ""
    sure = f"95% interval {interval}, " if interval != "–" else ""
    better = "higher" if found.higher_is_better[name] else "lower"
    after = (
        f"({found.unit(name)}; {sure}mean over {plain['k']} folds{times} of {plain['rows']:,} rows; {better} is better)"
    )
    return Figure(f"cross-validated {words(name)}", value, after)
