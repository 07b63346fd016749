"""Every rule trains whatever learns, over batches in pieces, and goes on as if it had not stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from test_combining import trained

from headstart.core import plugins
from headstart.core.stopping import Stop, Stopped

OPTIONS = {
    "fixed": " factors=1,0.5",
    "dwa": " window=1",
    "stch": " window=2",
    "famo": " rate=2",
    "gradnorm": " rate=0.3",
}
RULES = [name + OPTIONS.get(name, "") for name in plugins.names("combine")] + [
    "graddrop on=weights",
    "gradnorm on=weights",
]


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["full", "partial", "lora"])
@pytest.mark.parametrize("rule", RULES)
def test_it_trains_over_batches_in_pieces(tmp_path: Path, rule: str, strategy: str) -> None:
    made = {n: trained(tmp_path / str(n), rule, strategy, stage={"accumulate": n}) for n in (1, 2)}
    start = trained(tmp_path / "start", rule, strategy, stage={"accumulate": 2, "steps": 1})
    for name, tensor in made[2].items():
        assert torch.isfinite(tensor).all()
        if rule != "graddrop":  # which draws by features, for each piece by itself
            torch.testing.assert_close(tensor, made[1][name], rtol=1e-4, atol=1e-6)
    assert any(not torch.equal(tensor, start[name]) for name, tensor in made[2].items())


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["full", "partial", "lora"])
@pytest.mark.parametrize("rule", RULES)
def test_it_goes_on_as_if_it_had_not_stopped(tmp_path: Path, rule: str, strategy: str) -> None:
    stage = {"accumulate": 2, "steps": 7}
    whole = trained(tmp_path / "whole", rule, strategy, stage=dict(stage))
    stop = Stop()

    def listen(event: Any) -> None:
        if event.kind == "step" and event.values["step"] == 4:
            stop.signal = 15

    with pytest.raises(Stopped):
        trained(tmp_path / "cut", rule, strategy, stage=dict(stage), stop=stop, listen=listen)
    resumed = trained(tmp_path / "cut", rule, strategy, stage=dict(stage), resume=True)
    assert all(torch.equal(tensor, whole[name]) for name, tensor in resumed.items())
