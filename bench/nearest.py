"""CPU seconds of exact search, beside an approximate index (HNSW) of usearch: python bench/nearest.py [ROWS …]

Vectors of 256 numbers, on one thread. "clusters": of a hundred rows each, in 32 directions, as embeddings of classes
lie; "spread": each number is drawn by itself, the hardest case for an index. Exact search is that of `headstart
search`, with one query (the best of five) and with 1,000, 10 to find. The index is built once and asked with more and
more effort until it finds 0.95 of what exact search finds; where usearch is not installed it is left out.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
import numpy as np

from headstart.artifact.nearest import nearest

DIM, DIRECTIONS, QUERIES, K = 256, 32, 1000, 10
EFFORTS = (64, 128, 256, 512, 1024)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the CPU seconds of some work, and what it gave."""
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def drawn(rows: int, how: str) -> np.ndarray:
    """Draw vectors, the queries last."""
    random = np.random.default_rng(0)
    count = rows + QUERIES
    if how == "spread":
        return random.standard_normal((count, DIM), dtype=np.float32)
    centres = random.standard_normal((max(rows // 100, 10), DIRECTIONS), dtype=np.float32)
    own = centres[random.integers(0, len(centres), count)]
    own += 0.5 * random.standard_normal(own.shape, dtype=np.float32)
    turned = own @ random.standard_normal((DIRECTIONS, DIM), dtype=np.float32)
    return turned + 0.3 * random.standard_normal(turned.shape, dtype=np.float32)


def of_index(among: np.ndarray, queries: np.ndarray, right: np.ndarray) -> str:
    """Say what the index took, and what it found."""
    index = importlib.import_module("usearch.index").Index(ndim=DIM, metric="cos", dtype="f32")
    building, _ = timed(partial(index.add, np.arange(len(among)), among, threads=1))
    told = f"index built in {building:.1f}"
    for effort in EFFORTS:
        index.expansion_search = effort
        seconds, found = timed(partial(index.search, queries, K, threads=1))
        recall = np.mean([np.isin(one, other).mean() for one, other in zip(right, found.keys, strict=True)])
        if recall >= 0.95:
            break
    return f"{told}, {QUERIES:,} queries {seconds:.2f}, recall {recall:.3f} at effort {effort}"


def main() -> None:
    """Print a line for each number of rows and kind of vectors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", type=int, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--most-indexed", type=int, default=100_000, help="rows up to which an index is built")
    asked = parser.parse_args()
    for rows in asked.rows:
        for how in ("clusters", "spread"):
            vectors = drawn(rows, how)
            among, queries = vectors[:rows], vectors[rows:]
            one = min(timed(partial(nearest, queries[:1], among, K))[0] for _ in range(5))
            many, (right, _) = timed(partial(nearest, queries, among, K))
            print(f"{rows:,} {how}: exact, one query {one:.3f}, {QUERIES:,} queries {many:.2f}", flush=True)
            if rows <= asked.most_indexed and importlib.util.find_spec("usearch"):
                print(f"{rows:,} {how}: {of_index(among, queries, right)}", flush=True)


if __name__ == "__main__":
    main()
