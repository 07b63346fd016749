"""A new plug-in of any kind is one file in a folder, and the contract tests pick it up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FILES = {
    "strategies": '''"""Only the biases learn (for a test)."""
from dataclasses import dataclass
from typing import ClassVar
from headstart.core.types import Defaults, ParamGroup, Tuning
from headstart.models.model import Model

@dataclass(frozen=True)
class OnlyBiases:
    """Biases and the head."""
    defaults: ClassVar[Defaults] = Defaults(lr=1e-3, epochs=1)

    def prepare(self, model: Model) -> Tuning:
        biases = [p for name, p in model.backbone.named_parameters() if name.endswith("bias")]
        return Tuning([ParamGroup(biases), ParamGroup(list(model.heads.parameters()))])
''',
    "objectives": '''"""The squared size of the outputs on the train stream (for a test)."""
from dataclasses import dataclass
from headstart.core.types import Loss, Objective, Stream

@dataclass(frozen=True)
class Shrink(Objective):
    """Shrink the outputs."""
    weight: float = 1.0

    @property
    def streams(self):
        return (Stream("train", labelled=False),)

    def losses(self, model, extra, batches, progress):
        return {"size": Loss(self.weight * model(batches["train"].x).square().mean())}
''',
    "sources": '''"""A line for vectors (for a test)."""
from dataclasses import dataclass
from torch import nn
from headstart.core.types import Card, Features
from headstart.inputs.vector import Vector
from headstart.models.model import Backbone

@dataclass(frozen=True)
class Straight:
    """One linear layer."""

    def names(self, query):
        return ["line"]

    def load(self, name):
        return self.rebuild(Card("straight:line", "line", 42, Vector(6), "straight", {}))

    def rebuild(self, card):
        return _Line(card)

class _Line(Backbone):
    def __init__(self, card):
        super().__init__()
        self.card, self.dim, self.layer = card, 6, nn.Linear(6, 6)

    def stages(self):
        return {"layer": ("layer.weight", "layer.bias")}

    def forward(self, x):
        return Features(pooled=self.layer(x))
''',
    "heads": '''"""A linear map without bias (for a test)."""
from dataclasses import dataclass
from torch import nn
from headstart.models.model import Head

@dataclass(frozen=True)
class Bare:
    """No bias."""

    def build(self, dim, target):
        return Head(nn.Linear(dim, target.outputs, bias=False), target)
''',
    "surgery": '''"""Double the first parameter (for a test)."""
from dataclasses import dataclass
from typing import ClassVar

@dataclass(frozen=True)
class Twice:
    """Twice as much."""
    structural: ClassVar[bool] = False

    def apply(self, body):
        next(body.backbone.parameters()).data.mul_(2)
        body.note("doubled")
        return self
''',
    "readers": '''"""Reads nothing (for a test)."""
from dataclasses import dataclass

@dataclass(frozen=True)
class Nothing:
    """Never matches."""

    def matches(self, data):
        return False

    def read(self, data):
        raise AssertionError
''',
    "metrics": '''"""Share of rows that are decided wrongly (for a test)."""
from dataclasses import dataclass
from typing import ClassVar

@dataclass(frozen=True)
class ErrorRate:
    """One minus the accuracy."""
    title: ClassVar[str] = "Error rate"
    forms: ClassVar[tuple[str, ...]] = ("classes",)
    width: ClassVar[int | None] = None
    higher_is_better: ClassVar[bool] = False
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = ""
    of_probabilities: ClassVar[bool] = False

    def unit(self, form, names):
        return "share of rows"

    def weighted(self, measured):
        return lambda weights: 1 - measured.mean(measured.right, weights)
''',
}
NAMES = {
    "strategies": "only_biases",
    "objectives": "shrink",
    "sources": "straight",
    "heads": "bare",
    "readers": "never_reads",
    "surgery": "twice",
    "metrics": "error_rate",
}
TESTS_OF_THE_OBJECTIVE = "shrink and (full- or linear_probe- or co_tuning- or an_objective or frozen_dataclass)"


@pytest.mark.slow  # a whole run of the contract tests
def test_one_file_each_is_picked_up_by_the_contract_tests(tmp_path: Path) -> None:
    for kind, name in NAMES.items():
        (tmp_path / kind).mkdir()
        (tmp_path / kind / f"{name}.py").write_text(FILES[kind])
    contracts = Path(__file__).with_name("test_contracts.py")
    of_metrics = contracts.with_name("metrics") / "test_contract.py"
    selected = " or ".join({**NAMES, "objectives": f"({TESTS_OF_THE_OBJECTIVE})"}.values())
    options = ["-q", "-rA", "-m", "slow or not slow", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(contracts), str(of_metrics), "-k", selected],
        env={**os.environ, "HEADSTART_PLUGINS": str(tmp_path)},
        capture_output=True,
        text=True,
        cwd=contracts.parents[1],
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout.splitlines()[-1]
    passed = [line for line in done.stdout.splitlines() if line.startswith("PASSED")]
    counts = {kind: sum(name in line for line in passed) for kind, name in NAMES.items()}
    least = {"strategies": 7, "objectives": 5, "sources": 2, "heads": 5, "readers": 1, "surgery": 1, "metrics": 8}
    assert all(counts[kind] >= least[kind] for kind in NAMES), counts
