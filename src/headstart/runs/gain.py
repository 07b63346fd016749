"""What a transfer gained: a run beside its baselines on the same rows, with the intervals of the differences."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from headstart.core.types import Calibration
from headstart.data.rows import Dataset
from headstart.drawing.text import words
from headstart.evaluation.bootstrap import paired
from headstart.evaluation.metrics import evaluate
from headstart.evaluation.results import Interval
from headstart.evaluation.tables import interval_text
from headstart.metrics import _find
from headstart.runs.baselines import ALONE, MAJORITY, Fitted, Outputs

RESAMPLES = 300  # for each baseline; those of a run's own figures are more
HALF_WIDTH = 1.96  # of an interval of 95 %, in standard errors
Metrics = Mapping[str, Interval]  # by name


class Measure(NamedTuple):
    """By what a target's models are compared: the metric that its steps are chosen by."""

    metric: str
    higher_is_better: bool


@dataclass(frozen=True)
class Baseline:
    """A baseline beside a run.

    name, what, take, pretrained: as of `Fitted`. metrics: by "SPLIT", or "SPLIT:TARGET" where there are several
    targets. differences: by the same keys those of the run minus these, on the same resamples; none where it is itself
    what was measured there.
    """

    name: str
    what: str
    take: str
    pretrained: bool
    metrics: Mapping[str, Metrics] = field(default_factory=dict)
    differences: Mapping[str, Metrics] = field(default_factory=dict)


