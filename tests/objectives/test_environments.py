"""Claims: the objectives for several source domains have their papers' values on hand-made rows."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import toys
from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.core.recipe import Stage
from headstart.core.types import Batch, Event, LossOptions, Stream
from headstart.data.streams import BatchStream
from headstart.data.transforms import make_transform
from headstart.inputs.vector import Vector
from headstart.objectives._environments import Domain, Environments, domains_of
from headstart.objectives.mixstyle import mix_styles

KINDS = [
    name
    for name in plugins.names("objectives")
    if any(stream.sampler == "domains" for stream in plugins.build("objectives", name, {}).streams)
]
DIFFERING = [name for name in KINDS if issubclass(plugins.load("objectives", name), Environments)]


def model() -> Any:
    return toys.make_model(toys.tiny(), toys.dataset(Vector(6)))


def domain(number: int, pooled: Any, risk: float, outputs: Any = ((0.0, 0.0, 0.0),), y: Any = (0,)) -> Domain:
    made = torch.tensor(outputs, requires_grad=True)
    pooled = torch.as_tensor(pooled, dtype=torch.float32)
    rows = Batch([], {}, {"target": torch.tensor(y)})
    return Domain(number, pooled, {"target": made}, rows, torch.tensor(risk, requires_grad=True))


def differ(name: str, *domains: Domain) -> float:
    return plugins.build("objectives", name, {}).differ(model(), torch.nn.Module(), domains).item()


def batch(rows: int = 12) -> Batch:
    data = toys.dataset(Vector(6))
    part = data.splits["train"].take(range(rows))
    made = toys.batch(torch.from_numpy(part.inputs), torch.from_numpy(part.y))
    return dataclasses.replace(made, domains=torch.arange(rows) % 3)


def test_vrex_is_the_variance_of_the_risks() -> None:
    one, two, three = (domain(number, [[0.0]], risk) for number, risk in enumerate((1.0, 2.0, 6.0)))
    assert differ("vrex", one, two, three) == pytest.approx((4 + 1 + 9) / 3)
    assert differ("vrex", one, one) == 0


def test_irm_is_the_squared_slope_by_a_scale_of_the_outputs() -> None:
    """Cross-entropy of logits w z with label y: the slope at w = 1 is sum p z - z_y."""
    z = np.array([2.0, -1.0, 0.5])
    p = np.exp(z) / np.exp(z).sum()
    slopes = [(p @ z - z[0]) ** 2, (p @ z - z[1]) ** 2]
    made = [domain(place, [[0.0]], 0.0, (tuple(z),), (place,)) for place in (0, 1)]
    assert differ("irm", *made) == pytest.approx(np.mean(slopes), rel=1e-5)
    sure = domain(0, [[0.0]], 0.0, ((0.0, 0.0, 0.0),), (0,))
    assert differ("irm", sure) == 0, "of equal logits no scale gains anything"


def test_irm_and_vrex_move_the_network_through_their_penalty() -> None:
    for name in ("irm", "vrex"):
        net = model()
        domains = domains_of(net, batch(), LossOptions())
        plugins.build("objectives", name, {}).differ(net, None, domains).backward()
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in net.backbone.parameters())


def test_domain_coral_compares_means_and_covariances_of_each_pair() -> None:
    a, b = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]]), np.array([[2.0, 0], [-2, 0], [0, 2], [0, -2]])
    one, wider, moved = domain(0, a, 0.0), domain(1, b, 0.0), domain(2, a + 3, 0.0)
    assert differ("domain_coral", one, one) == 0
    # covariances (2/3) I and (8/3) I: two entries of 4, over four entries
    assert differ("domain_coral", one, wider) == pytest.approx(2 * 4 / 4)
    assert differ("domain_coral", one, moved) == pytest.approx(9)
    assert differ("domain_coral", one, wider, moved) == pytest.approx((2 + 9 + 11) / 3)


@pytest.mark.parametrize("name", DIFFERING)
def test_the_penalty_is_small_until_the_task_is_learnt(name: str) -> None:
    objective = plugins.build("objectives", name, {"weight": 50.0, "begin": 0.5})
    net, rows = model().eval(), {"source": batch()}
    early, late = (objective.losses(net, objective.modules(net), rows, p)["domains"].value.item() for p in (0.4, 0.5))
    assert late == pytest.approx(50 * early, rel=1e-4) and early > 0
    gentle = plugins.build("objectives", name, {"weight": 0.5, "begin": 0.5})
    assert gentle.losses(net, None, rows, 0.0)["domains"].value.item() == pytest.approx(0.5 * early, rel=1e-4)


@pytest.mark.parametrize("name", DIFFERING)
def test_every_domain_counts_alike(name: str) -> None:
    """The mean over domains of their mean losses, whatever rows they have in a batch."""
    net, rows = model().eval(), batch()
    uneven = dataclasses.replace(rows, domains=torch.tensor([0] * 8 + [1] * 4))
    objective = plugins.build("objectives", name, {})
    loss = objective.losses(net, objective.modules(net), {"source": uneven}, 0.0)["task"].value
    logits = net.head(net.features(rows.x))
    each = torch.nn.functional.cross_entropy(logits, rows.y, reduction="none")
    assert loss.item() == pytest.approx((each[:8].mean() + each[8:].mean()).item() / 2, rel=1e-5)


def test_group_dro_comes_to_weigh_the_worst_domain_most() -> None:
    """Two steps by hand: q is proportional to exp(rate x the sum of risks so far)."""
    net, rows = model().eval(), batch()
    objective = plugins.build("objectives", "group_dro", {"rate": 2.0})
    extra = objective.modules(net)
    risks = torch.stack([found.risk for found in domains_of(net, rows, LossOptions())]).detach()
    for step in (1, 2):
        loss = objective.losses(net, extra, {"source": rows}, 0.0)["task"].value
        q = (2.0 * step * risks).softmax(dim=0)
        assert loss.item() == pytest.approx((q * risks).sum().item(), rel=1e-5)
    assert extra.logs[:3].argmax() == risks.argmax() and extra.logs[3:].abs().sum() == 0


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 7, 3)])
def test_a_mixed_style_lies_between_both_rows(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    hidden = torch.randn(shape) * torch.tensor([1.0, 5.0]).view(2, *[1] * (len(shape) - 1))
    hidden[1] += 3
    places = (2, 3) if len(shape) == 4 else (1,)
    other, share = torch.tensor([1, 0]), torch.tensor([0.25, 1.0])
    mixed = mix_styles(hidden, other, share)
    assert torch.allclose(mixed[1], hidden[1], atol=1e-4), "all of the own style stays"
    mean, deviation = hidden.mean(dim=places), hidden.var(dim=places, correction=0).sqrt()
    assert torch.allclose(mixed.mean(dim=places)[0], 0.25 * mean[0] + 0.75 * mean[1], atol=1e-4)
    found = mixed.var(dim=places, correction=0).sqrt()[0]
    assert torch.allclose(found, 0.25 * deviation[0] + 0.75 * deviation[1], rtol=1e-3)


def test_mixstyle_mixes_the_first_stages_of_some_batches_and_leaves_no_hook() -> None:
    backbone = toys.small("timm:test_resnet")
    data = toys.dataset(backbone.card.input)
    net = toys.make_model(backbone, data).eval()
    part = data.splits["train"].take(range(4))
    examples = make_transform(backbone.card.input)
    stream = BatchStream(part, examples, stream=Stream("train"), batch_size=4, seed=0)
    rows = {"source": next(stream.batches())}
    never, always = (plugins.build("objectives", "mixstyle", {"share": share, "alpha": 100.0}) for share in (0.0, 1.0))
    plain, mixed = (made.losses(net, None, rows, 0.0)["task"].value for made in (never, always))
    assert (plain - mixed).abs().item() > 1e-5
    assert torch.equal(never.losses(net, None, rows, 0.0)["task"].value, plain)
    always.modules(net)
    with pytest.raises(UsageError, match=r"mixstyle needs maps or tokens, .* toy:tiny give none"):
        always.modules(model())


def test_each_step_has_as_many_rows_of_every_domain() -> None:
    rows = toys.dataset(Vector(6)).splits["train"]
    uneven = dataclasses.replace(rows, domains=np.array([0] * 20 + [1] * 3 + [2]))
    stream = BatchStream(uneven, make_transform(Vector(6)), stream=Stream("s", sampler="domains"), batch_size=6, seed=0)
    for _, made in zip(range(4), stream.batches(), strict=False):
        assert made.domains is not None and made.domains.bincount().tolist() == [2, 2, 2]
        assert [part.domains.tolist() for part in made.split(2) if part.domains is not None] == [
            made.domains[:3].tolist(),
            made.domains[3:].tolist(),
        ]
    for domains in (None, np.zeros(24, dtype=np.int64)):
        with pytest.raises(UsageError, match=r"compares several source domains.*source_domain='ONE,OTHER'"):
            alone = dataclasses.replace(rows, domains=domains)
            BatchStream(alone, make_transform(Vector(6)), stream=Stream("s", sampler="domains"), batch_size=6, seed=0)


class Cut(BaseException):
    """The process is gone."""


def test_group_dro_resumes_bit_identically(tmp_path: Path) -> None:
    def run(folder: Path, cut_at: int = 0, *, resume: bool = False) -> Any:
        objective = plugins.build("objectives", "group_dro", {"rate": 1.0})
        data = toys.with_pools(toys.dataset(Vector(6)), objective)
        rows = dataclasses.replace(data.pools["source"], domains=np.arange(24) % 2)
        data = dataclasses.replace(data, pools={**data.pools, "source": rows})
        net = toys.make_model(toys.tiny(dropout=0.5), data)

        def listen(event: Event) -> None:
            if cut_at and event.kind == "step" and event.values["step"] == cut_at:
                raise Cut

        stage = Stage(steps=5, batch_size=6, lr=1e-2, augment="plain")
        toys.train(
            tmp_path / folder, net, data, "full", objective, stage=stage, checkpoint=0, listen=listen, resume=resume
        )
        return toys.snapshot(net)

    whole = run(Path("whole"))
    with pytest.raises(Cut):
        run(Path("cut"), 3)
    again = run(Path("cut"), resume=True)
    assert all(torch.equal(tensor, again[name]) for name, tensor in whole.items())
