"""Small data, small models and short runs that many tests share."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.recipe import Recipe, Stage
from headstart.core.seeding import torch_seeded
from headstart.core.stopping import Stop
from headstart.core.types import TARGET, Batch, Card, Input, Listener, Objective, Strategy, Task, silent
from headstart.criteria.last import Last
from headstart.data.rows import Dataset, Rows
from headstart.engine.distributed import World
from headstart.engine.fit import fit
from headstart.engine.job import Outcome, RunContext, make_job
from headstart.inputs import modality
from headstart.inputs.image import Image
from headstart.inputs.text import Text
from headstart.inputs.vector import Vector
from headstart.models.load import load_source
from headstart.models.model import Backbone, Model
from headstart.runs.network import build_model
from headstart.runs.plan import make_plan

ENGLISH = Path(__file__).parent / "fixtures" / "v0.1" / "text" / "model"  # a network of 17 English words

SOURCES: dict[str, dict[str, Any]] = {
    "digits:cnn": {},
    "vector:mlp": {"dim": 6, "width": 16},
    "timm:test_resnet": {"pretrained": False},  # with batch norm
    "timm:test_vit": {"pretrained": False},
}

ALONE = World()


def source(name: str) -> Backbone:
    """Load one of `SOURCES`, the same weights each time."""
    with torch_seeded("toy", name):
        backbone = load_source(name, SOURCES[name])
        if name.startswith("timm:"):  # as if it had been trained to tell 7 classes apart
            backbone.source_classifier = (torch.randn(7, backbone.dim), torch.randn(7))
        return backbone


def small(name: str) -> Backbone:
    """As `source`, but the ResNet gets 64 pixels in place of 160: tests that train it often are that much quicker."""
    backbone = source(name)
    if name == "timm:test_resnet":
        expects = cast(Image, backbone.card.input)
        backbone.card = dataclasses.replace(backbone.card, input=dataclasses.replace(expects, height=64, width=64))
    return backbone


def examples(
    expects: Input, rows: int, kind: str = "multiclass", classes: int = 3, *, seed: int = 0, start: int = 0
) -> Rows:
    """Make labelled rows that can be learnt: the class shifts the numbers or the brightness."""
    rng = np.random.default_rng([seed, start])
    labels = np.arange(rows) % classes
    if isinstance(expects, Image):
        noise = rng.integers(0, 60, (rows, 16, 16, 3))
        inputs: Any = list((noise + 60 * labels[:, None, None, None]).astype(np.uint8))
    elif isinstance(expects, Text):
        words = np.array(["the", "virus", "good", "bad"])
        inputs = [" ".join([words[1 + y], *rng.choice(words, 5)]) for y in labels]
    else:
        inputs = (rng.normal(size=(rows, 6)) + 2 * np.eye(6)[labels]).astype(np.float32)
    targets: dict[str, np.ndarray] = {
        "binary": labels % 2,
        "multiclass": labels,
        "multilabel": np.stack([labels == c for c in range(classes)], axis=1).astype(np.float32),
        "retrieval": labels,
        "regression": (labels[:, None] + rng.normal(0, 0.1, (rows, 1))).astype(np.float32),
    }
    return Rows([f"row {start + i}" for i in range(rows)], inputs, {"target": targets[kind]})


def reviews(kind: str = "binary", train: int = 60) -> dict[str, Any]:
    """Make reviews of an English word and a Chinese word, whose first sign decides."""
    rng = np.random.default_rng(0)
    marks = rng.integers(0, 2, train + 60)
    texts = ["the " + "好坏"[mark] + "".join(rng.choice(list("菜饭汤面快慢店人"), 5)) for mark in marks]
    labels = [["glad", "sad"][mark] for mark in marks] if kind == "binary" else (marks * 3.0).tolist()
    return {"train": (texts[:train], labels[:train]), "test": (texts[train:], labels[train:])}


def task_for(expects: Input, kind: str = "multiclass", classes: int = 3) -> Task:
    """Make the task of `examples`."""
    names = {"binary": ("a", "b"), "regression": ()}.get(kind, tuple("abcdefgh"[:classes]))
    takes = modality(expects)
    if kind == "retrieval":
        target = plugins.build("targets", kind, {"columns": ("y",), "identities": names})
        return Task(takes, ("x",), {TARGET: target})
    return Task.of(takes, kind, ("x",), ("y",), names)


def kind_for(objective: Objective) -> str:
    """Return a kind of target that an objective learns."""
    return "retrieval" if "embeddings" in objective.forms else "multiclass"


def dataset(expects: Input, kind: str = "multiclass", rows: int = 24) -> Dataset:
    """Make a data set with validation and test rows, two domains and unlabelled rows."""
    train = examples(expects, rows, kind)
    target = examples(expects, rows, kind, start=2000).unlabelled()
    splits = {
        "train": train,
        "validation": examples(expects, 12, kind, start=1000),
        "test": examples(expects, 12, kind, start=3000),
    }
    pools = {"train": train, "source": train, "target": target, "unlabelled": target}
    return Dataset(task_for(expects, kind), splits, pools, fingerprint="toy")


def with_pools(data: Dataset, objective: Objective) -> Dataset:
    """Add a pool for each stream of an objective that the data has none for."""
    train = data.splits["train"]
    pools = {**data.pools, **{f"task:{name}": train.of(name) for name in train.labels}}
    for stream in objective.streams_in(pools):
        rows = data.splits["train"]
        pools.setdefault(stream.pool, rows if stream.labelled else rows.unlabelled())
        if stream.sampler == "domains":
            some = pools[stream.pool]
            pools[stream.pool] = dataclasses.replace(some, domains=np.arange(len(some)) % 2)
    return dataclasses.replace(data, pools=pools)


def batch(x: Any, y: Any = None, ids: Any = None, target: str = "target") -> Batch:
    """Make a batch of one view, and of one target's labels where there are some."""
    return Batch([str(i) for i in range(len(x))] if ids is None else ids, {"x": x}, {} if y is None else {target: y})


