"""Detection of blood cells: average precision on BCCD's test pictures; its own validation pictures choose the step.

python bench/bccd.py ours|scratch|torchvision [--shared FOLDER] [--seconds CPU_SECONDS] [--out FOLDER]

`ours` is `headstart fit FOLDER --source MobileNetV2` with no other option, `scratch` the same from random weights.
`torchvision` is its SSDLite on the same pretrained network with the recipe of its references (SGD with momentum,
cosine decay, cut and mirrored pictures), for as many CPU seconds as `--seconds` says; the figures are computed by
headstart's metrics from its boxes. Each prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch

import headstart as hs
from headstart.core.recipe import DataPlan
from headstart.data.read import read
from headstart.evaluation.metrics import evaluate

SHARED = Path(os.environ.get("HEADSTART_SHARED", Path(__file__).resolve().parents[2] / "shared"))
SCRATCH = "timm:mobilenetv2_100"
SIDE, BATCH, LR = 320, 8, 0.01
Pair = tuple[torch.Tensor, dict[str, torch.Tensor]]


def ours(data: Path, source: str, out: Path, *, pretrained: bool) -> dict[str, Any]:
    """Fit with the defaults."""
    run = hs.fit(data, source=source if pretrained else f"{SCRATCH} pretrained=false", out=out, device="cpu")
    figures = {name: [m.value, m.low, m.high] for name, m in run.evaluations["test"].metrics.items()}
    return {**figures, "steps": run.outcome.steps}


def pairs(rows: Any) -> list[Pair]:
    """Make torchvision's pairs of pictures and boxes in pixels, classes from 1."""
    from torchvision import tv_tensors
    from torchvision.io import ImageReadMode, decode_image

    made = []
    for item, label in zip(rows.inputs, rows.y, strict=True):
        picture = decode_image(str(item), ImageReadMode.RGB).float() / 255
        height, width = picture.shape[1:]
        corners = torch.from_numpy(label[:, :4] * np.array([width, height, width, height], dtype=np.float32))
        boxes = tv_tensors.BoundingBoxes(corners, format="XYXY", canvas_size=(height, width))  # pyright: ignore[reportCallIssue]
        made.append((tv_tensors.Image(picture), {"boxes": boxes, "labels": torch.from_numpy(label[:, 4]).long() + 1}))
    return made


def detector(source: str, classes: int) -> torch.nn.Module:
    """Put torchvision's SSDLite on the pretrained network: its maps of stride 16 and 32, and four coarser ones."""
    import timm
    from safetensors.torch import load_file
    from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
    from torchvision.models.detection.ssd import SSD
    from torchvision.models.detection.ssdlite import SSDLiteHead
    from torchvision.ops import Conv2dNormActivation

    def extra(inner: int, given: int, taken: int) -> torch.nn.Module:
        layers = [Conv2dNormActivation(taken, inner, 1, activation_layer=torch.nn.ReLU6)]
        layers += [Conv2dNormActivation(inner, inner, 3, 2, groups=inner, activation_layer=torch.nn.ReLU6)]
        return torch.nn.Sequential(*layers, Conv2dNormActivation(inner, given, 1, activation_layer=torch.nn.ReLU6))

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            whole = timm.create_model("mobilenetv2_100", num_classes=1001)
            whole.load_state_dict(load_file(f"{source}.safetensors"), strict=False)
            self.body: Any = timm.create_model("mobilenetv2_100", features_only=True, out_indices=(3, 4))
            missing = self.body.load_state_dict(whole.state_dict(), strict=False).missing_keys
            assert not missing, missing
            self.channels: list[int] = [*self.body.feature_info.channels(), 512, 256, 256, 128]
            inner = (256, 128, 128, 64)
            self.more = torch.nn.ModuleList(
                extra(width, given, taken)
                for width, given, taken in zip(inner, self.channels[2:], self.channels[1:-1], strict=True)
            )

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            maps = self.body(x)
            for layer in self.more:
                maps.append(layer(maps[-1]))
            return OrderedDict((str(place), level) for place, level in enumerate(maps))

    network = Network()
    anchors = DefaultBoxGenerator([[2, 3] for _ in network.channels], min_ratio=0.2, max_ratio=0.95)
    head = SSDLiteHead(network.channels, anchors.num_anchors_per_location(), classes + 1, torch.nn.BatchNorm2d)
    pixels = json.loads(Path(f"{source}.json").read_text(encoding="utf-8"))
    how: dict[str, Any] = {"image_mean": pixels["mean"], "image_std": pixels["std"], "head": head}
    more = {"score_thresh": 0.01, "nms_thresh": 0.55, "detections_per_img": 100}
    return SSD(network, anchors, (SIDE, SIDE), classes + 1, **how, **more)


