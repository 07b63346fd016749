"""Evaluate a saved model on labelled rows, and write the results."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from headstart.artifact.load import load
from headstart.artifact.predictor import Predictor
from headstart.core import plugins, storage
from headstart.core.choice import Choice
from headstart.core.errors import UsageError, first_few
from headstart.core.interface import on_command_line, option
from headstart.core.recipe import DataPlan
from headstart.core.types import Calibration, Event, Listener, Target, Task, silent
from headstart.data.checks import for_all
from headstart.data.read import read
from headstart.data.rows import Dataset, Rows
from headstart.data.tasks import read_data
from headstart.data.transforms import check_examples, told_cut, told_unknown
from headstart.engine.feed import Workers
from headstart.evaluation.headline import Headline, headline
from headstart.evaluation.measure import measured
from headstart.evaluation.metrics import Evaluation, evaluate
from headstart.evaluation.results import finite
from headstart.evaluation.tables import metrics_frame, predictions_frame, shown_as_html
from headstart.features.frozen import KnownFeatures
from headstart.metrics._find import suited, value
from headstart.runs.gain import Gain
from headstart.runs.resuming import check_there, placed

if TYPE_CHECKING:
    import pandas as pd

OPTIMISTIC = "these rows chose the step, the penalty or the thresholds: their figures are optimistic"
MOST_TO_INDENT = 100  # classes
LEARNT = "the validation rows were learnt too, after they had chosen (refit)"


class Outputs(NamedTuple):
    """Rows of a split with what the network gave for them, by target, and what came of it by calibration."""

    rows: Rows
    raw: Mapping[str, np.ndarray]
    calibrated: Mapping[str, np.ndarray]


Results = dict[str, Outputs]


@dataclass(frozen=True, repr=False)
class Evaluated:
    """A saved model's evaluations by split, or by "SPLIT:TARGET" where there are several targets."""

    folder: Path
    task: Task
    evaluations: Mapping[str, Evaluation]
    headlines: tuple[Headline, ...] = ()

    def __repr__(self) -> str:
        """Say what the model came to."""
        return "\n".join([f"Evaluated {self.folder}", *(made.text for made in self.headlines)])

    def _repr_html_(self) -> str:
        """Show the result and all figures in a notebook."""
        return shown_as_html(str(self).splitlines(), self.evaluations)

    @property
    def metrics(self) -> pd.DataFrame:
        """All figures with their intervals: a row for each split and metric (and target, where there are several)."""
        return metrics_frame(self.evaluations)

    def to_plain(self) -> dict[str, Any]:
        """Return the JSON object that `headstart evaluate --json` prints last."""
        return {
            "run": str(self.folder),
            "headlines": [made.to_plain() for made in self.headlines],
            "metrics": metrics_plain(self.evaluations),
            "rows": {s: e.rows for s, e in self.evaluations.items()},
        }


def metrics_plain(metrics: Mapping[str, Evaluation]) -> dict[str, Any]:
    """Return each evaluation's metrics as {name: {value, low, high}}."""
    return {
        key: {name: dataclasses.asdict(interval) for name, interval in evaluation.metrics.items()}
        for key, evaluation in metrics.items()
    }


def evaluate_splits(
    predictor: Predictor,
    dataset: Dataset,
    *,
    seed: int,
    results: Results,
    raw: Mapping[str, Mapping[str, np.ndarray]] | None = None,
    workers: Workers | None = None,
    known: KnownFeatures | None = None,
) -> dict[str, Evaluation]:
    """Evaluate on the validation and test rows that there are.

    Args:
        predictor: The model.
        dataset: Its class list is the model's.
        seed: Seed of the bootstrap.
        results: Takes the rows and predictions of each split.
        raw: The network's outputs by split and target, where they are known already.
        workers: Open the images; None opens them in this process.
        known: Features of rows that need not be computed again; takes those that are computed now.

    Returns:
        An evaluation a split, or a split and target.
    """
    evaluations = {}
    task = dataset.task
    for split in ("validation", "test"):
        rows = dataset.splits.get(split)
        if rows is None or not rows.labels or not task.predicted:
            continue
        found = (raw or {}).get(split)
        outputs = _raw_outputs(predictor, rows, workers, known) if found is None else found
        results[split] = Outputs(rows, outputs, predictor.calibrate(outputs))
        chose = (OPTIMISTIC,) if split == "validation" else ()
        for name, target in rows.predicted(task).items():
            own = rows.of(name)
            made = evaluate(
                target,
                own.labels[name],
                results[split].calibrated[name][rows.places(name)],
                seed=seed,
                groups=dataset.groups_of(own),
                thresholds=predictor.calibrations[name].thresholds,
            )
            evaluations[task.key(split, name)] = dataclasses.replace(made, notes=(*chose, *made.notes))
    return evaluations


