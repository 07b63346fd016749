"""Make the network of a run: load the source, do its surgery, and put a head for each target on it."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from typing import Any

from headstart.core import plugins
from headstart.core.errors import UsageError, first_few
from headstart.core.progress import working
from headstart.core.recipe import Recipe
from headstart.core.seeding import torch_seeded
from headstart.core.types import TARGET, Event, Listener, silent
from headstart.data.checks import for_all
from headstart.data.rows import Dataset
from headstart.data.transforms import check_examples, check_fits
from headstart.inputs import by_name
from headstart.models.load import load_source
from headstart.models.model import Backbone, Model
from headstart.models.operate import build as build_operation
from headstart.models.operate import operate
from headstart.models.pooling import pool
from headstart.models.source_rows import rows_for, start_rows
from headstart.models.taps import probe
from headstart.runs.refit import whole

Loaded = dict[str, Backbone]  # pretrained sources, by name and options, before any surgery


def load_backbone(recipe: Recipe, data: Dataset, listen: Listener = silent, loaded: Loaded | None = None) -> Backbone:
    """Load the recipe's source, do its surgery and check that the data fits.

    Args:
        recipe: Names both.
        data: What the network is for.
        listen: Is told what the surgery did.
        loaded: Sources that need not be loaded again; takes the one that is.

    Returns:
        The backbone.

    Raises:
        SourceError: The source cannot be loaded.
        UsageError: The data is of another kind than the source expects, or an operation does not fit.
    """
    assert recipe.source is not None
    options = dict(recipe.source.options)
    kind = plugins.load("sources", recipe.source.name.partition(":")[0])
    inputs = data.splits["train"].inputs
    known = {field.name for field in dataclasses.fields(kind)}
    learnt = whole(data).splits["train"].inputs if "validation" in data.drawn else inputs
    measured = by_name(data.task.modality).measure(learnt, data.task.inputs)
    options = {**{name: value for name, value in measured.items() if name in known}, **options}
    name = f"{recipe.source.name} {options}"
    if loaded is not None and name in loaded:
        backbone = copy.deepcopy(loaded[name])
    else:
        with torch_seeded(recipe.seed, "source"), working(f"loading {recipe.source.name}"):
            backbone = load_source(recipe.source.name, options)
        if loaded is not None and backbone.card.sha256:  # nothing in it is random
            loaded[name] = copy.deepcopy(backbone)
    if recipe.surgery:
        operations = [_filled(build_operation(choice), measured) for choice in recipe.surgery]
        operated = operate(backbone, operations, seed=recipe.seed)
        backbone = operated.backbone
        for note in operated.notes:
            listen(note)
    if backbone.kept_rows is not None:
        _tell_rows(backbone, data, listen)
    check_fits(data.task, backbone.card.input)
    if refusal := backbone.card.input.refuses(inputs):
        raise UsageError(f"{backbone.card.name} {refusal}.")
    for_all({**data.splits, **data.pools}, lambda rows: check_examples(rows, backbone.card.input))
    for note in backbone.card.input.notes():
        listen(Event("note", note))
    return backbone


def build_model(recipe: Recipe, data: Dataset, backbone: Backbone) -> Model:
    """Put a head for each target on the backbone; it takes what it needs (units, say) from the training labels."""
    options = plugins.build("heads", recipe.head.name, recipe.head.options)
    heads = {}
    for name, target in data.task.predicted.items():
        with torch_seeded(recipe.seed, "head", *([] if name == TARGET else [name])):
            heads[name] = options.build(backbone.dim, target)
            heads[name].fit_to(backbone)
            heads[name].start(backbone)
        heads[name].output.start(data.splits["train"].labels_of(name))
    if backbone.card.input.lays and len(heads) > 1:
        raise UsageError(f"{backbone.card.name} goes on with a text in one way: learn one target alone.")
    if backbone.kept_rows is not None:
        start_rows(heads, backbone)
    for head in heads.values():
        if head.pooling != "auto":
            pool(probe(backbone), head.pooling)  # refuses what this backbone does not give, before any slow work
    return Model(backbone, heads)


def _filled(operation: Any, measured: Mapping[str, Any]) -> Any:
    """Fill options that an operation leaves open by what was measured of the training rows."""
    open_ = {name for name in measured if name in vars(operation) and getattr(operation, name) is None}
    return dataclasses.replace(operation, **{name: measured[name] for name in open_})


def _tell_rows(backbone: Backbone, data: Dataset, listen: Listener) -> None:
    """Report which classes the source knows. UsageError: it knows none."""
    labels = backbone.card.labels
    for target, rows in rows_for(backbone, data.task.predicted).items():
        known = first_few(f"{name} = {labels[row]}" for name, row in rows.items())
        unknown = [name for name in data.task.targets[target].classes if name not in rows]
        rest = f"; unknown to it: {first_few(unknown)}" if unknown else ""
        listen(Event("note", f"rows of the source's classifier: {known}{rest}", {"rows": rows}))
