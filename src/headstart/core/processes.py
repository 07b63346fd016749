"""Which of several processes this one is, as a launcher such as torchrun says."""

from __future__ import annotations

import os


def rank() -> int:
    """Return this process's number among all, 0 without a launcher."""
    return int(os.environ.get("RANK", "0"))


def count() -> int:
    """Return how many processes the launcher started, 1 without one."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def local_rank() -> int:
    """Return this process's number among those of its machine."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def local_count() -> int:
    """Return how many of the processes are on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def cores() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
