"""Scripts as one writes them by hand for MobileNetV2 on pictures: the fastest, and the usual one.

python bench/hand_written.py probe|predict fast|eager TABLE WEIGHTS OUT

`fast` is the floor: each picture is decoded as Headstart does, no larger than needed, and the network runs once with
batch norms folded, channels-last, 16 pictures at a time; run it with `processes.ALLOCATOR`. `eager` is timm's own
transform and network as it is loaded, 32 at a time. `probe` fits scikit-learn's logistic regression to the features
and writes its accuracy on the rows that are kept back; `predict` writes a class for each picture. TABLE is CSV with
the columns path, label, kept (1: not for training).
"""

from __future__ import annotations

import argparse
import csv
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def network(weights: str) -> Any:
    """Load MobileNetV2 in evaluation mode; it gives pooled features [B, 1280]."""
    import timm
    from safetensors.torch import load_file

    net: Any = timm.create_model("mobilenetv2_100", pad_type="same", num_classes=1001)
    net.load_state_dict(load_file(f"{weights}.safetensors"))
    net.reset_classifier(0)
    return net.eval()


def folded(net: nn.Module) -> nn.Module:
    """Fold each batch norm into the convolution before it, in place."""
    for parent in list(net.modules()):
        children = list(parent.named_children())
        for (before, conv), (name, norm) in itertools.pairwise(children):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(parent, before, fuse_conv_bn_eval(conv, norm))
                setattr(parent, name, norm.act)
    return net.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def small(paths: list[str], side: int = 224, crop: float = 0.875, size: int = 16) -> Iterator[torch.Tensor]:
    """Decode with Pillow at no more than is needed, cut and resize in one step, normalise a batch at once."""
    import numpy as np
    from PIL import Image

    for start in range(0, len(paths), size):
        batch = np.empty((len(paths[start : start + size]), side, side, 3), np.uint8)
        for place, path in enumerate(paths[start : start + size]):
            image = Image.open(path)
            image.draft(None, (2 * side, 2 * side))
            image = image.convert("RGB")
            half = min(image.size) * crop / 2
            x, y = image.width / 2, image.height / 2
            box = (x - half, y - half, x + half, y + half)
            batch[place] = np.asarray(image.resize((side, side), Image.Resampling.BILINEAR, box=box))
        yield torch.from_numpy(batch).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def usual(paths: list[str], size: int = 32) -> Iterable[torch.Tensor]:
    """Decode and transform as timm does for evaluation."""
    from PIL import Image
    from timm.data.transforms_factory import create_transform
    from torch.utils.data import DataLoader

    half = (0.5, 0.5, 0.5)
    transform: Any = create_transform(224, interpolation="bilinear", mean=half, std=half, crop_pct=0.875)

    class Pictures(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return len(paths)

        def __getitem__(self, place: int) -> torch.Tensor:
            return transform(Image.open(paths[place]).convert("RGB"))

    return DataLoader(Pictures(), batch_size=size)


def main() -> None:
    """Do one of the jobs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", choices=["probe", "predict"])
    parser.add_argument("how", choices=["fast", "eager"])
    parser.add_argument("table", type=Path)
    parser.add_argument("weights")
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    with given.table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    paths = [row["path"] for row in rows]
    net = network(given.weights)
    if given.how == "fast":
        net, batches, guard = folded(net), small(paths), torch.inference_mode
    else:
        batches, guard = usual(paths), torch.no_grad
    with guard():
        found = torch.cat([net(batch) for batch in batches]).numpy()
    if given.job == "predict":
        classes = (found @ found[:2].T).argmax(axis=1)  # any layer of two classes
        lines = [f"{path},{chosen}" for path, chosen in zip(paths, classes, strict=True)]
        given.out.write_text("\n".join(["path,label", *lines]), encoding="utf-8")
        return
    from sklearn.linear_model import LogisticRegression

    learnt = [place for place, row in enumerate(rows) if row["kept"] == "0"]
    kept = [place for place, row in enumerate(rows) if row["kept"] == "1"]
    labels = [row["label"] for row in rows]
    head = LogisticRegression(max_iter=1000).fit(found[learnt], [labels[place] for place in learnt])
    given.out.write_text(str(head.score(found[kept], [labels[place] for place in kept])), encoding="utf-8")


if __name__ == "__main__":
    main()
