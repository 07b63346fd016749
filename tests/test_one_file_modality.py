"""A new modality is one new file and no other change: a toy series of numbers of any length."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SERIES = '''"""Series: numbers one after another, as many as there are, in a list, an array or text."""
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
from headstart.core.errors import DataError, Problem
from headstart.core.input import Input
from headstart.inputs import WORDS

@dataclass(frozen=True)
class Series(Input):
    """What a network expects of a series: how many of its last numbers, over `scale`."""
    order: ClassVar[int] = 15
    plural: ClassVar[str] = "series"
    ragged: ClassVar[bool] = True

    length: int = 16
    scale: float = 1.0

    @classmethod
    def holds(cls, cells):
        found = [_numbers(cell) for cell in cells]
        return all(f is not None for f in found) and len({len(f) for f in found}) > 1

    @classmethod
    def read(cls, frame, columns):
        found = [_numbers(cell) for cell in frame[columns[0]]]
        bad = [Problem(str(row), "is no series of numbers") for row, f in zip(frame.index, found) if f is None]
        if bad:
            raise DataError("Inputs that are no series:", bad)
        return found

    @classmethod
    def preview(cls, item, columns):
        return {WORDS: "series " + " ".join(f"{value:.3g}" for value in item[:5])}

    def lengths(self, prepared):
        return np.array([len(item) for item in prepared])

    def example(self, raw):
        return raw[-self.length:] / np.float32(self.scale)

    def collate(self, examples):
        import torch
        x = torch.zeros(len(examples), max(map(len, examples)))
        for row, example in enumerate(examples):
            x[row, :len(example)] = torch.from_numpy(example)
        return x

    def blank(self, rows):
        import torch
        return torch.zeros(rows, self.length)

    def describe(self):
        return f"the last {self.length} numbers"

def _numbers(cell):
    try:
        parts = cell.split() if isinstance(cell, str) else cell
        found = np.asarray(parts, dtype=np.float32)
    except (TypeError, ValueError):
        return None
    return found if found.ndim == 1 and len(found) and np.isfinite(found).all() else None
'''
NET = """
import torch
from torch import nn

class Moments(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 8)

    def forward(self, x):
        return torch.relu(self.layer(torch.stack([x.mean(dim=1), x.abs().mean(dim=1)], dim=1)))

def moments():
    torch.manual_seed(0)
    return Moments()
"""
SCRIPT = """
import json
from pathlib import Path
import numpy as np
import headstart as hs
from headstart.core.recipe import Recipe
from headstart.core.storage import sha256

class Cut(BaseException):
    pass

def cut(event):
    if event.kind == "step" and event.values["step"] == 33:
        raise Cut

recipe = Recipe().with_settings({
    "source.name": "python:nets:moments", "source.input": {"name": "series", "length": 12},
    "stages.0.strategy.name": "full", "stages.0.steps": 60, "stages.0.lr": 0.05, "stages.0.evaluate": 20,
    "checkpoint": 0,
})
run = hs.fit("data.jsonl", recipe=recipe, out="run")
try:
    hs.fit("data.jsonl", recipe=recipe, out="cut", listen=cut)
except Cut:
    hs.fit(None, resume="cut")
weights = [sha256(Path(folder, "model/model.safetensors")) for folder in ("run", "cut")]
model = hs.load("run")
rows = [json.loads(line) for line in open("data.jsonl")]
series, labels = [row["heart"] for row in rows], [row["label"] for row in rows]
Path("text.csv").write_text("heart\\n" + "\\n".join(" ".join(map(str, cells)) for cells in series))
memory = hs.read(([np.array(cells) for cells in series], labels))
try:
    model.predict([[1.0, 2.0], ["no"], [float("nan")]])
except hs.HeadstartError as error:
    refused = str(error)
shown = hs.show("data.jsonl", recipe=recipe, rows=2).to_plain()
print(json.dumps({
    "weights": weights, "right": np.mean([a == b for a, b in zip(model.predict(series), labels)]),
    "alike": [model.predict(data) == model.predict(series)
              for data in ("data.jsonl", "text.csv", [np.array(cells) for cells in series])],
    "measured": [found.evaluations["test"].metrics["accuracy"].value for found in (run, hs.evaluate("run"))],
    "modality": memory.task.modality, "refused": refused, "shown": shown,
}))
"""


@pytest.mark.slow
def test_a_series_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "plugins" / "inputs").mkdir(parents=True)
    (tmp_path / "plugins" / "inputs" / "series.py").write_text(SERIES)
    (tmp_path / "nets.py").write_text(NET)
    random = np.random.default_rng(0)
    with (tmp_path / "data.jsonl").open("w") as file:
        for row in range(120):
            up = row % 2 == 0
            series = random.normal(1 if up else -1, 0.7, random.integers(3, 20)).round(3).tolist()
            label = up if row % 10 else not up  # some are wrong, for the report to show
            file.write(json.dumps({"heart": series, "label": "up" if label else "down"}) + "\n")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "HEADSTART_PLUGINS": str(tmp_path / "plugins")},
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["weights"][0] == found["weights"][1], "a resumed run gives the same"
    assert found["right"] > 0.8 and found["alike"] == [True, True, True]
    assert found["measured"][0] == found["measured"][1]
    assert found["modality"] == "series"
    assert "Inputs that are no series" in found["refused"] and "[1]" in found["refused"] and "[2]" in found["refused"]
    steps = [step["step"] for step in found["shown"]["steps"]]
    assert steps == ["read", "prepared", "opened", "example", "batch of one"]
    assert found["shown"]["examples"][0]["views"]["plain"]["text"].startswith("[")
    report = (tmp_path / "run" / "report.html").read_text()
    assert "series (the last 12 numbers)" in report and "<blockquote>series " in report
    card = json.loads((tmp_path / "run" / "model" / "model.json").read_text())["card"]
    assert card["input"] == {"modality": "series", "length": 12, "scale": 1.0}
