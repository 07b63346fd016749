"""Model soups: the mean of the weights of several runs from one start (Wortsman et al. 2022, arXiv:2203.05482).

"uniform" averages all runs. "greedy" starts with the run that is best on validation, tries the others from the best to
the worst, and keeps each one with which the mean is no worse (their recipe 1). Runs that did not start from the same
weights are not on one plane, and their mean is of no use: the source must be the same one.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from headstart.artifact.load import load
from headstart.artifact.predictor import Predictor
from headstart.artifact.save import save
from headstart.core import storage
from headstart.core.errors import UsageError, first_few
from headstart.core.interface import call, option
from headstart.core.types import Event, Listener, Score, silent
from headstart.data.read import read
from headstart.data.rows import Dataset
from headstart.data.transforms import make_transform
from headstart.engine.predict import predict
from headstart.evaluation.metrics import Evaluation
from headstart.evaluation.quick import score_all
from headstart.runs.evaluate import Results, evaluate_splits, metrics_plain, write_results
from headstart.runs.resuming import check_there, placed

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Member:
    """A run in the soup, or left out of it: its own score on validation, where there is one."""

    run: str
    validation: float | None
    kept: bool


@dataclass(frozen=True)
class Soup:
    """A finished soup; `folder` is loaded like a run's."""

    folder: Path
    kind: str
    members: tuple[Member, ...]
    evaluations: Mapping[str, Evaluation]

    def to_plain(self) -> dict[str, Any]:
        """Return the JSON object that `headstart soup --json` prints last."""
        return {
            "run": str(self.folder),
            "soup": self.kind,
            "members": [vars(member) for member in self.members],
            "metrics": metrics_plain(self.evaluations),
        }


def soup(
    runs: Sequence[str | Path],
    data: Any = None,
    *,
    out: str | Path,
    kind: Literal["greedy", "uniform"] = "greedy",
    device: str = "auto",
    listen: Listener = silent,
) -> Soup:
    """Average the weights of several runs.

    Args:
        runs: Folders of runs that started from the same source, with the same head, on the same data.
        data: What they were fitted on; None takes the first run's path.
        out: The folder to make.
        kind: Which runs go in: all, or those that help on validation.
        device: Where to compute.
        listen: Is told each run's score.

    Returns:
        The soup, evaluated on validation and test.

    Raises:
        UsageError: The runs do not fit each other, or the data is not what they were fitted on.
        StorageError: A run holds no saved model or is damaged, or `out` exists.
    """
    if kind not in ("greedy", "uniform"):
        raise UsageError(f"There is no soup '{kind}'. Known: greedy, uniform.")
    if len(runs) < 2:
        raise UsageError("A soup takes at least two runs.")
    if Path(out).exists():
        raise UsageError(f"{out} exists already. Name another folder.")
    names = [str(run) for run in runs]
    predictors = [load(run, device=device) for run in runs]
    _check(names, predictors)
    first = predictors[0]
    dataset = _dataset(names[0], str(out), first, data)
    if learnt := [name for name, one in zip(names, predictors, strict=True) if one.recipe.refit == "yes"]:
        if kind == "greedy":
            raise UsageError(
                f"{learnt[0]} learnt the validation rows too, which a greedy soup goes by. "
                f"Fit the runs with {option('refit', 'no')}, or make the uniform soup: {option('kind', 'uniform')}."
            )
        others = {split: rows for split, rows in dataset.splits.items() if split != "validation"}
        dataset = dataclasses.replace(dataset, splits=others)
    states: list[Tensors] = [
        {name: tensor.detach().cpu().clone() for name, tensor in predictor.model.state_dict().items()}
        for predictor in predictors
    ]
    scorer = _scorer(first, dataset)
    scores = [_scored(scorer, state) for state in states]
    for name, found in zip(names, scores, strict=True):
        if found is not None:
            listen(Event("note", f"{name}: validation {found.name} {found.value:.4f}"))
    kept = set(range(len(runs))) if kind == "uniform" else _greedy(scorer, states, scores)
    first.model.load_state_dict(mean([states[place] for place in sorted(kept)]))
    members = tuple(
        Member(name, None if found is None else found.value, place in kept)
        for place, (name, found) in enumerate(zip(names, scores, strict=True))
    )
    folder = Path(out)
    folder.mkdir(parents=True)
    try:
        return _write(folder, first, dataset, kind, members, device)
    except BaseException:  # a half is of no use, and would be in the way of the next try
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _write(
    folder: Path, first: Predictor, dataset: Dataset, kind: str, members: tuple[Member, ...], device: str
) -> Soup:
    """Save the first run's model, which holds the mean now, measure it and write what was found."""
    fingerprint, precision = first.fingerprint, first.precision
    save(folder / "model", first.model, first.task, first.recipe, fingerprint=fingerprint, precision=precision)
    results: Results = {}
    predictor = load(folder / "model", device=device)
    metrics = evaluate_splits(predictor, dataset, seed=first.recipe.seed, results=results)
    made = Soup(folder, kind, members, metrics)
    write_results(folder, first.task, metrics, results, predictor.calibrations)
    storage.write_text(folder / "soup.json", json.dumps(made.to_plain(), indent=1, ensure_ascii=False))
    return made