def make_model(backbone: Backbone, data: Dataset, head: str = "linear") -> Model:
    """Put a seeded head on the backbone."""
    return build_model(Recipe().with_settings({"head.name": head}), data, backbone)


def train(
    folder: Path,
    model: Model,
    data: Dataset,
    strategy: Strategy | str = "full",
    objective: Objective | str = "supervised",
    *,
    stage: Stage | None = None,
    more: tuple[Stage, ...] = (),
    validate: bool = False,
    budget: float | None = None,
    listen: Listener = silent,
    stop: Stop | None = None,
    seed: int = 0,
    workers: int = 0,
    checkpoint: float = 60.0,
    resume: bool = False,
    world: World = ALONE,
    cache: int = 0,
    precision: str = "float32",
) -> Outcome:
    """Train through the engine; the first stage takes `strategy` and `objective`."""
    folder.mkdir(exist_ok=True)
    first = dataclasses.replace(
        stage or Stage(steps=4, batch_size=8, lr=1e-2), augment=(stage and stage.augment) or "plain"
    )
    plan = make_plan(dataclasses.replace(Recipe(), stages=(first, *more)), data)
    jobs = []
    for number, planned in enumerate(plan.recipe.stages):
        how = strategy if number == 0 else plan.strategies[number]
        what = objective if number == 0 else plan.objectives[number]
        how = plugins.build("strategies", how, {}) if isinstance(how, str) else how
        what = plugins.build("objectives", what, {}) if isinstance(what, str) else what
        choice = planned.criterion or Choice(what.criterion)
        options = choice.options or ({"least": 1} if choice.name == "validation" else {})  # the toys have 12 rows
        by_what = plugins.build("criteria", choice.name, options) if validate else Last()
        jobs.append(make_job(how, what, by_what, planned, data, model.backbone.card.input))
    context = RunContext(
        folder=folder,
        device=torch.device("cpu"),
        precision=precision,
        seed=seed,
        workers=workers,
        task=data.task,
        listen=listen,
        stop=stop or Stop(),
        budget=budget,
        checkpoint=checkpoint,
        resume=resume,
        world=world,
        cache=cache,
    )
    return fit(model, jobs, context)


