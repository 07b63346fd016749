"""Learning by episodes: what a step sees, each loss by hand or by its equation, meta-gradients, kill and resume."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional

import headstart as hs
import toys
from headstart.core import plugins
from headstart.core.episodes import Episode
from headstart.core.recipe import Recipe, Stage
from headstart.core.types import Event, Measured, Stream
from headstart.criteria.episodes import Episodes, tally
from headstart.data.rows import Rows
from headstart.data.streams import BatchStream
from headstart.data.transforms import make_transform
from headstart.inputs.vector import Vector
from headstart.objectives._adapting import Learner, loss_of
from headstart.runs.network import build_model

NAMES = ["protonet", "matching", "r2d2", "maml", "anil", "meta_sgd", "reptile"]
THROUGH = ["maml", "anil", "meta_sgd"]  # whose gradients go through the steps in an episode
EPISODE = Episode(ways=3, shots=2, queries=3)
SMALL: dict[str, Any] = {"ways": 3, "shots": 2, "queries": 3}


def rows(classes: int = 6, each: int = 8) -> Rows:
    random, labels = np.random.default_rng(0), np.arange(classes * each) % classes
    inputs = (random.normal(size=(len(labels), 6)) + 2 * random.normal(size=(classes, 6))[labels]).astype(np.float32)
    return Rows([f"row {n}" for n in range(len(labels))], inputs, {"target": labels})


def stream(tasks: int = 2, start: int = 0, seed: int = 0) -> Any:
    of = Stream("train", sampler="episodes", size=tasks, episode=EPISODE)
    made = BatchStream(rows(), make_transform(Vector(6)), stream=of, batch_size=99, seed=seed)
    return made.batches(start)


def tried(name: str, **options: Any) -> tuple[Any, Any, Any, Any]:
    """Build an objective with a small network in float64, its modules, and a batch of two episodes."""
    what = plugins.build("objectives", name, {**SMALL, "tasks": 2, **options})
    data = toys.dataset(Vector(6), "retrieval")
    model = build_model(Recipe().with_settings({"head.name": "embedding"}), data, toys.tiny()).double()
    torch.manual_seed(0)
    return what, model, what.modules(model).double(), next(stream()).map(double)


def double(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.double() if tensor.is_floating_point() else tensor


def value(what: Any, model: Any, extra: Any, batch: Any) -> torch.Tensor:
    return what.losses(model, extra, {"train": batch}, 0.5)["task"].value


def test_a_step_sees_whole_episodes_class_by_class() -> None:
    batch = next(stream())
    assert len(batch) == 2 * EPISODE.rows
    for part in batch.split(2):
        classes = part.y.view(3, 5)
        assert (classes == classes[:, :1]).all() and len(classes[:, 0].unique()) == 3
        assert len({*part.ids}) == 15
    later = stream()
    for _ in range(2):
        next(later)
    assert [*next(later).ids] == [*next(stream(start=2)).ids] != [*next(stream(seed=1, start=2)).ids]


def test_the_halves_of_an_episode_have_each_class() -> None:
    what = plugins.build("objectives", "protonet", {**SMALL, "tasks": 2})
    first, second = what.episodes(next(stream()))
    assert first.learnt.tolist() == [0, 0, 1, 1, 2, 2] and first.truth.tolist() == [0] * 3 + [1] * 3 + [2] * 3
    assert first.support.shape == (6, 6) and second.queries.shape == (9, 6)
    assert len(torch.cat([first.support, first.queries]).unique(dim=0)) == 15  # no row is both learnt and asked


def test_protonet_is_the_softmax_of_squared_distances_to_means() -> None:
    what = plugins.build("objectives", "protonet", {})
    support = torch.tensor([[[0.0, 0], [2, 0]], [[4, 0], [4, 2]]])  # means (1, 0) and (4, 1)
    assert what.logits(support, torch.tensor([[1.0, 1]]), None).tolist() == [[-1, -9]]


def test_matching_adds_up_the_attention_to_the_rows_of_a_class() -> None:
    what = plugins.build("objectives", "matching", {"sharpness": 2.0})
    support = torch.tensor([[[3.0, 0], [0, 1]], [[-1, 0], [0, -5]]])
    shares = np.exp([2, 0, -2, 0]) / np.exp([2, 0, -2, 0]).sum()
    found = what.logits(support, torch.tensor([[7.0, 0]]), None).exp()[0]
    assert found.tolist() == pytest.approx([shares[0] + shares[1], shares[2] + shares[3]], rel=1e-5)


def test_r2d2_is_ridge_regression_whose_penalty_learns() -> None:
    what, model, extra, batch = tried("r2d2", penalty=0.3)
    torch.manual_seed(0)
    support, queries = torch.randn(3, 2, 7).double(), torch.randn(4, 7).double()
    x, y = support.flatten(0, 1), torch.eye(3).double().repeat_interleave(2, dim=0)
    wanted = queries @ torch.linalg.solve(x.T @ x + 0.3 * torch.eye(7).double(), x.T @ y)
    assert torch.allclose(what.logits(support, queries, extra), wanted, atol=1e-6)
    value(what, model, extra, batch).backward()
    assert all(p.grad is not None and p.grad.abs() > 0 for p in extra.parameters())


@pytest.mark.parametrize("name", THROUGH)
def test_the_meta_gradient_is_the_finite_difference(name: str) -> None:
    assert differs(*tried(name, inner_steps=2, inner_rate=0.3)) < 1e-6


def test_a_first_order_gradient_is_not() -> None:
    assert differs(*tried("maml", inner_steps=2, inner_rate=0.3, first_order=True)) > 1e-3


def differs(what: Any, model: Any, extra: Any, batch: Any) -> float:
    """Return the largest difference of a slope from that by central differences along the steepest way of a tensor."""
    learning = [*model.backbone.parameters(), *model.head.trunk.parameters(), *extra.parameters()]
    slopes = torch.autograd.grad(value(what, model, extra, batch), learning, allow_unused=True)
    largest, small = 0.0, 1e-5
    for p, slope in zip(learning, slopes, strict=True):
        way = torch.randn(p.shape, generator=torch.Generator().manual_seed(0)).double()
        ends = []
        for side in (small, -small):
            p.data += side * way
            ends.append(value(what, model, extra, batch).item())
            p.data -= side * way
        along = 0.0 if slope is None else (slope * way).sum().item()
        largest = max(largest, abs((ends[0] - ends[1]) / (2 * small) - along))
    return largest


def test_the_weights_of_the_network_are_put_back() -> None:
    what, model, extra, batch = tried("maml")
    before, kept = toys.snapshot(model), {id(p) for p in model.parameters()}
    value(what, model, extra, batch)
    assert not toys.moved(before, model) and {id(p) for p in model.parameters()} == kept
    assert all(p.is_leaf for p in model.parameters())


def test_anil_moves_the_classifier_alone_and_maml_all() -> None:
    for name, everything in (("anil", False), ("maml", True)):
        what, model, extra, batch = tried(name)
        learner = Learner(model, extra.layer)
        after = what.adapted(learner, extra, what.episodes(batch)[0])
        still = {n for n, p in learner.learning.items() if after[n] is p} - {"model.heads.target.output.proxies"}
        assert not any(n.startswith("layer.") for n in still) and bool(still) != everything


def test_a_step_in_an_episode_is_gradient_descent_on_its_rows_to_learn_from() -> None:
    what, model, extra, batch = tried("maml", inner_steps=1, inner_rate=0.25)
    learner, halves = Learner(model, extra.layer), what.episodes(batch)[1]
    moved = what.adapted(learner, extra, halves)["layer.bias"]
    shares = functional.softmax(learner(halves.support), dim=1)
    slope = (shares - functional.one_hot(halves.learnt, 3)).mean(dim=0)
    assert torch.allclose(moved, extra.layer.bias - 0.25 * slope)
    by_hand = loss_of(learner, what.adapted(learner, extra, halves), halves.queries, halves.truth, 3)
    assert torch.allclose(what.of_episode(model, model.head, extra, halves), by_hand)


def test_meta_sgd_learns_the_rate_of_each_number() -> None:
    what, model, extra, batch = tried("meta_sgd", inner_rate=0.2)
    rates = dict(extra.rates.items())
    assert rates["layer/bias"].tolist() == pytest.approx([0.2] * 3)
    value(what, model, extra, batch).backward()
    assert all(rate.grad is not None for name, rate in rates.items() if "proxies" not in name)


def test_reptile_points_to_where_the_steps_lead() -> None:
    what, model, extra, batch = tried("reptile", tasks=1)
    batch = batch.split(2)[0]
    value(what, model, extra, batch).backward()
    learner = Learner(model, extra.layer)
    start = {n: p.detach().clone() for n, p in learner.learning.items()}
    other = copy.deepcopy(learner)
    optimiser = torch.optim.SGD([p for p in other.parameters() if p.requires_grad], what.inner_rate)
    (halves,) = what.episodes(batch)
    for _ in range(what.inner_steps):
        optimiser.zero_grad()
        both = torch.cat([halves.support, halves.queries])
        functional.cross_entropy(other(both), torch.cat([halves.learnt, halves.truth])).backward()
        optimiser.step()
    ends = dict(other.named_parameters())
    for name, p in learner.learning.items():
        found = torch.zeros_like(p) if p.grad is None else p.grad
        assert torch.allclose(found, start[name] - ends[name].detach(), atol=1e-12)


def test_only_adapters_adapt_under_lora() -> None:
    what, model, _, batch = tried("maml")
    model.float()
    tuning = plugins.build("strategies", "lora", {}).prepare(model)
    learning = {id(p) for group in tuning.groups for p in group.params}
    for p in model.parameters():
        p.requires_grad_(id(p) in learning)  # as the engine does
    extra = what.modules(model)
    learner, halves = Learner(model, extra.layer), what.episodes(batch.map(_float))[0]
    after = what.adapted(learner, extra, halves)
    moved = {name for name, p in learner.learning.items() if after[name] is not p and "backbone" in name}
    assert moved and all("parametrizations" in name and "original" not in name for name in moved)
    value(what, model, extra, batch.map(_float)).backward()
    assert all(p.grad is not None for name, p in learner.named_parameters() if name in moved)


def _float(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


class Cut(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("name", NAMES)
def test_a_run_that_is_killed_goes_on_bit_identically(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("headstart.core.storage.sync_file", lambda path: None)
    monkeypatch.setattr("headstart.core.storage._sync_folder", lambda path: None)

    def run(folder: str, cut_at: int = 0, *, resume: bool = False) -> dict[str, torch.Tensor]:
        def listen(event: Event) -> None:
            if event.kind == "step" and event.values["step"] == cut_at:
                raise Cut

        data = toys.dataset(Vector(6), "retrieval")
        model = build_model(Recipe().with_settings({"head.name": "embedding"}), data, toys.tiny(dropout=0.5))
        how: Any = {"stage": Stage(steps=5, lr=1e-2, evaluate=2, patience=0), "validate": True, "checkpoint": 0}
        toys.train(tmp_path / folder, model, data, "full", name, listen=listen, resume=resume, **how)
        return toys.snapshot(model)

    whole = run("whole")
    with pytest.raises(Cut):
        run("cut", cut_at=3)
    again = run("cut", resume=True)
    assert all(torch.equal(tensor, again[key]) for key, tensor in whole.items())


def test_the_criterion_asks_validation_classes_by_the_nearest_mean() -> None:
    own = rows()
    far = np.eye(6)[own.y].astype(np.float32)
    assert Episodes(episodes=20).score(
        toys.task_for(Vector(6), "retrieval"), {"validation": Measured(own, {"target": far})}
    )
    right, asked = tally(own.y, far, Episode(5, 1, 3), 20)
    assert (right == asked).all() and asked.sum() == 20 * 15
    same = Episodes(least=1).score(None, {"validation": Measured(own, {"target": np.ones_like(far)})})  # type: ignore[arg-type]
    assert same is not None and same.value == pytest.approx(0.2, abs=0.02) and same.name == "5_way_1_shot"
    few = rows(classes=2, each=1)
    assert Episodes().score(None, {"validation": Measured(few, {"target": few.inputs})}) is None  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write twenty classes of ten rows, told apart in two of twelve numbers that vary less than the others."""
    random, labels = np.random.default_rng(0), np.arange(20).repeat(10)
    numbers = 3 * random.normal(size=(200, 12))
    numbers[:, :2] = 2 * random.normal(size=(20, 2))[labels] + 0.3 * random.normal(size=(200, 2))
    path = tmp_path_factory.mktemp("data") / "kinds.csv"
    pd.DataFrame({f"x{n}": numbers[:, n] for n in range(12)} | {"kind": [f"k{c}" for c in labels]}).to_csv(
        path, index=False
    )
    return path


