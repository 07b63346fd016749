"""The model without pretraining that stands beside a run: how good it is on the same rows, and which one is ahead."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.errors import SourceError, reason_of
from headstart.core.interface import option
from headstart.core.recipe import Recipe
from headstart.core.types import Calibration, Event, Listener, Solving, silent
from headstart.data.rows import Dataset
from headstart.data.transforms import make_transform
from headstart.drawing.text import words
from headstart.engine.predict import embed, predict
from headstart.evaluation.bootstrap import paired
from headstart.evaluation.metrics import evaluate
from headstart.evaluation.results import Comparison, Evaluation
from headstart.evaluation.tables import interval_text
from headstart.inputs import by_name
from headstart.runs.evaluate import Results, metrics_plain
from headstart.runs.network import build_model, load_backbone
from headstart.runs.refit import whole

MOST_ROWS = 50_000  # of training: beyond them the features are cut so much that they say little


@dataclass(frozen=True)
class Baseline:
    """What a source without pretraining gives with a linear head on the rows that the run was measured on.

    metrics: by split, or "SPLIT:TARGET". differences: those of the run minus these, on the same resamples.
    """

    source: str
    metrics: Mapping[str, Evaluation]
    differences: Mapping[str, Comparison]

    def said(self) -> list[str]:
        """Write for each target how good the baseline is and which one is ahead."""
        return [self._said(key) for key in self.metrics]

    def not_behind(self) -> list[str]:
        """Write for each target in which the run is not ahead of the baseline that it is not."""
        return [text for text, ahead in map(self._verdict, self.metrics) if text and not ahead]

    def to_plain(self) -> dict[str, Any]:
        """Return plain data, safe for JSON."""
        return {
            "source": self.source,
            "metrics": metrics_plain(self.metrics),
            "differences": {key: difference.to_plain() for key, difference in self.differences.items()},
            "said": self.said(),
        }

    def _said(self, key: str) -> str:
        name = self.differences[key].primary
        value, interval = interval_text(self.metrics[key].metrics[name])
        start = f"Baseline without pretraining ({self.source}), {key} {words(name)}: {value} ({interval})."
        return f"{start} {self._verdict(key)[0]}".rstrip()

    def _verdict(self, key: str) -> tuple[str, bool]:
        """Say which one is ahead ("" where it cannot be told), and whether it is the run."""
        difference = self.differences[key]
        name = difference.primary
        change = difference.differences[name]
        if change.value is None or change.low is None or change.high is None:
            return "", False
        gain = change.value if difference.higher_is_better[name] else -change.value
        size, bounds = interval_text(change)
        known = f"{words(name)} of the run minus that of the baseline {size}, {bounds}"
        plain = "the model without pretraining"
        if change.low <= 0 <= change.high:
            return f"The run is neither ahead of {plain} nor behind by more than chance ({known}).", False
        if gain > 0:
            return f"The run is ahead of {plain} ({known}).", True
        return f"T{plain[1:]} is ahead of the run ({known}): take the source {self.source}.", False


def compare(
    recipe: Recipe,
    dataset: Dataset,
    results: Results,
    calibrations: Mapping[str, Calibration],
    listen: Listener = silent,
) -> Baseline | None:
    """Fit the modality's baseline on the rows that the run learnt; measure it on its test rows, else validation rows.

    Args:
        recipe: The run's, with everything chosen.
        dataset: The run's.
        results: Rows and calibrated outputs of the run by split.
        calibrations: The run's, by target.
        listen: Is told why there is no baseline where one was to be expected.

    Returns:
        The baseline; None where the modality has none, the run is itself the baseline, or there is nothing to compare.
    """
    train = dataset.splits["train"]
    source = by_name(dataset.task.modality).baseline(train.inputs)
    split = next((name for name in ("test", "validation") if name in results), None)
    own = recipe.source.name if recipe.source else ""
    if source is None or split is None or own == source or not train.labels:
        return None
    if len(train) > MOST_ROWS:
        _leave_out(source, f"there are {len(train):,} training rows, more than {MOST_ROWS:,}", listen)
        return None
    if recipe.refit == "yes" and split == "test":
        dataset = whole(dataset)
        train = dataset.splits["train"]
    try:
        plain = dataclasses.replace(Recipe(seed=recipe.seed), source=Choice(source))
        model = build_model(plain, dataset, load_backbone(plain, dataset))
    except SourceError as error:
        _leave_out(source, reason_of(error), listen)
        return None
    transform = make_transform(model.backbone.card.input)
    features = embed(model, train, transform)
    loss = plugins.build("objectives", "supervised", {}).loss_options
    groups = [dataset.groups.get(row, row) for row in train.ids] if dataset.groups else None
    asked_for, made = recipe.stages[-1].imbalance, {}
    for name, head in model.by_target().items():
        wanted = Solving(loss, asked_for, recipe.seed, groups)
        wanted = wanted if head.solves(wanted) else wanted._replace(imbalance="none")
        if head.solves(wanted):
            head.output.rebalance(wanted.imbalance, train.labels[name])
            solved = head.solve(features, train.labels[name], wanted)
            asked = np.flatnonzero(np.isfinite(solved.out_of_fold).all(axis=1))
            out = head.decode(torch.from_numpy(solved.out_of_fold[asked])).numpy()
            made[name] = head.target.calibrate(train.take(asked).labels[name], out)
    rows = results[split].rows
    outputs = predict(model, rows, transform)
    metrics, differences, groups = {}, {}, dataset.groups_of(rows)
    for name, calibration in made.items():
        target, labels, key = dataset.task.targets[name], rows.labels[name], dataset.task.key(split, name)
        found = target.scale(outputs[name], calibration.temperature)
        metrics[key] = evaluate(
            target, labels, found, seed=recipe.seed, groups=groups, thresholds=calibration.thresholds
        )
        differences[key] = paired(
            target,
            labels,
            found,
            results[split].calibrated[name],
            seed=recipe.seed,
            groups=groups,
            thresholds=(calibration.thresholds, calibrations[name].thresholds),
        )
    return Baseline(source, metrics, differences) if metrics else None


def _leave_out(source: str, why: str, listen: Listener) -> None:
    listen(Event("note", f"no baseline {source} beside this run: {why}. Try it by itself: {option('source', source)}"))
