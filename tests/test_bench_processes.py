"""What the benchmarks measure with: bench/processes.py."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

BUSY = "import time\nwhile time.process_time() < 0.5: pass"


@pytest.fixture(scope="module")
def tools() -> dict[str, Any]:
    """Load the module, which is no part of the package."""
    return runpy.run_path(str(Path(__file__).parents[1] / "bench/processes.py"))


def test_a_process_that_another_one_starts_is_counted(tools: dict[str, Any]) -> None:
    outer = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]], check=True)"
    assert 0.5 <= tools["seconds"]([sys.executable, "-c", outer, BUSY]) < 5


def test_waiting_costs_nothing_and_two_measurements_do_not_add_up(tools: dict[str, Any]) -> None:
    tools["seconds"]([sys.executable, "-c", BUSY])
    assert tools["seconds"]([sys.executable, "-S", "-c", "import time; time.sleep(0.6)"]) < 0.4


def test_one_thread_and_the_given_variables_reach_the_program(tools: dict[str, Any]) -> None:
    check = "import os; assert os.environ['OMP_NUM_THREADS'] == '1' and os.environ['MALLOC_TOP_PAD_'] == '67108864'"
    tools["seconds"]([sys.executable, "-c", check], tools["ALLOCATOR"])


def test_a_program_that_fails_stops_the_benchmark_and_shows_why(tools: dict[str, Any]) -> None:
    with pytest.raises(SystemExit, match="no such thing"):
        tools["seconds"]([sys.executable, "-c", "raise ValueError('no such thing')"])


def test_programs_run_by_turns_and_the_medians_stand_beside_ours(
    tools: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    order: list[str] = []
    left = {"ours": [2.0, 4.0, 3.0], "peer": [9.0]}

    def program(name: str) -> float:
        order.append(name)
        return left[name].pop(0)

    tools["beside"]("a job", {n: lambda n=n: program(n) for n in ("ours", "peer")}, 3, once=["peer"])
    line = json.loads(capsys.readouterr().out)
    assert order == ["ours", "peer", "ours", "ours"]
    assert line["ours"] == {"cpu_seconds": 3.0, "of_ours": 1.0} and line["peer"] == {"cpu_seconds": 9.0, "of_ours": 3.0}
    assert line["job"] == "a job" and line["load"] >= 0