def headlines(
    task: Task,
    plan: DataPlan,
    results: Results,
    evaluations: Mapping[str, Evaluation],
    *,
    gain: Gain | None = None,
) -> tuple[Headline, ...]:
    """Write the result in a sentence for each target.

    Args:
        task: What was predicted.
        plan: Names the domains, where there are some.
        results: Rows that were measured, by split.
        evaluations: By split, or "SPLIT:TARGET".
        gain: Has the figures without pretraining.

    Returns:
        The sentences, of the test rows or else of the validation rows; none where nothing was measured.
    """
    measured = {
        name: split
        for split in ("validation", "test")
        if split in results
        for name in results[split].rows.predicted(task)
    }
    return tuple(
        headline(
            task.key(split, name),
            target,
            evaluations[task.key(split, name)],
            results[split].rows.labels_of(name),
            domain=domain_of(plan, split),
            plain=gain and gain.plain(task.key(split, name), evaluations[task.key(split, name)].primary),
        )
        for name, target in task.predicted.items()
        for split in ([measured[name]] if name in measured else ())
    )


def domain_of(plan: DataPlan, split: str) -> str:
    """Name the domain that the rows of a split are of: tested is the target domain, validated the source's."""
    return first_few(plan.domains[split == "test"])


def _raw_outputs(
    predictor: Predictor, rows: Rows, workers: Workers | None, known: KnownFeatures | None
) -> Mapping[str, np.ndarray]:
    if workers is None:
        return predictor.raw_outputs(rows, known=known)
    return workers.run(lambda count: predictor.raw_outputs(rows, workers=count, known=known))


def write_results(
    folder: Path,
    task: Task,
    metrics: Mapping[str, Evaluation],
    results: Results,
    calibrations: Mapping[str, Calibration],
) -> None:
    """Write metrics.json and predictions.parquet."""
    import pandas as pd

    plain: dict[str, Any] = {key: evaluation.to_plain() for key, evaluation in metrics.items()}
    for split, outputs in results.items():
        for name, target in outputs.rows.predicted(task).items():
            if calibrations[name].temperature is not None:
                plain[task.key(split, name)]["uncalibrated"] = _uncalibrated(target, name, outputs)
    storage.write_text(
        folder / "metrics.json", json.dumps(plain, indent=_indent(task), ensure_ascii=False, allow_nan=False)
    )
    frames = [
        predictions_frame(
            task, list(rows.ids), rows.labels, calibrated, calibrations=calibrations, known=rows.known
        ).assign(split=split)
        for split, (rows, _, calibrated) in results.items()
    ]
    if frames:
        with storage.new_file(folder / "predictions.parquet") as path:
            pd.concat(frames).to_parquet(path)


def _indent(task: Task) -> int | None:
    """Return how metrics.json is indented: not at all with many classes, where that takes seconds and megabytes."""
    return 1 if all(target.outputs <= MOST_TO_INDENT for target in task.predicted.values()) else None


def _uncalibrated(target: Target, name: str, outputs: Outputs) -> dict[str, float | None]:
    """Return what the metrics would be without the temperature."""
    rows = outputs.rows
    found = measured(target, rows.labels_of(name), outputs.raw[name][rows.places(name)])
    known = suited(found)
    return {name: finite(value(metric, found)) for name, metric in known.items() if metric.of_probabilities}


