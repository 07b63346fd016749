"""CPU seconds and memory to read and check tables of numbers, and CPU seconds to split many groups, in fresh processes.

Usage: python bench/tables.py

Seconds are of the process, after all that is needed is imported. Memory is the peak of the process while it reads,
above what it held before (Linux).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute
import pyarrow.csv  # noqa: F401 imported before the clock starts

from headstart.core import plugins
from headstart.core.recipe import DataPlan
from headstart.core.types import TARGET, Task
from headstart.data.read import read
from headstart.data.rows import Rows
from headstart.data.splits import SplitRows, make_splits

COLUMNS = 60
GROUPS, MEMBERS = 8_000, 3
CASES = {
    "5,000 x 60 numbers": ("read", "plain", 5_000),
    "50,000 x 60 numbers": ("read", "plain", 50_000),
    "50,000 x 60 numbers in quotes": ("read", "quoted", 50_000),
    "8,000 groups of 3 rows": ("split", "", 0),
}


def write_table(path: Path, rows: int, *, quoted: bool) -> None:
    """Write normal numbers with all their digits, and a label of two classes."""
    x = np.random.default_rng(0).normal(size=(rows, COLUMNS))
    frame = pd.DataFrame(x, columns=[f"c{i}" for i in range(COLUMNS)]).assign(label=np.where(x[:, 0] > 0, "a", "b"))
    frame.to_csv(path, index=False, quoting=1 if quoted else 0)


def memory(what: str) -> float:
    """Return what /proc says of this process, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024


def import_plugins() -> None:
    """Import what is else imported when it is first needed."""
    for kind in ("inputs", "targets", "readers"):
        for name in plugins.names(kind):
            plugins.load(kind, name)


def measure_read(path: Path) -> None:
    """Read a table in this process and print what it took."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = memory("VmRSS")
    start = time.process_time()
    dataset = read(path, DataPlan())
    seconds = time.process_time() - start
    rows = sum(map(len, dataset.splits.values()))
    size = path.stat().st_size / 2**20
    print(
        f"{seconds:6.2f} cpu-s  {memory('VmHWM') - before:6.0f} MiB at most  {rows:,} rows, {size:.1f} MiB in the file"
    )


def measure_split() -> None:
    """Split rows by group in this process and print what it took."""
    count = GROUPS * MEMBERS
    places = np.random.default_rng(0).permutation(count)
    rows = Rows([f"row {i}" for i in range(count)], np.zeros((count, 1), dtype=np.float32), {TARGET: places % 2})
    part = SplitRows(rows, [f"group {i // MEMBERS}" for i in places])
    task = Task.of("vector", "binary", ("x",), ("label",), ("a", "b"))
    start = time.process_time()
    splits, _ = make_splits({"all": part}, task, DataPlan(), 0)
    seconds = time.process_time() - start
    print(f"{seconds:6.2f} cpu-s  {', '.join(f'{name} {len(rows):,}' for name, rows in splits.items())}")


def main() -> None:
    """Print a line for each case."""
    with tempfile.TemporaryDirectory() as folder:
        for name, (kind, style, rows) in CASES.items():
            path = Path(folder) / f"{style or 'none'}-{rows}.csv"
            if kind == "read":
                write_table(path, rows, quoted=style == "quoted")
            done = subprocess.run(
                [sys.executable, __file__, kind, str(path)], stdout=subprocess.PIPE, text=True, check=True
            )
            print(f"{name:30} {done.stdout.rstrip()}")


if __name__ == "__main__":
    import_plugins()
    if sys.argv[1:2] == ["read"]:
        measure_read(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["split"]:
        measure_split()
    else:
        main()
