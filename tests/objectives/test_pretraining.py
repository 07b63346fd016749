"""Claims of objectives that learn features from rows without labels, before a stage that learns the labels.

NT-Xent is that of SimCLR's eq. 1; assignments of SwAV share rows out evenly, and clusters that learn find blobs.
"""

from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from sklearn.metrics import adjusted_rand_score
from torch.nn import functional

import toys
from headstart.core import plugins
from headstart.core.errors import DataError, UsageError
from headstart.core.recipe import Recipe, Stage
from headstart.core.types import Event
from headstart.inputs.vector import Vector
from headstart.objectives.clustering import Clustering, sinkhorn
from headstart.objectives.contrastive import Contrastive, nt_xent
from headstart.runs.fit import fit
from headstart.runs.plan import check_shards, make_plan

BOTH = ("contrastive", "clustering")
STAGE = Stage(steps=4, batch_size=8, lr=1e-2, warmup=0.0)
EAST, NORTH = [1.0, 0.0], [0.0, 1.0]


def loss(one: Any, other: Any, temperature: float = 1.0, ids: str = "abcd") -> float:
    one, other = torch.tensor(one), torch.tensor(other)
    return nt_xent(one, other, temperature, list(ids[: len(one)])).item()


# Contrastive


def test_nt_xent_of_two_rows_by_hand() -> None:
    """The partner lies at 1, the two views of the other row at 0."""
    assert loss([EAST, NORTH], [EAST, NORTH]) == pytest.approx(math.log(math.e + 2) - 1, rel=1e-6)
    assert loss([EAST, NORTH], [EAST, NORTH], 0.5) == pytest.approx(math.log(math.e**2 + 2) - 2, rel=1e-6)


def test_nt_xent_is_equation_1() -> None:
    random = torch.Generator().manual_seed(0)
    one, other = (functional.normalize(torch.randn(4, 3, generator=random)) for _ in range(2))
    both = [row for pair in zip(one, other, strict=True) for row in pair]  # 2k - 1 and 2k are views of a row
    near = [[math.exp(float(a @ b) / 0.3) for b in both] for a in both]
    each = [-math.log(row[i ^ 1] / (sum(row) - row[i])) for i, row in enumerate(near)]
    assert loss(one.tolist(), other.tolist(), 0.3) == pytest.approx(sum(each) / 8, rel=1e-5)


def test_the_contrast_is_least_where_views_agree_and_rows_differ() -> None:
    best = loss([EAST, NORTH], [EAST, NORTH])
    alike = loss([EAST, EAST], [EAST, EAST])
    crossed = loss([EAST, NORTH], [NORTH, EAST])
    assert alike == pytest.approx(math.log(3), rel=1e-6) and crossed == pytest.approx(math.log(2 + math.e), rel=1e-6)
    assert best < alike < crossed
    opposite = loss([EAST, [-1.0, 0.0]], [EAST, [-1.0, 0.0]])
    assert opposite < best


def test_a_row_that_comes_twice_is_not_told_apart_from_itself() -> None:
    assert loss([EAST, EAST], [EAST, EAST], ids="aa") == pytest.approx(0, abs=1e-6)
    once, twice = loss([EAST, NORTH], [EAST, NORTH]), loss([EAST, EAST, NORTH], [EAST, EAST, NORTH], ids="aab")
    of_b = math.log(math.e + 4) - 1
    assert twice == pytest.approx((2 * once + of_b) / 3, rel=1e-6)


def test_with_plain_views_dropout_tells_them_apart() -> None:
    """As in SimCSE: without dropout both are the same, and the contrast is smaller."""
    model = toys.make_model(toys.tiny(dropout=0.5), toys.dataset(Vector(6)))
    objective = Contrastive(view="plain")
    (stream,) = objective.streams
    assert stream.views == {"one": "plain", "other": "plain"} and not stream.labelled
    x = torch.from_numpy(toys.examples(Vector(6), 8).inputs)
    batch = dataclasses.replace(toys.batch(x), views={"one": x, "other": x})
    extra = objective.modules(model)
    dropped = objective.losses(model.train(), extra, {"unlabelled": batch}, 0.5)["views"].value.item()
    assert dropped > objective.losses(model.eval(), extra, {"unlabelled": batch}, 0.5)["views"].value.item()


