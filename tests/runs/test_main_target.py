"""One of several targets counts: steps and models are chosen by its validation rows, whatever the others say."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import toys
from headstart.core.choice import Choice
from headstart.core.errors import UsageError
from headstart.core.recipe import Recipe, Stage
from headstart.core.stopping import Stop
from headstart.core.types import Event, Measured
from headstart.criteria._target import OfTarget
from headstart.criteria.validation import Validation
from headstart.data.rows import Dataset
from headstart.engine.fit import fit
from headstart.engine.job import Outcome
from headstart.runs.begin import begin, check
from headstart.runs.network import build_model
from headstart.runs.plan import make_plan
from headstart.runs.training import make_jobs

DATA = toys.mixed()
LEAST = Choice("validation", {"least": 1})


def noisy(target: str) -> Dataset:
    """Replace a target's labels of the validation rows by noise."""
    rows, random = DATA.splits["validation"], np.random.default_rng(7)
    labels = {**rows.labels, target: random.permutation(rows.labels[target])}
    return dataclasses.replace(DATA, splits={**DATA.splits, "validation": dataclasses.replace(rows, labels=labels)})


def trained(folder: Path, data: Dataset, main: str | None) -> tuple[Outcome, dict[str, torch.Tensor], list[str]]:
    """Train until no gain; return the end, the weights, and what each evaluation gave."""
    folder.mkdir()
    found: list[str] = []

    def listen(event: Event) -> None:
        if event.kind == "evaluation":
            found.append(event.message)

    way = {"strategy": Choice("full"), "objective": Choice("tasks"), "criterion": LEAST, "augment": "plain"}
    stage = Stage(**way, steps=30, batch_size=8, lr=0.05, evaluate=1, patience=4, optimiser="adamw", warmup=0.0)
    plan = make_plan(Recipe(stages=(stage,), main=main, refit="no"), data)
    model = build_model(plan.recipe, data, toys.tiny())
    outcome = fit(model, *make_jobs(plan, data, model.backbone, folder, listen, Stop(), "float32"))
    return outcome, toys.snapshot(model), found


def test_noise_in_the_labels_of_a_helper_changes_no_choice(tmp_path: Path) -> None:
    ended, weights, scores = trained(tmp_path / "a", DATA, "mood")
    noise, same, again = trained(tmp_path / "b", noisy("size"), "mood")
    assert scores == again and 1 < len(scores) < 30  # patience ended it
    assert (ended.steps, ended.kept) == (noise.steps, noise.kept)
    assert all(torch.equal(tensor, same[name]) for name, tensor in weights.items())
    _, _, other = trained(tmp_path / "c", noisy("mood"), "mood")
    assert other != scores
    _, _, both = trained(tmp_path / "d", DATA, None)
    _, _, noisy_both = trained(tmp_path / "e", noisy("size"), None)
    assert both != noisy_both  # without a target that counts all of them do


def test_the_criterion_sees_the_rows_and_outputs_of_the_target_alone() -> None:
    rows = DATA.splits["validation"]
    right = np.eye(3, dtype=np.float32)[rows.labels["mood"]]
    outputs = {"mood": right, "size": np.full((12, 1), np.nan, np.float32)}
    measured = {"validation": Measured(rows, outputs)}
    found = OfTarget(Validation(least=1), "mood").score(DATA.task, measured)
    assert found is not None and (found.name, found.value) == ("accuracy", 1.0)
    few = OfTarget(Validation(least=9), "mood").score(DATA.task, measured)
    assert not found.undecided and few is not None and few.undecided.startswith("8 validation rows are too few")
    assert OfTarget(Validation(), "size").score(DATA.task, {"validation": Measured(rows.of("mood"), outputs)}) is None


def test_the_plan_tells_it_and_an_unknown_target_is_refused_first(tmp_path: Path) -> None:
    full = (Stage(strategy=Choice("full")),)
    said = "the target that counts is 'mood': steps are chosen by its 8 validation rows alone; 'size' helps"
    assert said in make_plan(Recipe(main="mood", stages=full), DATA).notes
    with pytest.raises(UsageError, match=r"There is no target 'mod'\. Did you mean 'mood'\?"):
        begin(DATA, Recipe(main="mod"))
    tasks: dict[str, Any] = {"tasks": {name: {"path": str(tmp_path / name)} for name in ("mood", "topic")}}
    with pytest.raises(UsageError, match=r"There is no task 'topics'\. Did you mean 'topic'\?"):
        check(Recipe.from_plain({**tasks, "main": "topics"}))
