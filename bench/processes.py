"""Whole processes, measured as a user runs them: processor seconds of the process and of all that it starts."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from statistics import median

SHARED = Path(os.environ.get("HEADSTART_SHARED", Path(__file__).resolve().parents[2] / "shared"))  # data and weights
MOBILENET = "weights/vision/mobilenetv2_100_imagenet"
HEADSTART = [sys.executable, "-m", "headstart"]
# Freed memory is kept: what `headstart.engine.machine.keep_memory` asks of glibc, for any program.
ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str((1 << 31) - 1),
    "MALLOC_TOP_PAD_": str(64 << 20),
}


def seconds(command: Sequence[object], variables: Mapping[str, str] | None = None) -> float:
    """Run a program to its end on one thread, and return its processor seconds, user and system.

    Args:
        command: The program and its arguments.
        variables: Added to the environment.

    Returns:
        Seconds of the process and of those that it waited for.

    Raises:
        SystemExit: It failed; what it printed is shown.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"OMP_NUM_THREADS": "1", **(variables or {})}
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def beside(job: str, programs: Mapping[str, Callable[[], float]], turns: int, once: Collection[str] = ()) -> None:
    """Run programs by turns, and print one JSON object.

    Args:
        job: What they all do.
        programs: Each runs once and returns its processor seconds. The first is Headstart.
        turns: How often each is run; the median counts.
        once: Slow ones, which are run once.
    """
    taken: dict[str, list[float]] = {name: [] for name in programs}
    for turn in range(turns):
        for name, program in programs.items():
            if not turn or name not in once:
                taken[name].append(program())
    medians = {name: median(found) for name, found in taken.items()}
    ours = next(iter(medians.values()))
    line = {
        name: {"cpu_seconds": round(found, 1), "of_ours": round(found / ours, 2)} for name, found in medians.items()
    }
    print(json.dumps({"job": job, **line, "load": round(os.getloadavg()[0], 1)}), flush=True)