@pytest.mark.slow
def test_a_run_by_episodes_answers_more_of_new_classes_than_its_source(table: Path, tmp_path: Path) -> None:
    how: Any = {"label": "kind", "task": "retrieval", "source": "vector:mlp", "strategy": "full", "progress": False}
    shares = {"data.test": 0.35, "data.validation": 0.25}
    run = hs.fit(table, objective="protonet", steps=150, lr=1e-2, out=tmp_path / "run", settings=shares, **how)
    told = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "protonet" in told
    after = hs.fewshot(run.folder, methods="nearest_mean", episodes=100, progress=False)
    assert after.classes == 7 and after.episode == Episode(5, 1, 9)
    still = hs.fit(table, objective="protonet", steps=1, lr=1e-9, out=tmp_path / "still", settings=shares, **how)
    before = hs.fewshot(still.folder, methods="nearest_mean", episodes=100, progress=False)
    assert (after["nearest_mean"].low or 0) > (before["nearest_mean"].high or 1)
    assert hs.evaluate(run.folder).evaluations["test"] == run.evaluations["test"]
    assert np.allclose(np.linalg.norm(hs.load(run.folder).predict(table), axis=1), 1, atol=1e-4)


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        ("protonet ways=30", "Episodes of 30 ways need as many classes"),
        ("maml shots=9 queries=2", "cannot give 9 rows to learn from and 2 to ask"),
        ("anil ways=1", "ways must be at least 2"),
        ("maml inner_steps=0", "inner_steps must be at least 1"),
    ],
)
def test_episodes_that_cannot_be_made_are_refused_before_training(
    table: Path, tmp_path: Path, objective: str, message: str
) -> None:
    how: Any = {"label": "kind", "task": "retrieval", "source": "vector:mlp", "progress": False}
    with pytest.raises(hs.HeadstartError, match=message):
        hs.fit(table, objective=objective, steps=2, out=tmp_path / "run", **how)
    assert not list((tmp_path / "run").glob("checkpoints/*"))