def mean(states: Sequence[Tensors]) -> Tensors:
    """Average tensors by name; those that hold no real numbers are the first one's."""
    return {
        name: torch.stack([state[name].double() for state in states]).mean(dim=0).to(tensor.dtype)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in states[0].items()
    }


def _scored(scorer: Callable[[Tensors], Score] | None, state: Tensors) -> Score | None:
    return None if scorer is None else scorer(state)


def _greedy(
    scorer: Callable[[Tensors], Score] | None, states: Sequence[Tensors], scores: Sequence[Score | None]
) -> set[int]:
    if scorer is None:
        raise UsageError(
            f"A greedy soup needs validation rows, and the data has none: {option('kind', 'uniform')} takes all runs."
        )
    alone = [found.value if found.higher_is_better else -found.value for found in scores if found is not None]
    order = sorted(range(len(states)), key=lambda place: -alone[place])
    kept = [order[0]]
    best = scores[order[0]]
    for place in order[1:]:
        together = scorer(mean([states[p] for p in (*kept, place)]))
        if best is None or not best.beats(together):  # no worse
            kept.append(place)
            best = together
    return set(kept)


def _scorer(first: Predictor, dataset: Dataset) -> Callable[[Tensors], Score] | None:
    """Make the function that scores weights on the validation rows; None without such rows."""
    rows = dataset.splits.get("validation")
    if rows is None or not rows.labels:
        return None
    transform = make_transform(first.model.backbone.card.input)

    def scorer(state: Tensors) -> Score:
        first.model.load_state_dict(state)
        outputs = predict(first.model, rows, transform, precision=first.precision)
        return Score(*score_all(first.task, rows, outputs))

    return scorer


def _check(names: Sequence[str], predictors: Sequence[Predictor]) -> None:
    """Check that the runs' networks and tasks are the same."""
    first, shapes = predictors[0], _shapes(predictors[0])
    if not all(head.learns_by_steps for head in first.model.by_target().values()):
        raise UsageError(
            f"{names[0]} has a head that is solved and has no weights to average, such as trees. A soup is of others."
        )
    for name, predictor in zip(names[1:], predictors[1:], strict=True):
        if predictor.task != first.task:
            raise UsageError(f"{name} predicts another task than {names[0]}: their classes or columns differ.")
        differing = {n for n in shapes.keys() | _shapes(predictor).keys() if shapes.get(n) != _shapes(predictor).get(n)}
        if differing:
            raise UsageError(
                f"{name} has another network than {names[0]}: {first_few(sorted(differing))} differ. "
                "A soup is of runs from one source with one head."
            )
        ours = placed(first.recipe, names[0]).source
        theirs = placed(predictor.recipe, name).source
        if ours != theirs:
            raise UsageError(
                f"{name} started from {theirs.name if theirs else 'nothing'}, {names[0]} from "
                f"{ours.name if ours else 'nothing'}. A soup is of runs from one start."
            )
        if predictor.fingerprint != first.fingerprint:
            raise UsageError(
                f"{name} was fitted on other rows than {names[0]}, or split them otherwise (by seeds "
                f"{predictor.recipe.seed} and {first.recipe.seed}): it may have learnt from rows that would judge it. "
                "Fit on the same data, with splits of its own (folders or files train, validation, test)."
            )


def _shapes(predictor: Predictor) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in predictor.model.state_dict().items()}


def _dataset(name: str, out: str, first: Predictor, data: Any) -> Dataset:
    plan = placed(first.recipe, name).data
    if data is None:
        check_there(plan.path, call("soup", "RUNS", data="DATA", out=out))
        data = plan.path
    if data is None:
        raise UsageError(f"{name} was fitted on data in memory: give the data.")
    dataset = data if isinstance(data, Dataset) else read(data, plan, seed=first.recipe.seed, task=first.task)
    if dataset.fingerprint != first.fingerprint:
        raise UsageError(f"The data is not what {name} was fitted on: rows, labels or splits have changed.")
    return dataset
