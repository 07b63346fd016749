"""How many threads compute: blocks that nest or overlap leave the number that there was."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

import toys
from headstart.artifact.predictor import Predictor
from headstart.core import processes
from headstart.core.errors import UsageError
from headstart.core.recipe import Recipe
from headstart.core.task import TARGET
from headstart.engine.machine import SMALL, check_processes, choose_threads, threads
from headstart.inputs.vector import Vector
from headstart.runs.fit import fit

OWN = 3


@pytest.fixture(autouse=True)
def own() -> Iterator[None]:
    """Give the process a number of its own."""
    before = torch.get_num_threads()
    torch.set_num_threads(OWN)
    yield
    torch.set_num_threads(before)


def elsewhere(ask: Callable[[], int] = torch.get_num_threads) -> int:
    """Ask in a new Python thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(ask).result()


@pytest.mark.parametrize("first_out", ["first in", "last in"])
def test_blocks_that_overlap_leave_the_number_that_there_was(first_out: str) -> None:
    inside, leave, left = threading.Event(), threading.Event(), threading.Event()
    seen: list[int] = []

    def other() -> None:
        with threads(1):
            inside.set()
            assert leave.wait(20)
            seen.append(torch.get_num_threads())
        seen.append(torch.get_num_threads())
        left.set()

    thread = threading.Thread(target=other)
    with threads(1):
        thread.start()
        assert inside.wait(20)
        if first_out == "last in":
            leave.set()
            assert left.wait(20)
            assert torch.get_num_threads() == 1
    leave.set()
    thread.join()
    assert seen == [1, OWN]
    assert torch.get_num_threads() == elsewhere() == OWN


def test_a_large_network_takes_all_threads_beside_a_small_one() -> None:
    with threads(1):
        assert elsewhere(lambda: choose_threads(SMALL)) == OWN
        assert elsewhere(lambda: choose_threads(SMALL - 1)) == 1
    assert choose_threads(SMALL) == OWN


def test_an_inner_block_goes_back_to_the_outer_one() -> None:
    with threads(1):
        with threads(2):
            assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == OWN


def test_an_error_leaves_the_number_too() -> None:
    with pytest.raises(ValueError), threads(1):
        raise ValueError
    assert torch.get_num_threads() == elsewhere() == OWN


def test_predictions_in_many_python_threads_leave_it_and_agree() -> None:
    backbone = toys.source("vector:mlp")
    data = toys.dataset(Vector(6))
    predictor = Predictor(toys.make_model(backbone, data).eval(), data.task, Recipe(), "float32", "")
    alone = predictor.outputs(data.splits["test"])[TARGET]
    with ThreadPoolExecutor(8) as pool:
        many = list(pool.map(lambda _: predictor.outputs(data.splits["test"])[TARGET], range(24)))
    assert all(np.array_equal(outputs, alone) for outputs in many)
    assert torch.get_num_threads() == elsewhere() == OWN


def test_processes_that_cannot_pay_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    monkeypatch.setattr(processes, "cores", lambda: 3)
    check_processes(SMALL, cpu)  # one process
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    told = r"2 processes on 3 cores are by an estimate no faster than one.*Leave processes= away"
    with pytest.raises(UsageError, match=told):
        check_processes(SMALL, cpu)
    check_processes(SMALL - 1, cpu)  # on one thread each, whatever there are
    check_processes(SMALL, cuda)
    monkeypatch.setattr(processes, "cores", lambda: 4)
    check_processes(SMALL, cpu)


def test_cores_are_those_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {3, 5}, raising=False)
    assert processes.cores() == 2


def test_a_run_in_processes_that_cannot_pay_is_refused_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setattr(processes, "cores", lambda: 2)
    monkeypatch.setattr("headstart.engine.machine.SMALL", 0)
    recipe = Recipe().with_settings({"source.name": "vector:mlp", "device": "cpu"})
    with pytest.raises(UsageError, match="2 processes on 2 cores"):
        fit(toys.dataset(Vector(6)), recipe, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
