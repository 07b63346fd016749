"""Segmentation of street scenes: mIoU on CamVid's official second part; another street chooses the step.

python bench/camvid.py [ours|torchvision] [--shared FOLDER] [--strategy full] [--epochs 20] [--size 224] [--out FILE]
    [--seconds CPU_SECONDS]

MobileNetV2 of ImageNet; the sequence 0001TP of the training frames chooses the step. `ours` is `headstart fit` with the
head `decoder`; `torchvision` its LR-ASPP on the same network at the same size with the recipe of its references (SGD
with momentum, polynomial decay, a part of each frame cut and mirrored), for as many CPU seconds in all. Each prints one
JSON object: figures with intervals, steps, and CPU seconds of the whole.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import headstart as hs
from headstart.core.recipe import DataPlan
from headstart.data.read import read
from headstart.evaluation.metrics import evaluate
from headstart.targets._masks import opened_mask

SHARED = Path(os.environ.get("HEADSTART_SHARED", Path(__file__).resolve().parents[2] / "shared"))
BATCH, LR = 16, 0.02
VALIDATION = "0001TP"  # neighbouring frames are alike, so that a sequence is in one split


def divided(data: Path, folder: Path) -> Path:
    """Link frames and masks by split: the official second part tests."""
    for kind in ("images", "masks"):
        for official in ("train", "val"):
            for file in sorted((data / kind / official).iterdir()):
                chooses = official == "train" and file.name.startswith(VALIDATION)
                split = "test" if official == "val" else "val" if chooses else "train"
                (folder / kind / split).mkdir(parents=True, exist_ok=True)
                (folder / kind / split / file.name).symlink_to(file.resolve())
    (folder / "meta.json").write_text((data / "meta.json").read_text(encoding="utf-8"), encoding="utf-8")
    return folder


def torchvisions(data: Path, source: str, size: int, seconds: float) -> dict[str, Any]:
    """Train torchvision's LR-ASPP for so many CPU seconds; the step of the best validation mIoU is tested."""
    from torch.nn import functional
    from torchvision import tv_tensors
    from torchvision.transforms import v2

    found = read(data, DataPlan())
    torch.manual_seed(0)
    model = segmenter(source, len(found.task.classes))
    rows = found.splits["train"]
    cut = v2.Compose([v2.RandomResizedCrop(size, scale=(0.35, 1.0)), v2.RandomHorizontalFlip()])
    optimiser = torch.optim.SGD(model.parameters(), lr=LR, momentum=0.9, weight_decay=1e-4)
    start, step, best, kept = time.process_time(), 0, -1.0, {}
    while (spent := time.process_time() - start) < seconds:
        model.train()
        for group in optimiser.param_groups:
            group["lr"] = LR * (1 - spent / seconds) ** 0.9
        shown = []
        for row in torch.randint(len(rows), (BATCH,)).tolist():
            mask = tv_tensors.Mask(np.asarray(opened_mask(rows.y[row])).copy())
            shown.append(cut(tv_tensors.Image(opened(rows.inputs[row])), mask))
        x, y = torch.stack([frame for frame, _ in shown]), torch.stack([mask for _, mask in shown]).long()
        loss = functional.cross_entropy(model(normalised(x))["out"], y, ignore_index=255)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
        if step % 46 == 0:
            value = measured(model, found, "validation", size)["miou"][0]
            if value > best:
                best, kept = value, {name: weight.clone() for name, weight in model.state_dict().items()}
    model.load_state_dict(kept or model.state_dict())
    return {**measured(model, found, "test", size), "steps": step}


def segmenter(source: str, classes: int) -> torch.nn.Module:
    """Put torchvision's LR-ASPP on the pretrained network: on its maps of stride 8 and of stride 32."""
    import timm
    from safetensors.torch import load_file
    from torchvision.models.segmentation.lraspp import LRASPP

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            whole = timm.create_model("mobilenetv2_100", num_classes=1001)
            whole.load_state_dict(load_file(f"{source}.safetensors"), strict=False)
            self.body: Any = timm.create_model("mobilenetv2_100", features_only=True, out_indices=(2, 4))
            missing = self.body.load_state_dict(whole.state_dict(), strict=False).missing_keys
            assert not missing, missing
            self.channels: list[int] = self.body.feature_info.channels()

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            low, high = self.body(x)
            return {"low": low, "high": high}

    network = Network()
    low, high = network.channels
    return LRASPP(network, low, high, classes)


def opened(item: Any) -> torch.Tensor:
    """Read a frame, [3, H, W] uint8."""
    from torchvision.io import ImageReadMode, decode_image

    return decode_image(str(item), ImageReadMode.RGB)


def normalised(x: torch.Tensor) -> torch.Tensor:
    """Scale pixels as this network was taught: from -1 to 1."""
    return x.float() / 127.5 - 1


def measured(model: torch.nn.Module, found: Any, split: str, size: int) -> dict[str, Any]:
    """Measure decisions on whole frames, squeezed to the network's size."""
    from torchvision.transforms.v2.functional import resize

    rows, decided = found.splits[split], []
    model.eval()
    with torch.no_grad():
        for item in rows.inputs:
            x = resize(opened(item), [size, size], antialias=True)[None]
            decided.append(model(normalised(x))["out"][0].argmax(dim=0).to(torch.uint8).numpy())
    figures = evaluate(found.task.target, rows.y, np.stack(decided)).metrics
    return {name: [metric.value, metric.low, metric.high] for name, metric in figures.items()}


def main() -> None:
    """Print the figures of one run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("way", nargs="?", choices=("ours", "torchvision"), default="ours")
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--seconds", type=float, default=480)
    parser.add_argument("--strategy", default="full")
    parser.add_argument("--epochs", type=float, default=20)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    settings: dict[str, Any] = {"device": "cpu", "refit": "no", "stages.0.epochs": given.epochs}
    with tempfile.TemporaryDirectory() as folder:
        data = divided(given.shared / "data/image/camvid", Path(folder) / "camvid")
        weights = str(given.shared / "weights/vision/mobilenetv2_100_imagenet")
        if given.way == "torchvision":
            done = torchvisions(data, weights, given.size, given.seconds)
            print(json.dumps({**done, "cpu_seconds": round(time.process_time())}))
            return
        source = f"local:{weights}"
        surgery = [f"adapt_input whole=true size={given.size}", "maps"]
        words: dict[str, Any] = {"source": source, "surgery": surgery, "strategy": given.strategy}
        run = hs.fit(data, **words, settings=settings, out=given.out or Path(folder) / "run")
        figures = {name: [m.value, m.low, m.high] for name, m in run.evaluations["test"].metrics.items()}
        print(json.dumps({**figures, "steps": run.outcome.steps, "cpu_seconds": round(time.process_time())}))


if __name__ == "__main__":
    main()
