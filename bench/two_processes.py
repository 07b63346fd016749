"""Train with one process and with two (gloo, CPU) and compare: losses step by step, metrics, weights, evaluated rows.

Usage: python bench/two_processes.py

The network has no dropout and no statistics of batches, so both should agree up to the order of float sums.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.numpy import load_file
from sklearn.datasets import load_digits

SIZES = {"train": 300, "validation": 101, "test": 101}  # odd, so that the shares are unequal
BASE = ["--strategy", "full", "--steps", "40", "--set", "stages.0.evaluate=10", "--set", "stages.0.patience=0"]
CASES = {
    "batch 32: equal shares": ["--batch-size", "32"],
    "batch 31: unequal shares": ["--batch-size", "31"],
    "batch 30 in 3 micro-batches": ["--batch-size", "30", "--set", "stages.0.accumulate=3"],
    "linear probe on computed features": ["--batch-size", "32", "--strategy", "linear_probe"],
}


def network() -> torch.nn.Module:
    """Build a small network with layer norm, for `python:two_processes:network`."""
    return torch.nn.Sequential(
        torch.nn.Linear(64, 64), torch.nn.GELU(), torch.nn.LayerNorm(64), torch.nn.Linear(64, 32), torch.nn.GELU()
    )


def write_digits(folder: Path) -> None:
    """Write real handwritten digits as tables of 64 numbers."""
    x, y = load_digits(return_X_y=True)
    start = 0
    folder.mkdir()
    for split, size in SIZES.items():
        frame = pd.DataFrame(x[start : start + size] / 16, columns=[f"pixel{i}" for i in range(64)])
        frame.assign(label=[f"digit {d}" for d in y[start : start + size]]).to_csv(folder / f"{split}.csv", index=False)
        start += size


def fit(data: Path, out: Path, options: list[str], processes: int) -> None:
    """Run the command."""
    command = [sys.executable, "-m", "headstart", "fit", str(data), "--source", "python:two_processes:network"]
    command += ["--set", "source.vector=true", "--set", "source.dim=64", *BASE, *options]
    command += ["--device", "cpu", "--out", str(out), "--processes", str(processes)]
    here = Path(__file__).resolve().parent
    search = os.pathsep.join(str(Path(part).resolve()) for part in sys.path if part)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": search}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=here)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stderr[-3000:]}")


def curve(folder: Path) -> np.ndarray:
    """Return the logged losses."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return np.array([line["loss"] for line in lines if "loss" in line])


def main() -> int:
    """Compare; the exit code is 0 only if all agree."""
    failed = 0
    print(f"{'case':36} {'losses differ by':>17} {'weights by':>11} {'metrics':>8} {'rows, each once':>16}")
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        write_digits(root / "data")
        for number, (name, options) in enumerate(CASES.items()):
            folders = [root / f"{number}-{processes}" for processes in (1, 2)]
            for processes, folder in zip((1, 2), folders, strict=True):
                fit(root / "data", folder, options, processes)
            losses = np.abs(curve(folders[0]) - curve(folders[1])).max()
            one, two = (load_file(folder / "model" / "model.safetensors") for folder in folders)
            weights = max(float(np.abs(one[key] - two[key]).max()) for key in one)
            metrics = [json.loads((folder / "run.json").read_text())["metrics"]["test"] for folder in folders]
            same = all(abs(metrics[0][key]["value"] - metrics[1][key]["value"]) < 1e-5 for key in metrics[0])
            predictions = pd.read_parquet(folders[1] / "predictions.parquet")
            rows = len(predictions)
            once = rows == SIZES["validation"] + SIZES["test"] and not predictions.duplicated(["split", "id"]).any()
            print(
                f"{name:36} {losses:17.2e} {weights:11.2e} {'equal' if same else 'DIFFER':>8} {f'{rows} {once}':>16}",
                flush=True,
            )
            failed += not (losses < 1e-5 and weights < 1e-4 and same and once)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
