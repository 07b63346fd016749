"""What a finished run offers: its result, its figures, its model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.artifact.load import load
from headstart.artifact.predictor import Predictor
from headstart.core.recipe import Recipe
from headstart.core.types import Task, kind_of
from headstart.engine.job import Outcome
from headstart.evaluation.headline import Headline
from headstart.evaluation.metrics import Evaluation
from headstart.evaluation.tables import metrics_frame, shown_as_html
from headstart.runs.evaluate import Evaluated, evaluate_saved, metrics_plain
from headstart.runs.folder import MODEL
from headstart.runs.gain import Gain
from headstart.runs.report import write_report

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class Run:
    """A finished run.

    `evaluations` holds one for each split that there is of validation and test; where there are several targets, for
    each split and target: "test:mood". `headlines` are the result in a sentence for each target, of the test rows or
    else of the validation rows. `gain` compares it with its baselines, where something was measured;
    `label_curve` says what more labels would gain, as plain data (`headstart.runs.label_curve`).
    """

    folder: Path
    task: Task
    recipe: Recipe
    evaluations: Mapping[str, Evaluation]
    outcome: Outcome
    notes: Sequence[str]
    seconds: float
    gain: Gain | None = None
    label_curve: Mapping[str, Any] | None = None
    headlines: tuple[Headline, ...] = ()

    def __repr__(self) -> str:
        """Say what was fitted, and what it came to."""
        plain = self.to_plain()
        what = " of ".join(filter(None, (plain["strategy"], plain["source"])))
        return "\n".join([f"Run {self.folder}: {what}, {self.seconds:.0f} s", *(made.text for made in self.headlines)])

    def __fspath__(self) -> str:
        """Return the folder, so that a run stands where the path of one does: `hs.compare([run, other])`."""
        return str(self.folder)

    def _repr_html_(self) -> str:
        """Show the result and all figures in a notebook."""
        return shown_as_html(str(self).splitlines(), self.evaluations)

    @property
    def metrics(self) -> pd.DataFrame:
        """All figures with their intervals: a row for each split and metric (and target, where there are several)."""
        return metrics_frame(self.evaluations)

    @cached_property
    def model(self) -> Predictor:
        """The saved model, loaded when it is first used."""
        return load(self.folder / MODEL)

    def predict(self, data: Any, *, skip_bad: bool = False) -> Any:
        """Predict for new examples: as `Predictor.predict`."""
        return self.model.predict(data, skip_bad=skip_bad)

    def predict_proba(self, data: Any, *, skip_bad: bool = False) -> Any:
        """Predict the probability of each class: as `Predictor.predict_proba`."""
        return self.model.predict_proba(data, skip_bad=skip_bad)

    def embed(self, data: Any) -> np.ndarray:
        """Compute the features that the head sees, [N, D]: as `Predictor.embed`."""
        return self.model.embed(data)

    def evaluate(self, data: Any = None, *, task: str | None = None) -> Evaluated:
        """Evaluate on other labelled rows, or again on the run's own: as `headstart.evaluate`."""
        return evaluate_saved(self.folder, data, task=task)

    def report(self) -> Path:
        """Draw the report anew, and return the page's path."""
        return write_report(self.folder)

    def to_plain(self) -> dict[str, Any]:
        """Return the JSON object that `headstart fit --json` prints last."""
        strategies = [stage.strategy.name for stage in self.recipe.stages if stage.strategy]
        objectives = [stage.objective.name for stage in self.recipe.stages]
        return {
            "run": str(self.folder),
            "task": {"modality": self.task.modality, **_described(self.task)},
            "source": self.recipe.source.name if self.recipe.source else None,
            "strategy": "+".join(strategies),
            "objective": "+".join(objectives),
            "headlines": [made.to_plain() for made in self.headlines],
            "metrics": metrics_plain(self.evaluations),
            "rows": {key: evaluation.rows for key, evaluation in self.evaluations.items()},
            "steps": self.outcome.steps,
            "endings": list(self.outcome.endings),
            "once": list(self.outcome.once),
            "moved": dict(self.outcome.moved),
            "seconds": round(self.seconds, 2),
            **({"gain": self.gain.to_plain()} if self.gain else {}),
            **({"label_curve": self.label_curve} if self.label_curve else {}),
        }


def _described(task: Task) -> dict[str, Any]:
    """Describe the only target by kind and classes, or several by name."""
    plain = {name: {"kind": kind_of(t), "classes": list(t.classes)} for name, t in task.targets.items()}
    return next(iter(plain.values())) if len(plain) == 1 else {"targets": plain}
