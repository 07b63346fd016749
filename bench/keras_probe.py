"""A linear probe of Keras' MobileNetV2 beside timm's: whole `headstart fit` on the same pictures, processor seconds.

python bench/keras_probe.py [--data FOLDER] [--times 3]

Both networks have random weights and take 224 pixels; each runs by turns, in a new process with an empty cache.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

SHARED = Path(os.environ.get("HEADSTART_SHARED", Path(__file__).resolve().parents[2] / "shared"))
SOURCES = {
    "keras": "keras:MobileNetV2 pretrained=false size=224",
    "timm": "timm:mobilenetv2_100 pretrained=false",
}


def seconds(source: str, data: Path) -> float:
    """Fit once; return the processor seconds of the process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        words = ["fit", str(data), "--source", source, "--strategy", "linear_probe", "--out", f"{folder}/run"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": f"{folder}/cache"}
        command = [sys.executable, "-m", "headstart", *words, "--device", "cpu"]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print seconds by source, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=SHARED / "data/image/hymenoptera")
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    found: dict[str, list[float]] = {name: [] for name in SOURCES}
    for _ in range(given.times):
        for name, source in SOURCES.items():
            found[name].append(seconds(source, given.data))
    for name, all_of in found.items():
        print(f"{name:<6} {median(all_of):6.1f} s ({min(all_of):.1f} to {max(all_of):.1f})")
    print(f"ratio  {median(found['keras']) / median(found['timm']):.2f}; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