def snapshot(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Copy all tensors."""
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def moved(before: Mapping[str, torch.Tensor], module: torch.nn.Module) -> set[str]:
    """Name the tensors that are not bit-identical to the copy."""
    return {name for name, tensor in module.state_dict().items() if not torch.equal(tensor, before[name])}


class Tiny(Backbone):
    """Two linear layers with dropout between them, for vectors of 6 numbers."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.card = Card("toy:tiny", "tiny", 0, Vector(6), "toy", {})
        self.dim = 5
        self.first, self.drop, self.second = torch.nn.Linear(6, 8), torch.nn.Dropout(dropout), torch.nn.Linear(8, 5)

    def stages(self) -> dict[str, tuple[str, ...]]:
        return {"first": ("first.weight", "first.bias"), "second": ("second.weight", "second.bias")}

    def forward(self, x: torch.Tensor) -> Any:
        return {"pooled": self.second(self.drop(torch.relu(self.first(x))))}


class Normed(Tiny):
    """As `Tiny`, with batch norm in the place of dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = torch.nn.BatchNorm1d(8)

    def stages(self) -> dict[str, tuple[str, ...]]:
        return {"norm": ("drop.weight", "drop.bias"), **super().stages()}


def normed() -> Normed:
    """Make a seeded `Normed`."""
    with torch_seeded("tiny"):
        return Normed()


def tiny(dropout: float = 0.0) -> Tiny:
    """Make a seeded `Tiny`."""
    with torch_seeded("tiny"):
        return Tiny(dropout)


def save_tokenizer(folder: Path, words: str = "good bad film", *, pad: int = 0, special: bool = True) -> Path:
    """Save a tokenizer of whole words, with padding at the number `pad`, into a folder that it makes.

    special: texts begin with [CLS] and end with [SEP].
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    names = ["[UNK]", "[CLS]", "[SEP]"]
    names.insert(pad, "[PAD]")
    vocabulary = {word: place for place, word in enumerate([*names, *words.split()])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    if special:
        ends = [(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")]
        made.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", ends)
    tokens = {f"{name[1:4].lower()}_token": name for name in names}
    PreTrainedTokenizerFast(tokenizer_object=made, **tokens).save_pretrained(folder)
    return folder


def mixed(rows: int = 24) -> Dataset:
    """Make a data set of two targets, "mood" (3 classes) and "size" (a number): two rows of three have each label."""
    expects = Vector(6)

    def made(count: int, start: int) -> Rows:
        own = examples(expects, count, start=start)
        size = examples(expects, count, "regression", start=start).labels["target"]
        places = np.arange(count)
        known = {"mood": (places + places // 3) % 3 > 0, "size": (places + places // 3) % 3 < 2}
        mood = np.where(known["mood"], own.labels["target"], 0)
        labels = {"mood": mood, "size": np.where(known["size"][:, None], size, 0)}
        return dataclasses.replace(own, labels=labels, known=known)

    task = Task.of("vector", "multiclass", ("x",), ("y",), ("a", "b", "c"))
    number = Task.of("vector", "regression", ("x",), ("z",))
    task = dataclasses.replace(task, targets={"mood": task.targets[TARGET], "size": number.targets[TARGET]})
    splits = {"train": made(rows, 0), "validation": made(12, 1000), "test": made(12, 3000)}
    train = splits["train"]
    pools = {
        "train": train,
        "unlabelled": train.unlabelled(),
        **{f"task:{name}": train.of(name) for name in task.targets},
    }
    return Dataset(task, splits, pools, fingerprint="mixed")