def evaluate_saved(
    folder: str | Path,
    data: Any = None,
    *,
    task: str | None = None,
    device: str = "auto",
    workers: int = 0,
    listen: Listener = silent,
) -> Evaluated:
    """Evaluate a saved model again.

    Args:
        folder: A run or an artefact.
        data: Labelled rows, all of which are evaluated as "test"; None evaluates on the run's own splits.
        task: The only one of several targets to evaluate; other data needs the labels of this one alone.
        device: Where to compute.
        workers: Processes that load data.
        listen: Is told what was read.

    Returns:
        The evaluation of each split.

    Raises:
        StorageError: The artefact is damaged.
        DataError: Rows are wrong, or have classes that the model does not know.
        UsageError: No data was named, and the run was fitted on data in memory; the model predicts nothing; or it is
            not said of which task the labels are.
    """
    predictor = load(folder, device=device)
    if not predictor.task.predicted:
        raise UsageError(
            f"{folder} was pretrained without labels: there is nothing to measure. Start from it with "
            f"{option('source', f'run:{folder}')}, and measure that."
        )
    recipe, whole, own = placed(predictor.recipe, folder), predictor.task, data is None
    seed = recipe.seed
    if own:
        again = f"headstart evaluate {folder} DATA" if on_command_line() else f"hs.evaluate({str(folder)!r}, DATA)"
        for each in recipe.plans.values():
            check_there(each.path, again)
            if each.path is None:
                raise UsageError(f"{folder} was fitted on data in memory: name the data to evaluate on.")
    elif recipe.tasks and task is None:
        one = first_few((option("task", name) for name in recipe.tasks), " or ")
        raise UsageError(
            f"Say of which task the labels in {data if isinstance(data, str | Path) else 'DATA'} are: {one}."
        )
    predictor = predictor if task is None else predictor.alone(task)
    plan = recipe.data if task is None else recipe.of_task(task).data
    if not own:
        more = dict.fromkeys(("target", "target_labels", "unlabelled"))
        everything = {"validation": 0.0, "source_domain": (), "target_domain": (), **more}
        plan = dataclasses.replace(plan, reader=_reader_for(plan, data), **everything)
    expects = predictor.model.backbone.card.input
    if own:
        dataset = read_data(None, recipe, task=whole, expects=expects)
    else:
        dataset = read(data, plan, seed=seed, task=predictor.task, whole=True, expects=expects)
    for note in dataset.notes:
        listen(Event("detail" if own else "note", note))  # of its own rows the run has said it
    if own and dataset.fingerprint != predictor.fingerprint:
        listen(
            Event(
                "warning",
                f"the data in {recipe.title} has changed since the model was fitted: these are not the run's figures",
            )
        )
    if own and predictor.recipe.refit == "yes" and "validation" in dataset.splits:
        listen(Event("note", f"{LEARNT}; their figures from before are in the run's metrics.json"))
        others = {name: rows for name, rows in dataset.splits.items() if name != "validation"}
        dataset = dataclasses.replace(dataset, splits=others)
    if own and task is not None:
        splits = {name: rows.of(task) for name, rows in dataset.splits.items() if task in rows.labels}
        dataset = dataclasses.replace(dataset, task=predictor.task, splits=splits)
    for_all(dataset.splits, lambda rows: check_examples(rows, expects))
    if told := told_cut(list(dataset.splits.values()), expects, advise=False):
        listen(Event("detail" if own else "note", told))
    if told := next((told for rows in dataset.splits.values() if (told := told_unknown(rows, expects))), ""):
        listen(Event("warning", told))
    helpers = Workers(workers, lambda text: listen(Event("warning", text)))
    raw = {} if own else {"test": _compared(predictor, dataset.splits["test"], helpers, listen)}
    metrics = evaluate_splits(predictor, dataset, seed=seed, results=(results := {}), raw=raw, workers=helpers)
    if not metrics:
        learnt = f" {LEARNT[0].upper()}{LEARNT[1:]}." if own and predictor.recipe.refit == "yes" else ""
        raise UsageError(f"{recipe.title if own else data} holds no validation or test rows to evaluate on.{learnt}")
    return Evaluated(Path(folder), predictor.task, metrics, headlines(dataset.task, plan, results, metrics))


def _compared(predictor: Predictor, rows: Rows, workers: Workers, listen: Listener) -> dict[str, np.ndarray]:
    """Compute outputs of new rows, and tell whether they look unlike those that the model was tested on."""
    compared = predictor.compared(len(rows))
    parts = [raw for _, raw in predictor.raw_in_parts(rows, workers, compared=compared)]
    if compared is not None and (told := compared.told()):
        listen(Event("warning", told))
    return {name: np.concatenate([raw[name] for raw in parts]) for name in parts[0]}


def _reader_for(plan: DataPlan, data: Any) -> Choice | None:
    """Keep the reader with its options where it takes the new data too."""
    chosen = plan.reader
    if chosen is None or not plugins.build("readers", chosen.name, chosen.options).matches(data):
        return None
    return chosen