def test_views_that_nothing_tells_apart_are_refused(tmp_path: Path) -> None:
    """A network without dropout, or with dropout in what stays alone; a pass that asks leaves the network as it is."""
    data, said = toys.dataset(Vector(6)), r"^contrastive view=plain leaves it to dropout .* toy:tiny drops nothing"
    for backbone in (toys.tiny(), toys.normed()):
        model = toys.make_model(backbone, data).eval()
        before = toys.snapshot(model)
        with pytest.raises(UsageError, match=said + r".*contrastive view=weak"):
            Contrastive(view="plain").modules(model)
        assert not toys.moved(before, model) and not any(module.training for module in model.modules())
        Contrastive().modules(model)
    part: Any = toys.tiny(dropout=0.5)
    part.drop = torch.nn.Sequential(torch.nn.Linear(8, 8), part.drop)
    model = toys.make_model(part, data)
    Contrastive(view="plain").modules(model)
    part.drop.requires_grad_(False)  # what is frozen is in evaluation mode
    with pytest.raises(UsageError, match=said):
        Contrastive(view="plain").modules(model)
    with pytest.raises(UsageError, match=said):
        toys.train(
            tmp_path, toys.make_model(toys.tiny(), data), data, "full", Contrastive("train", "plain"), stage=STAGE
        )


# Clustering


def test_rows_are_shared_out_evenly() -> None:
    scores = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))
    shares = sinkhorn(scores, 0.5, rounds=200)
    assert torch.allclose(shares.sum(dim=1), torch.ones(12)) and torch.allclose(
        shares.sum(dim=0), torch.full((4,), 3.0)
    )
    three = sinkhorn(scores, 0.5)
    assert torch.allclose(three.sum(dim=1), torch.ones(12)) and torch.allclose(
        three.sum(dim=0), torch.full((4,), 3.0), atol=0.3
    )
    assert torch.allclose(sinkhorn(torch.zeros(6, 3), 0.05), torch.full((6, 3), 1 / 3))
    ratios = (three[0, 0] * three[1, 1] / (three[0, 1] * three[1, 0])).log()  # what levelling leaves as it is
    assert ratios.item() == pytest.approx(
        ((scores[0, 0] + scores[1, 1] - scores[0, 1] - scores[1, 0]) / 0.5).item(), rel=1e-4
    )


def clusters(memory: int = 0) -> tuple[Clustering, Any]:
    """Make two clusters, in the east and in the north."""
    objective = Clustering(clusters=2, dim=2, temperature=0.5, memory=memory)
    extra: Any = objective.modules(toys.make_model(toys.tiny(), toys.dataset(Vector(6))))
    extra.directions.data = 3 * torch.eye(2)
    return objective, extra


def test_a_view_learns_the_cluster_of_the_other() -> None:
    """Each row is of its cluster by 1, of the other by 0: log(1 + exp(-1 / 0.5)), 2 more where views disagree."""
    objective, extra = clusters()
    east, north = torch.tensor([EAST, NORTH]), torch.tensor([NORTH, EAST])
    agree = math.log(1 + math.exp(-2))
    assert objective.compare(extra, east, east, ["a", "b"]).item() == pytest.approx(agree, rel=1e-5)
    assert objective.compare(extra, east, north, ["a", "b"]).item() == pytest.approx(agree + 2, rel=1e-5)


def test_no_gradient_goes_through_the_assignment() -> None:
    objective, extra = clusters()
    one, other = (functional.normalize(torch.rand(6, 2) + 0.1).requires_grad_() for _ in range(2))
    objective.compare(extra, one, other, list("abcdef")).backward()
    both = torch.cat([one, other]).detach().requires_grad_()
    assigned = sinkhorn(both.detach(), 0.05)
    functional.cross_entropy(both / 0.5, torch.cat([assigned[6:], assigned[:6]])).backward()
    assert both.grad is not None and one.grad is not None and torch.allclose(one.grad, both.grad[:6], atol=1e-6)