def torchvisions(data: Path, source: str, seconds: float) -> dict[str, Any]:
    """Train torchvision's SSDLite for so many CPU seconds; the step of the best validation mAP is tested."""
    from torchvision.transforms import v2

    found = read(data, DataPlan())
    torch.manual_seed(0)
    model = detector(source, len(found.task.classes))
    train = pairs(found.splits["train"])
    cut = v2.Compose([v2.RandomIoUCrop(), v2.RandomHorizontalFlip(), v2.SanitizeBoundingBoxes()])
    body = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.SGD(body, lr=LR, momentum=0.9, weight_decay=4e-5)
    start, step, best, kept = time.process_time(), 0, -1.0, {}
    while (spent := time.process_time() - start) < seconds:
        model.train()
        for group in optimiser.param_groups:
            group["lr"] = LR * min(1.0, (step + 1) / 50) * (1 + np.cos(np.pi * spent / seconds)) / 2
        rows = torch.randint(len(train), (BATCH,)).tolist()
        shown = [cut(*train[row]) for row in rows]
        losses = model([picture for picture, _ in shown], [boxes for _, boxes in shown])
        optimiser.zero_grad()
        torch.stack([*losses.values()]).sum().backward()
        optimiser.step()
        step += 1
        if step % 52 == 0:
            value = measured(model, found, "validation")["mean_average_precision"][0]
            if value > best:
                best, kept = value, {name: weight.clone() for name, weight in model.state_dict().items()}
    model.load_state_dict(kept or model.state_dict())
    return {**measured(model, found, "test"), "steps": step}


def measured(model: torch.nn.Module, found: Any, split: str) -> dict[str, Any]:
    """Measure boxes of torchvision's form."""
    rows, outputs = found.splits[split], np.zeros((len(found.splits[split]), 100, 6), dtype=np.float32)
    model.eval()
    with torch.no_grad():
        for row, (picture, _) in enumerate(pairs(rows)):
            (answer,) = model([picture])
            height, width = picture.shape[1:]
            corners = answer["boxes"] / torch.tensor([width, height, width, height])
            boxes = torch.cat([corners, answer["scores"][:, None], answer["labels"][:, None] - 1], dim=1)[:100]
            outputs[row, : len(boxes)] = boxes.numpy()
    figures = evaluate(found.task.target, rows.y, outputs).metrics
    return {name: [metric.value, metric.low, metric.high] for name, metric in figures.items()}


def main() -> None:
    """Print the figures of one run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("way", choices=("ours", "scratch", "torchvision"))
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--seconds", type=float, default=900)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    data, source = given.shared / "data/image/bccd", str(given.shared / "weights/vision/mobilenetv2_100_imagenet")
    with tempfile.TemporaryDirectory() as folder:
        if given.way == "torchvision":
            done = torchvisions(data, source, given.seconds)
        else:
            out = given.out or Path(folder) / "run"
            done = ours(data, f"local:{source}", out, pretrained=given.way == "ours")
        print(json.dumps({"way": given.way, **done, "cpu_seconds": round(time.process_time())}))


if __name__ == "__main__":
    main()
