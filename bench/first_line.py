"""How soon the command speaks, and what it costs until then: CPU seconds and peak memory of whole processes.

    python bench/first_line.py [RUN EXAMPLE]

A table of 200,000 rows and 21 columns is made, as CSV and as Parquet; `fit` is stopped at the line that says what the
columns were taken for.
With a run and an example, `predict` is measured too. The floor is a process that imports pandas, or torch, alone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

ROWS = 200_000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        tables = [Path(folder) / name for name in ("table.csv", "table.parquet")]
        make_tables(*tables)
        command = [sys.executable, "-m", "headstart"]
        floor = measure([sys.executable, "-c", "import pandas"])
        show("import pandas", floor, floor)
        show("fit, first line", measure([*command, "fit", str(tables[0])], until="reading"), floor)
        for table in tables:
            name = f"fit, columns of {table.name}"
            show(name, measure([*command, "fit", str(table)], until="label: "), floor)
        show("fit, no such folder", measure([*command, "fit", f"{folder}/none"]), floor)
        if len(sys.argv) > 2:
            floor = measure([sys.executable, "-c", "import torch"])
            show("import torch", floor, floor)
            show("predict", measure([*command, "predict", *sys.argv[1:]]), floor)


def make_tables(csv: Path, parquet: Path) -> None:
    """Write numbers in full, some of them blank, and categories, with a label of two classes."""
    random = np.random.default_rng(0)
    columns = {f"n{place}": random.normal(size=ROWS) for place in range(16)}
    columns["n3"][:: ROWS // 100] = np.nan
    kinds = {
        f"c{count}": random.choice([f"kind {place}" for place in range(count)], ROWS) for count in (4, 12, 50, 300)
    }
    label = np.where(columns["n0"] > 0, "yes", "no")
    frame = pd.DataFrame({**columns, **kinds, "label": label})
    frame.to_csv(csv, index=False)
    frame.to_parquet(parquet)


def measure(command: list[str], until: str = "") -> tuple[float, float]:
    """Run a command, to its end or to a line that begins so; give CPU seconds and the peak in MB."""
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stderr is not None
    for line in process.stderr:
        if until and line.startswith(until):
            process.send_signal(signal.SIGKILL)
            break
    _, _, used = os.wait4(process.pid, 0)
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def show(name: str, found: tuple[float, float], floor: tuple[float, float]) -> None:
    seconds, megabytes = found
    print(f"{name:28} {seconds:6.2f} CPU s ({seconds / floor[0]:5.1f} x floor) {megabytes:7.0f} MB", flush=True)


if __name__ == "__main__":
    main()