def test_rows_of_earlier_steps_fill_the_clusters_that_a_batch_leaves_empty() -> None:
    """Two rows of the east alone would be shared out over both clusters."""
    rows = functional.normalize(torch.tensor([[1.0, 0.02], [1.0, 0.0]]))
    objective, extra = clusters()
    alone = objective.compare(extra, rows, rows, ["a", "b"]).item()
    objective, extra = clusters(memory=4)
    north = functional.normalize(torch.tensor([[0.0, 1.0], [0.02, 1.0]]))
    objective.compare(extra, north, north, ["c", "d"])
    assert torch.equal(extra.remembered(), north.repeat(2, 1))
    beside = objective.compare(extra, rows, rows, ["a", "b"]).item()
    assert beside == pytest.approx(math.log(1 + math.exp(-2)), abs=0.03) and alone > beside + 0.5
    assert torch.equal(extra.remembered(), rows.repeat(2, 1)), "the oldest are forgotten"


def test_clusters_that_learn_find_blobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Any] = []
    monkeypatch.setattr(Clustering, "after_step", lambda self, model, extra: kept.append(extra))
    data = toys.dataset(Vector(6), rows=60)
    labels = np.arange(60) % 3
    blobs = (8 * np.eye(6)[labels] + np.random.default_rng(0).normal(0, 0.3, (60, 6))).astype(np.float32)
    data = dataclasses.replace(
        data,
        pools={**data.pools, "unlabelled": dataclasses.replace(data.pools["unlabelled"], inputs=blobs, digests=())},
    )
    model = toys.make_model(toys.tiny(), data)
    stage = dataclasses.replace(STAGE, steps=60, batch_size=20)
    toys.train(tmp_path, model, data, "full", Clustering(clusters=3, hidden=16, dim=8, memory=40), stage=stage)
    extra = kept[-1].eval()
    with torch.no_grad():
        found = extra.scores(
            functional.normalize(extra(model.eval().features(torch.from_numpy(blobs))["pooled"]))
        ).argmax(dim=1)
    assert adjusted_rand_score(labels, found) == 1.0


# Both


@pytest.mark.parametrize("name", BOTH)
def test_the_features_move_and_the_head_stays(tmp_path: Path, name: str) -> None:
    data = toys.dataset(Vector(6))
    for strategy, parts in (("full", {"backbone"}), ("linear_probe", set())):
        model = toys.make_model(toys.tiny(), data)
        before = toys.snapshot(model)
        if parts:
            toys.train(tmp_path / strategy, model, data, strategy, name, stage=STAGE)
            assert {each.partition(".")[0] for each in toys.moved(before, model)} == parts
        else:
            with pytest.raises(UsageError, match=f"^{name} needs features that learn"):
                toys.train(tmp_path / strategy, model, data, strategy, name, stage=STAGE)


@pytest.mark.parametrize("name", BOTH)
def test_both_views_learn_and_are_of_the_same_row(name: str) -> None:
    model = toys.make_model(toys.tiny(), toys.dataset(Vector(6)))
    objective = plugins.build("objectives", name, {"clusters": 3} if name == "clustering" else {})
    x = torch.from_numpy(toys.examples(Vector(6), 8).inputs)
    found = []
    for other in (x, x.roll(1, dims=0)):  # a row of another class each
        views = {"one": x.clone().requires_grad_(), "other": other.clone().requires_grad_()}
        batch = dataclasses.replace(toys.batch(x), views=views)
        with toys.torch_seeded("projection"):
            extra = objective.modules(model)
        found.append(objective.losses(model, extra, {"unlabelled": batch}, 0.5)["views"].value)
        through = torch.autograd.grad(found[-1], [*views.values()])
        assert all(slope.abs().sum() > 0 for slope in through)
    assert found[0] < found[1]


@pytest.mark.parametrize("name", BOTH)
def test_a_batch_that_is_cut_or_of_one_row_is_refused(name: str) -> None:
    data = toys.dataset(Vector(6))
    plain = Recipe().with_settings({"stages.0.objective": name, "stages.0.strategy": "full"})
    plan = make_plan(plain, data)
    check_shards(plan, 1)
    with pytest.raises(UsageError, match=rf"'{name}' compares the rows .* 2 processes would divide it"):
        check_shards(plan, 2)
    with pytest.raises(UsageError, match=rf"'{name}' compares the rows .* accumulate = 2 would cut it"):
        make_plan(plain.with_settings({"stages.0.accumulate": 2}), data)
    with pytest.raises(UsageError, match=rf"'{name}' compares the rows .* a batch of 'unlabelled' has 1"):
        make_plan(plain.with_settings({"stages.0.batch_size": 1}), data)
    lone = dataclasses.replace(data, pools={**data.pools, "unlabelled": data.pools["unlabelled"].take([0])})
    with pytest.raises(UsageError, match="a batch of 'unlabelled' has 1"):
        make_plan(plain, lone)