@dataclass(frozen=True)
class Gain:
    """A run beside its baselines.

    run: what was trained, in words. metrics: its own, by key. measures: by which they are compared, by key. kept: the
    name of the baseline that is the saved model in place of what was trained, "" where there is none, and why. What is
    measured on test rows is the saved model.
    """

    run: str
    metrics: Mapping[str, Metrics]
    measures: Mapping[str, Measure]
    baselines: tuple[Baseline, ...]
    kept: str = ""
    why: str = ""

    def __getitem__(self, name: str) -> Baseline:
        """Return the baseline of that name. KeyError: there is none."""
        return {baseline.name: baseline for baseline in self.baselines}[name]

    @property
    def keys(self) -> list[str]:
        """The keys that count: of the test rows, else of the validation rows."""
        tested = [key for key in self.measures if key.partition(":")[0] == "test"]
        return tested or list(self.measures)

    @property
    def _cheap(self) -> list[Baseline]:
        """The baselines but for tasks that were trained alone, of which `over_alone` tells."""
        return [each for each in self.baselines if each.name != ALONE]

    def said(self) -> list[str]:
        """Say for each target which is ahead, the run or the best of the baselines; or that one was kept, and why."""
        return [self.why] if self.kept else [text for text, _ in map(self._verdict, self.keys) if text]

    def not_ahead(self) -> list[str]:
        """Say it for each target in which the run is not ahead of every baseline."""
        verdicts = map(self._verdict, self.keys)
        return [self.why] if self.kept else [text for text, ahead in verdicts if text and not ahead]

    def plain(self, key: str, metric: str) -> float | None:
        """Return the best figure of the models without pretraining, but for the constant answer; None without any."""
        found = [
            each.metrics[key][metric].value
            for each in self._cheap
            if not each.pretrained and each.name not in (MAJORITY, self.kept) and key in each.metrics
        ]
        known = [value for value in found if value is not None]
        return None if not known else (max if self.measures[key].higher_is_better else min)(known)

    def best(self, key: str) -> Baseline | None:
        """Return the best baseline by key, the first of equals; None where nothing was compared there."""
        compared = [(self._figure(each, key), each) for each in self._cheap if key in each.differences]
        known = [(value, each) for value, each in compared if value is not None]
        return max(known, key=lambda pair: pair[0])[1] if known else None

    def lead(self, baseline: Baseline, key: str) -> float | None:
        """Return by how many standard errors of the difference the run is ahead of a baseline; None where unknown."""
        measure = self.measures[key]
        change = baseline.differences[key][measure.metric]
        if change.value is None or change.low is None or change.high is None:
            return None
        gain = change.value if measure.higher_is_better else -change.value
        return gain / max((change.high - change.low) / (2 * HALF_WIDTH), 1e-12)

    def change(self, baseline: Baseline, key: str) -> str:
        """Write the difference of the run from a baseline with its interval."""
        metric = self.measures[key].metric
        size, bounds = interval_text(baseline.differences[key][metric])
        return f"{key.replace(':', ' ')} {words(metric)} of the run minus that of the baseline {size}, {bounds}"

    def over_alone(self) -> dict[str, str]:
        """Say by key what each target gained over being trained alone, of what counts; nothing unless it was."""
        found = next((each for each in self.baselines if each.name == ALONE), None)
        if found is None or self.kept:
            return {}
        return {key: self._over(found, key) for key in self.keys if key in found.differences}

    def _over(self, alone: Baseline, key: str) -> str:
        metric, higher = self.measures[key]
        change = alone.differences[key][metric]
        target = key.partition(":")[2]
        if change.value is None or change.low is None or change.high is None:
            return f"{target}: the difference from being trained alone cannot be measured"
        if _find.load(metric).limits == (0.0, 1.0):
            size, unit = 100, f"points of {words(metric)}"
        else:
            size, unit = 1, words(metric)
        value, bounds = interval_text(Interval(change.value * size, change.low * size, change.high * size))
        sign = "+" if change.value > 0 else ""
        better = "" if higher else "; lower is better"
        return f"{target}: {sign}{value} {unit} over being trained alone ({bounds}{better})"

    def to_plain(self) -> dict[str, Any]:
        """Return plain data, safe for JSON."""
        alone = self.over_alone()
        return {
            "run": self.run,
            "metrics": _plain(self.metrics),
            "measures": {key: measure._asdict() for key, measure in self.measures.items()},
            "baselines": [
                {
                    "name": each.name,
                    "what": each.what,
                    "take": each.take,
                    "pretrained": each.pretrained,
                    "metrics": _plain(each.metrics),
                    "differences": _plain(each.differences),
                }
                for each in self.baselines
            ],
            "kept": self.kept,
            "why": self.why,
            "said": self.said(),
            **({"alone": alone} if alone else {}),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Read what `to_plain` gave."""
        baselines = tuple(
            Baseline(**{**each, "metrics": _read(each["metrics"]), "differences": _read(each["differences"])})
            for each in plain["baselines"]
        )
        measures = {key: Measure(**measure) for key, measure in plain["measures"].items()}
        return cls(plain["run"], _read(plain["metrics"]), measures, baselines, plain["kept"], plain["why"])

    def _figure(self, baseline: Baseline, key: str) -> float | None:
        """Return a baseline's figure, larger being better."""
        metric, higher = self.measures[key]
        value = baseline.metrics[key][metric].value
        return value if value is None or higher else -value

    def _verdict(self, key: str) -> tuple[str, bool]:
        """Say which is ahead, the run or the best of the baselines, and whether it is the run; "" where none can be."""
        best = self.best(key)
        if best is None:
            return "", False
        change = best.differences[key][self.measures[key].metric]
        if change.value is None or change.low is None or change.high is None:
            return "", False
        known = f"({self.change(best, key)})"
        if change.low <= 0 <= change.high:
            said = f"The run is neither ahead of the baseline {best.name} nor behind by more than chance {known}."
            return said + self._brought(key, best), False
        if (change.value > 0) == self.measures[key].higher_is_better:
            return f"The run is ahead of every baseline, the best of which is {best.name} {known}.", True
        take = f": take {best.take}" if best.take else ""
        plain = "" if best.pretrained else ", which needs no pretraining,"
        return (
            f"The baseline {best.name}{plain} is ahead of the run {known}{take}.{self._brought(key, best, told=True)}",
            False,
        )

    def _brought(self, key: str, best: Baseline, *, told: bool = False) -> str:
        """Say that pretraining brought nothing, where a model without it is not behind the run by more than chance.

        Args:
            key: Of the rows and the target.
            best: The best baseline, whose difference was told.
            told: Whether it was told, too, that the best one is ahead and whether it is pretrained.

        Returns:
            A sentence; "" where the run has no pretraining, or is ahead of all that have none.
        """
        if not any(each.pretrained for each in self._cheap):
            return ""
        leads = {
            each.name: self.lead(each, key)
            for each in self._cheap
            if not each.pretrained and each.name != MAJORITY and key in each.differences
        }
        level = {name: lead for name, lead in leads.items() if lead is not None and lead <= HALF_WIDTH}
        if not level:
            return ""
        name = min(level, key=lambda name: level[name])
        if name != best.name:
            known = f" ({self.change(self[name], key)})"
        elif told:
            return " Pretraining brought nothing here."
        else:
            known = ""
        return f" Pretraining brought nothing here: {name} needs none, and the run is not ahead of it{known}."


def beside(
    gain: Gain,
    data: Dataset,
    split: str,
    fitted: Sequence[Fitted],
    own: Outputs,
    calibrations: Mapping[str, Calibration],
    *,
    seed: int,
) -> Gain:
    """Measure the baselines and the run on the rows of a split, and add what is found.

    Args:
        gain: Of splits that were measured before.
        data: The rows.
        split: "validation", or "test" for the saved model.
        fitted: The baselines of `gain`, in its order.
        own: What the run gives for the split, not calibrated, by split and target.
        calibrations: The run's, by target.
        seed: Of the bootstrap.

    Returns:
        The gain with the keys of the split.
    """
    rows, task = data.splits[split], data.task
    metrics, measures = dict(gain.metrics), dict(gain.measures)
    found: list[tuple[dict[str, Metrics], dict[str, Metrics]]] = [({}, {}) for _ in fitted]
    for name, target in rows.predicted(task).items():
        key, labels, places = task.key(split, name), rows.labels_of(name), rows.places(name)
        how: dict[str, Any] = {"seed": seed, "resamples": RESAMPLES, "groups": data.groups_of(rows.of(name))}
        limits = calibrations[name].thresholds
        mine = target.scale(own[split][name][places], calibrations[name].temperature)
        measured = evaluate(target, labels, mine, thresholds=limits, **how)
        metric = target.selection(data.splits["train"].labels_of(name))
        metric = metric if metric in measured.metrics else target.primary
        measures[key] = Measure(metric, measured.higher_is_better[metric])
        if not gain.kept:
            metrics[key] = measured.metrics
        for each, (theirs, differences) in zip(fitted, found, strict=True):
            calibration = each.calibrations[name]
            outputs = target.scale(each.outputs[split][name][places], calibration.temperature)
            theirs[key] = evaluate(target, labels, outputs, thresholds=calibration.thresholds, **how).metrics
            if each.name != gain.kept:
                both = (calibration.thresholds, limits)
                differences[key] = paired(target, labels, outputs, mine, thresholds=both, **how).differences
    baselines = tuple(
        dataclasses.replace(each, metrics={**each.metrics, **theirs}, differences={**each.differences, **differences})
        for each, (theirs, differences) in zip(gain.baselines, found, strict=True)
    )
    return dataclasses.replace(gain, metrics=metrics, measures=measures, baselines=baselines)


def none_yet(run: str, fitted: Sequence[Fitted]) -> Gain:
    """Begin a gain of which nothing is measured yet."""
    return Gain(run, {}, {}, tuple(Baseline(each.name, each.what, each.take, each.pretrained) for each in fitted))


def _plain(metrics: Mapping[str, Metrics]) -> dict[str, Any]:
    return {key: {name: interval.to_plain() for name, interval in found.items()} for key, found in metrics.items()}


def _read(plain: Mapping[str, Any]) -> dict[str, dict[str, Interval]]:
    return {key: {name: Interval(**each) for name, each in found.items()} for key, found in plain.items()}
