"""Batches from worker processes, in order: a process that dies or hangs is a `LostWorker`, told by how it ended.

Worker k makes the batches k, k + N, k + 2N … of N workers and sends each through a pipe of its own (torch moves the
tensors by shared memory), so that the batches and their order are the same for any number of workers. A pipe that ends
is a process that died; one that stays silent for `HUNG` seconds is a process that hangs.
"""

from __future__ import annotations

import faulthandler
import itertools
import multiprocessing
import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from headstart.core.errors import TrainingError
from headstart.core.interface import option
from headstart.core.types import Batch

HUNG = 300.0  # seconds after which a worker that gives no batch counts as hung
AHEAD = 2  # batches that each worker may be ahead, as in torch's DataLoader
PATIENCE = 1.0  # seconds that a worker has to end by itself

_starting = threading.Lock()  # a process must not inherit another one's end of a pipe, which would outlive that one

Samples = list[tuple[int, int]]  # the (epoch, row) of each row of a batch
Make = Callable[[Samples], Batch]


class LostWorker(TrainingError):
    """A process that loads data died or hung."""


class _Worker(NamedTuple):
    process: Any
    pipe: Connection


class _Failed(NamedTuple):
    traceback: str


def load(make: Make, samples: Iterator[Samples], workers: int, *, pin: bool = False) -> Iterator[Batch]:
    """Iterate over the batches of some samples, made ahead by worker processes.

    Args:
        make: Makes a batch; where processes are not forked it is pickled.
        samples: The samples of each batch, perhaps without end.
        workers: Processes; with 0 this one makes each batch when it is asked for.
        pin: Copy batches to page-locked memory, for a GPU: with workers in a thread beside the caller's.

    Yields:
        The batches, in order.

    Raises:
        LostWorker: A worker died or hung.
    """
    if workers == 0:
        for each in samples:
            batch = make(each)
            yield batch.pin_memory() if pin else batch
        return
    batches = _from_workers(make, samples, workers)
    with closing(_pinned(batches) if pin else batches) as source:
        yield from source


def _from_workers(make: Make, samples: Iterator[Samples], count: int) -> Generator[Batch, None, None]:
    workers: list[_Worker] = []
    try:
        workers.extend(_start(make) for _ in range(count))
        turns = itertools.cycle(workers)
        asked = [_ask(next(turns), each) for each in itertools.islice(samples, AHEAD * count)]
        while asked:
            worker = asked.pop(0)
            batch = _receive(worker)
            asked += [_ask(next(turns), each) for each in itertools.islice(samples, 1)]
            yield batch
    finally:
        for worker in workers:
            worker.pipe.close()
        for worker in workers:
            worker.process.join(PATIENCE)
            worker.process.kill()  # nothing, if it has ended
            worker.process.join()


def _start(make: Make) -> _Worker:
    with _starting:
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.Process(target=_work, args=(make, ours, theirs), daemon=True)
        process.start()
        theirs.close()
    return _Worker(process, ours)


def _ask(worker: _Worker, samples: Samples) -> _Worker:
    try:
        worker.pipe.send(samples)
    except OSError as error:
        raise _died(worker) from error
    return worker


def _receive(worker: _Worker) -> Batch:
    try:
        if not worker.pipe.poll(HUNG):
            raise LostWorker(
                f"process {worker.process.pid} gave no batch within {HUNG:g} s: it hung. Where it stood is on stderr "
                "above."
            )
        found = worker.pipe.recv()
    except (EOFError, OSError) as error:  # also where it died before its tensors were taken over
        raise _died(worker) from error
    if isinstance(found, _Failed):
        raise _error(worker.pipe, found)
    return found


def _error(pipe: Connection, failed: _Failed) -> Exception:
    """Receive the error itself, which follows; one that cannot be sent is told as a RuntimeError."""
    try:
        error = pipe.recv()
    except Exception:  # noqa: BLE001 - whatever its unpickling raises
        error = None
    if not isinstance(error, Exception):
        return RuntimeError(f"In a process that loads data:\n{failed.traceback}")
    error.add_note(f"In a process that loads data:\n{failed.traceback}")
    return error


def _died(worker: _Worker) -> LostWorker:
    worker.process.join(5)
    code = worker.process.exitcode
    how = f"by {signal.Signals(-code).name}" if code is not None and code < 0 else f"with exit code {code}"
    if code is not None and code > 0:  # it was not killed: something that it called ended it
        return LostWorker(f"process {worker.process.pid} ended {how}. To see why, load with {option('workers', 0)}.")
    return LostWorker(
        f"process {worker.process.pid} ended {how}, likely for want of memory: give more RAM, or more shared memory in "
        f"/dev/shm (docker run --shm-size=2g), or load with {option('workers', 0)}."
    )


def _work(make: Make, theirs_to_close: Connection, pipe: Connection) -> None:
    """Make batches until the other side is gone, which ends this process too."""
    import torch

    theirs_to_close.close()  # else this process would keep its own pipe open
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process decides what Ctrl-C means
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    torch.set_num_threads(1)
    while True:
        try:
            samples = pipe.recv()
        except (EOFError, OSError):
            return
        failure = None
        try:
            with _stack_of_a_hang():
                made: Any = make(samples)
        except Exception as error:  # noqa: BLE001 - raised again by the main process
            made, failure = _Failed(traceback.format_exc()), error
        try:
            pipe.send(made)
            if failure is not None:
                _send_error(pipe, failure)
        except OSError:
            return


def _send_error(pipe: Connection, error: Exception) -> None:
    try:
        pipe.send(error)
    except (pickle.PicklingError, TypeError, AttributeError):  # something in it cannot be sent
        pipe.send(None)


@contextmanager
def _stack_of_a_hang() -> Iterator[None]:
    """Write where this process stands to stderr shortly before it counts as hung."""
    faulthandler.dump_traceback_later(HUNG * 0.9, file=2)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _pinned(batches: Generator[Batch, None, None]) -> Generator[Batch, None, None]:
    """Receive and pin each batch in a thread, while the one before it is computed on."""
    import torch

    def fetch() -> Batch | None:
        batch = next(batches, None)
        return None if batch is None else batch.pin_memory()

    device = torch.cuda.current_device()
    thread = ThreadPoolExecutor(1, initializer=torch.cuda.set_device, initargs=(device,))
    with closing(batches), thread:
        coming = thread.submit(fetch)
        while (batch := coming.result()) is not None:
            coming = thread.submit(fetch)
            yield batch
