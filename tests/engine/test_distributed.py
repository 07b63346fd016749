"""Claims of several processes (gloo): the curve and the weights of one, one writer, each row once, one end for all."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ranks
import torch
from safetensors.torch import load_file

import toys
from headstart.engine.distributed import World

TESTS = Path(__file__).parents[1]


def run_two(folder: Path, *cases: str) -> tuple[int, str]:
    for case in cases:
        (folder / case).mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    search = os.pathsep.join([str(TESTS), *(part for part in sys.path if part)])
    done = subprocess.run(
        [sys.executable, str(TESTS / "engine" / "ranks.py"), str(folder), ",".join(cases), str(port)],
        env={**os.environ, "PYTHONPATH": search, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=280,
    )
    return done.returncode, done.stderr


def losses(folder: Path) -> list[float]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [value for line in lines for key, value in line.items() if key in ("loss", "accuracy")]


@pytest.mark.slow  # starts processes twice
def test_two_processes_train_as_one(tmp_path: Path) -> None:
    cases = [case for case in ranks.CASES if case not in ("rule-nan", "stop", "dead")]
    code, error = run_two(tmp_path, *cases)  # one after another in the same two processes
    assert code == 0, error
    for case in cases:
        folder = tmp_path / case
        data, model = ranks.made(case)
        objective = ranks.OBJECTIVES.get(case, "supervised")
        strategy = ranks.STRATEGIES.get(case, "full")
        toys.train(folder / "one", model, data, strategy, objective, stage=ranks.CASES[case], validate=True)
        first, second = (load_file(folder / f"weights-{rank}.safetensors") for rank in range(2))
        for name, tensor in model.state_dict().items():
            assert torch.equal(first[name], second[name]), f"{case}: the processes stay together"
            assert torch.allclose(first[name], tensor, atol=1e-5), case
        assert losses(folder) == pytest.approx(losses(folder / "one"), abs=1e-5), case
        found: list[dict[str, Any]] = [json.loads((folder / f"found-{rank}.json").read_text()) for rank in range(2)]
        each_once = all(f["shape"] == [11, 5 * len(data.task.targets)] and f["features"] < 1e-6 for f in found)
        assert each_once, f"{case}: each row once, in every process"


@pytest.mark.slow
def test_a_stop_of_one_stops_all_at_the_same_step(tmp_path: Path) -> None:
    code, error = run_two(tmp_path, "stop")
    assert code == 0, error
    saved = [json.loads((tmp_path / "stop" / f"found-{rank}.json").read_text())["saved"] for rank in range(2)]
    assert saved == ["stopped step-0-0000003", "stopped "]  # one writer
    first, second = (load_file(tmp_path / "stop" / f"weights-{rank}.safetensors") for rank in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.slow
def test_a_loss_of_one_that_is_not_finite_ends_all_where_a_rule_combines_losses(tmp_path: Path) -> None:
    code, error = run_two(tmp_path, "rule-nan")
    assert code == 1 and "The loss is not finite in training" in error
    assert "The loss is not finite in another process" in error and "lost touch" not in error


@pytest.mark.slow
def test_a_process_that_dies_ends_the_others(tmp_path: Path) -> None:
    started = time.monotonic()
    code, error = run_two(tmp_path, "dead")
    assert code == 1 and "lost touch with another one" in error
    assert json.loads((tmp_path / "codes.json").read_text()) == [1, -9]
    assert time.monotonic() - started < 200


@pytest.mark.parametrize(("count", "size"), [(11, 2), (1, 3), (7, 7), (100, 8)])
def test_each_place_belongs_to_one_process(count: int, size: int) -> None:
    places = np.concatenate([World(rank, size).places(count) for rank in range(size)])
    assert places.tolist() == list(range(count))
