"""A new view is one new file and no other change: noise on rows of numbers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import toys
from headstart.core.errors import UsageError
from headstart.core.recipe import Recipe
from headstart.data.transforms import make_transform
from headstart.inputs.vector import Vector
from headstart.runs.plan import make_plan

NOISE = '''"""Rows of numbers with a little noise."""
from dataclasses import dataclass
from typing import ClassVar
import torch
from headstart.core.input import View
from headstart.inputs.vector import Vector

@dataclass(frozen=True)
class Noise(View):
    """Add normal noise."""
    inputs: ClassVar[tuple[type, ...]] = (Vector,)
    deviation: float = 0.1

    def show(self, raw, expects):
        return raw + self.deviation * torch.randn(len(raw)).numpy()
'''
SCRIPT = """
import numpy as np
import headstart as hs
from headstart.core.errors import UsageError
from headstart.data.transforms import Draw, make_transform
from headstart.inputs.image import Image
from headstart.inputs.vector import Vector

row = np.arange(4, dtype=np.float32)
noisy = make_transform(Vector(4), {"x": "noise", "y": "plain"})
assert make_transform(Vector(4), {"x": "noise deviation=0"}).example(row, "x", Draw(0, 1)).tolist() == row.tolist()
one, again, other = (noisy.example(row, "x", Draw(0, seed)) for seed in (1, 1, 2))
assert np.array_equal(one, again) and not np.array_equal(one, other) and np.abs(one - row).max() < 1
assert np.array_equal(noisy.example(row, "x", None), row) and np.array_equal(noisy.example(row, "y", Draw(0, 1)), row)
for expects, view in ((Vector(4), "mirror"), (Image(8, 8), "noise")):
    try:
        make_transform(expects, {"x": view})
    except UsageError as error:
        print(error)
for view in ("noise deviation=0.2", "plain"):
    settings = {"stages.0.augment": view, "stages.0.steps": 3}
    hs.fit("data.csv", source="vector:mlp", strategy="full", settings=settings, out=view.split()[0])
"""


@pytest.mark.slow
def test_noise_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "views").mkdir()
    (tmp_path / "views" / "noise.py").write_text(NOISE)
    random = np.random.default_rng(0)
    rows = [f"{a:.3f},{b:.3f},{'up' if a > 0 else 'down'}" for a, b in random.normal(size=(60, 2))]
    (tmp_path / "data.csv").write_text("a,b,label\n" + "\n".join(rows))
    env = {**os.environ, "HEADSTART_PLUGINS": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The view 'mirror' cannot show vector input. Views that can: noise, plain, strong, weak." in done.stdout
    assert "The view 'noise' cannot show image input. Views that can: mirror, plain, strong, weak." in done.stdout
    weights = [(tmp_path / run / "model" / "model.safetensors").read_bytes() for run in ("noise", "plain")]
    assert weights[0] != weights[1]
    assert 'augment = "noise deviation=0.2"' in (tmp_path / "noise" / "recipe.toml").read_text()


def test_mirror_is_for_images_and_a_strategy_that_would_vary_them_shows_vectors_plainly() -> None:
    with pytest.raises(UsageError, match=r"'mirror' cannot show vector input\. Views that can: plain, strong, weak"):
        make_transform(Vector(6), {"x": "mirror"})
    recipe = Recipe().with_settings({"stages.0.strategy.name": "full"})
    assert make_plan(recipe, toys.dataset(Vector(6))).recipe.stages[0].augment == "plain"
    assert make_plan(recipe, toys.dataset(toys.source("digits:cnn").card.input)).recipe.stages[0].augment == "weak"
