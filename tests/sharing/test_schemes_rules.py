"""Every rule with every scheme: it learns, in pieces as in one, and goes on as if it had not stopped; or it is refused.

Schemes and rules are found by themselves.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from divided import three, trained

from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.errors import UsageError
from headstart.core.stopping import Stop, Stopped
from headstart.core.types import Event, Rule
from headstart.models.model import Model
from headstart.models.paths import own_parameters
from headstart.strategies.full import Full
from headstart.strategies.lora import Lora
from headstart.strategies.partial import Partial

OPTIONS = {"fixed": "factors=1,0.5", "dwa": "window=1", "stch": "window=2", "famo": "rate=2", "gradnorm": "rate=0.3"}
QUICK = ["gradnorm rate=0.3", "upgrad on=features", "nash on=weights"]
RULES = [
    *QUICK,
    *(f"{name} {OPTIONS.get(name, '')}".strip() for name in plugins.names("combine") if name != "gradnorm"),
]
TIED = tuple(name for stage in ("first", "second") for name in three().stages()[stage])
STRATEGIES = {"full": Full(), "lora": Lora(rank=2), "partial": Partial(k=2)}


def cases() -> list[Any]:
    return [
        pytest.param(sharing, rule, strategy, marks=() if quick else pytest.mark.slow)
        for sharing, rule, strategy in product(plugins.names("sharing"), RULES, STRATEGIES)
        for quick in [rule in QUICK and (strategy == "full" or sharing == "share_weights")]
    ]


def refusal(error: UsageError, sharing: str, rule: str) -> bool:
    """Return whether a pairing cannot work, as its error says: nothing common learns, or features are not common."""
    choice = Choice.parse(rule, "combine")
    made: Rule = plugins.build("combine", choice.name, choice.options)
    assert made.reads_gradients and f"The rule '{choice.name}'" in str(error), error
    if "Use on=weights" in str(error):
        return made.on == "features" and sharing == "share_gradients"
    return "of these none learns" in str(error)


@pytest.mark.parametrize(("sharing", "rule", "strategy"), cases())
def test_a_rule_goes_with_a_scheme(tmp_path: Path, sharing: str, rule: str, strategy: str) -> None:
    losses: list[float] = []

    def run(name: str, **settings: Any) -> dict[str, torch.Tensor]:
        options = {"steps": 6, "batch_size": 24, "combine": Choice.parse(rule, "combine"), "checkpoint": 0} | settings
        return trained(tmp_path / name, sharing, STRATEGIES[strategy], three, **options).state_dict()

    def note(event: Event) -> None:
        if event.kind == "step":
            losses.append(event.values["loss"])

    try:
        whole = run("whole", listen=note)
    except UsageError as error:
        assert refusal(error, sharing, rule) and not losses
        return
    assert all(tensor.isfinite().all() for tensor in whole.values() if tensor.is_floating_point())
    assert losses[-1] < losses[0]

    pieces, stop = run("pieces", accumulate=2), Stop()
    for name, tensor in whole.items():
        torch.testing.assert_close(pieces[name], tensor, rtol=1e-4, atol=1e-6)

    def cut(event: Event) -> None:
        if event.kind == "step" and event.values["step"] == 3:
            stop.signal = 15

    with pytest.raises(Stopped):
        run("cut", stop=stop, listen=cut)
    resumed = run("cut", resume=True)
    assert all(torch.equal(tensor, whole[name]) for name, tensor in resumed.items())


@pytest.mark.parametrize("pieces", [1, 2])
@pytest.mark.parametrize("on", ["features", "weights"])
@pytest.mark.parametrize("sharing", ["share_weights", "share_gradients", "mmoe", "ple"])
def test_what_is_a_target_s_own_learns_by_its_own_loss(tmp_path: Path, sharing: str, on: str, pieces: int) -> None:
    """One step: what a rule combines differs from the sum; heads, private stages, gates and own experts do not."""
    if (sharing, on) == ("share_gradients", "features"):
        pytest.skip("is refused")

    def run(combine: Choice | None) -> Model:
        folder = tmp_path / str(combine is None)
        how = {"steps": 1, "lr": 0.1, "warmup": 0.0, "schedule": "constant", "accumulate": pieces}
        return trained(folder, sharing, "full", three, combine=combine, **how)

    made, summed = run(Choice("mgda", {"on": on})), run(None).state_dict()
    alone = own_parameters(made.backbone) | {id(p) for p in made.heads.parameters()}
    named = dict(made.named_parameters())
    private = {name for name, p in named.items() if id(p) in alone}
    if sharing == "share_gradients":
        private = {name for name in private if not name.replace("/", ".").endswith(TIED) or "heads" in name}
    assert any("heads" not in name for name in private)
    for name in private:
        torch.testing.assert_close(named[name], summed[name], rtol=1e-5, atol=1e-7)
    assert max((named[name] - summed[name]).abs().max().item() for name in named.keys() - private) > 1e-4


@pytest.mark.parametrize("sharing", plugins.names("sharing"))
def test_a_rule_that_weighs_losses_by_value_goes_with_every_scheme(tmp_path: Path, sharing: str) -> None:
    choice = Choice("uncertainty", {"rate": 0.5})
    one, cut = (trained(tmp_path / str(n), sharing, combine=choice, accumulate=n).state_dict() for n in (1, 2))
    plain = trained(tmp_path / "plain", sharing).state_dict()
    assert any(not torch.allclose(tensor, plain[name]) for name, tensor in one.items())
    for name, tensor in one.items():
        torch.testing.assert_close(cut[name], tensor, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("sharing", ["soft", "fix_common", "share_gradients"])
def test_nothing_common_is_refused_before_the_first_step(tmp_path: Path, sharing: str) -> None:
    strategy = Partial(k=1) if sharing == "share_gradients" else Full()  # with which the copies of the common part stay
    with pytest.raises(UsageError, match="of these none learns"):
        trained(tmp_path, sharing, strategy, combine=Choice("upgrad"))


def test_features_of_each_target_s_own_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"features of its own here\. Use on=weights"):
        trained(tmp_path, "share_gradients", combine=Choice("upgrad", {"on": "features"}))


@pytest.mark.parametrize("rule", ["upgrad", "nash", "gradnorm", "uncertainty"])
@pytest.mark.parametrize("sharing", ["share_weights", "share_gradients", "mmoe"])
def test_rules_take_bfloat16(tmp_path: Path, sharing: str, rule: str) -> None:
    """Mixed precision: losses and gradients that are combined come from passes in bfloat16, weights stay float32."""
    full, mixed = (
        trained(tmp_path / name, sharing, combine=Choice(rule), precision=name).state_dict()
        for name in ("float32", "bfloat16")
    )
    assert all(tensor.isfinite().all() and tensor.dtype == full[name].dtype for name, tensor in mixed.items())
    assert any(not torch.equal(tensor, full[name]) for name, tensor in mixed.items())
    for name, tensor in mixed.items():
        torch.testing.assert_close(tensor, full[name], rtol=0.05, atol=0.01)