@pytest.mark.parametrize("name", BOTH)
def test_wrong_options_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="temperature must be above 0"):
        plugins.build("objectives", name, {"temperature": 0})
    wrong = {"sharpness": 0.0, "clusters": 1, "memory": -1} if name == "clustering" else {}
    for option, value in wrong.items():
        with pytest.raises(UsageError, match=f"{option} must be"):
            plugins.build("objectives", name, {option: value})


@pytest.mark.parametrize("pool", ["train", "target"])
def test_other_pools_come_without_their_labels(pool: str) -> None:
    (stream,) = Contrastive(pool=pool).streams
    assert (stream.pool, stream.labelled) == (pool, False)


def pictures(folder: Path, name: str, shades: list[int]) -> None:
    (folder / name).mkdir(parents=True)
    for number, shade in enumerate(shades):
        noise = np.random.default_rng(shade).integers(0, 60, (16, 16, 3), dtype=np.uint8)
        Pillow.fromarray(noise + np.uint8(shade)).save(folder / name / f"{number}.png")


@pytest.mark.slow
def test_the_recipe_of_the_docs_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headstart.core.storage.sync_file", lambda path: None)
    text = (Path(__file__).parents[2] / "docs" / "other-data.md").read_text(encoding="utf-8")
    (toml,) = re.findall(r"```toml\n(.*?)```", text.partition("## Unlabelled rows first")[2], re.DOTALL)
    file = tmp_path / "pretrain.toml"
    file.write_text(toml, encoding="utf-8")
    for label, start in (("dark", 0), ("light", 100)):
        pictures(tmp_path / "photos", label, [*range(start, start + 12)])
    pictures(tmp_path, "more", [*range(20, 140, 10)])
    settings = {"data.unlabelled": str(tmp_path / "more"), "source": "digits:cnn", "keep_better": "no", "workers": 0}
    seen: list[Event] = []
    plan = Recipe.read(file).with_settings({**settings, "stages.0.steps": 3})
    run = fit(str(tmp_path / "photos"), plan, out=tmp_path / "run", listen=seen.append)
    assert [each.objective.name for each in run.recipe.stages] == ["contrastive", "supervised"]
    assert [each.strategy and each.strategy.name for each in run.recipe.stages] == ["full", "linear_probe"]
    assert run.evaluations["test"].metrics["accuracy"].value is not None
    assert not any("are not used" in event.message for event in seen)


@pytest.mark.slow
def test_without_any_label_there_is_a_network_to_start_from_and_no_classifier(tmp_path: Path) -> None:
    pictures(tmp_path, "bare", [*range(0, 180, 15)])
    folder = str(tmp_path / "bare")
    first = Recipe().with_settings({"source": "digits:cnn", "stages.0.steps": 2, "stages.0.objective": "contrastive"})
    with pytest.raises(DataError, match=r"no labelled training rows; the data has 12 rows without .* task='none'"):
        fit(folder, first, out=tmp_path / "no")
    none = first.with_settings({"data.task": "none"})
    with pytest.raises(UsageError, match=r"needs rows for unlabelled; .* by objective='contrastive pool=train'"):
        fit(folder, none, out=tmp_path / "no")
    fit(folder, none.with_settings({"stages.0.objective.pool": "train"}), out=tmp_path / "start")
    for label, start in (("dark", 0), ("light", 100)):
        pictures(tmp_path / "photos", label, [*range(start, start + 12)])
    probe = {"source": f"run:{tmp_path / 'start'}", "stages.0.strategy": "linear_probe", "keep_better": "no"}
    run = fit(str(tmp_path / "photos"), Recipe().with_settings(probe), out=tmp_path / "probe")
    assert run.evaluations["test"].metrics["accuracy"].value is not None
