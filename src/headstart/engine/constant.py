"""Compute once what stays constant in a network over a stage, and train on what is kept of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from headstart.core.progress import working
from headstart.core.types import Event
from headstart.data.rows import Rows
from headstart.data.streams import in_order, is_costly
from headstart.data.transforms import Transform
from headstart.engine.job import Examples, RunContext
from headstart.engine.machine import autocast, to_device
from headstart.features.cache import Cache, Row
from headstart.features.cutting import FLOPS
from headstart.features.fingerprint import name_of
from headstart.features.graphs import Untraceable
from headstart.features.kept import KeptTransform, batch_of, kept_rows
from headstart.features.staged import Staged, stage
from headstart.features.tracing import Traced, trace
from headstart.models.model import Backbone, Model, device_of

LEAST_GAIN = 1.3  # times, by which a stage must become cheaper
LEAST_SECONDS = 10.0  # of computing in the whole stage, by an estimate: less does not pay for looking
CLOSE = {"float32": 1e-4, "bfloat16": 5e-2}  # of the largest feature
PROBE = 4  # rows
Cut = Traced | Staged


def keep_constant(
    model: Model,
    learning: Sequence[nn.Parameter],
    examples: Mapping[str, Examples],
    context: RunContext,
    *,
    epochs: float,
    batch: int,
    workers: int,
    views: int,
    seeds: Mapping[str, tuple[int, str]],
) -> tuple[Cut, dict[str, Examples], str]:
    """Cut a model's backbone at what stays constant, and compute that once for each row.

    Args:
        model: In the modes that it trains in.
        learning: Every parameter that may learn.
        examples: Rows, by name; the first are those of training.
        context: Where and how to train.
        epochs: How often each row is learnt from.
        batch: Rows of a step; so many are computed at a time, as another number can give other last bits.
        workers: Processes that open images.
        views: Fixed ways in which a row is shown; the first is plain.
        seeds: Of the views of examples that are shown in all of them, with the streams' names.

    Returns:
        The backbone in two parts; what stands in for the examples; and what was done, in words.

    Raises:
        Untraceable: It cannot be cut, does not pay, or the parts do not give what the whole gives.
        NoRoom: What is constant fits neither on the disk nor into memory.
    """
    first, own = next((each, name) for name, each in examples.items())
    expects, count = model.backbone.card.input, len(first.rows)
    if model.backbone.parts:
        raise Untraceable("each target has a way of its own through it")
    if expects.lays:
        raise Untraceable("labels are laid behind its examples")
    if count < PROBE:
        raise Untraceable("there are too few rows")
    prepared = {name: each.transform.prepare(each.rows.inputs) for name, each in examples.items()}
    free = not is_costly(prepared[own], first.transform)
    some = first.rows.take(range(PROBE)).unlabelled()
    x = _batch(some, first.transform, model)
    operations, share = _possible(model, x)
    if count * epochs * operations / PROBE / FLOPS < LEAST_SECONDS:
        raise Untraceable("too little is computed in all to pay for it")
    _check_gain(share, epochs, views)
    with working("looking for what stays constant"):
        was = _values(model)
        try:
            traced, how = _cut(model.backbone, x, learning, tokens=expects.ragged, free=free)
            _check_gain(traced.share, epochs, views)
            _check(model, traced, some, first.transform, context.precision, with_x=free or traced.needs_x)
        except (RuntimeError, ValueError) as error:  # a graph that holds for fewer sizes than it says
            raise Untraceable(f"its parts cannot be run: {str(error).partition(chr(10))[0]}") from error
        finally:
            _restore(model, was)
    about = f"{model.backbone.card.name}, {traced.share:.0%} of it"

    def tell(text: str) -> None:
        context.listen(Event("note", text))

    cache = Cache(context.cache, tell)
    instead = {}
    for key, each in examples.items():
        lengths = each.transform.lengths(prepared[key])
        longer = 1.0 if lengths is None else float(lengths.mean()) / tree_leaves(x)[0].shape[1]
        source, tables = cache if traced.code and each.rows.digests else Cache(0, tell), []
        for number in range(min(views, math.ceil(epochs)) if key in seeds else 1):
            seed = seeds[key] if number else None
            view = {"view": str(each.transform.views), "number": number, "seed": seed} if seed else {"view": "plain"}
            parts = {"code": traced.code, "precision": context.precision, **view}

            def compute(
                places: Sequence[int],
                each: Examples = each,
                seed: tuple[int, str] | None = seed,
                number: int = number,
            ) -> Iterator[tuple[Sequence[int], Sequence[Row]]]:
                options = {"batch": batch, "workers": workers, "epoch": number}
                return _compute(model, traced, each, places, context, seed=seed, **options)

            name = name_of(parts, traced.tensors, expects)
            tables.append(source.table(name, about, _digests(each.rows, seed), traced.row_bytes * longer, compute))
        shown = KeptTransform.of(traced, tables, each.transform, prepared[key], with_x=free or traced.needs_x)
        instead[key] = Examples(kept_rows(each.rows), shown)
    what = "row" if views == 1 else "view of a row"
    return (
        traced,
        instead,
        f"{traced.share:.0%} of a forward pass stays constant and is computed once for each {what}{how}",
    )


def _cut(backbone: Backbone, x: Any, learning: Sequence[nn.Parameter], *, tokens: bool, free: bool) -> tuple[Cut, str]:
    """Cut a backbone on its graph, else after its modules; tell what the second way was taken for."""
    try:
        return trace(backbone, x, learning, tokens=tokens, free=free), ""
    except Untraceable as why:
        try:
            return stage(backbone, x, learning, tokens=tokens), f" (after whole modules, as {why})"
        except Untraceable:
            raise why from None


def gain_of(share: float, epochs: float, views: int = 1) -> float:
    """Estimate how many times cheaper a stage is where a share of the forward pass is done once a view, not an epoch.

    A backward pass takes twice the time of a forward pass, of the part that learns alone.
    """
    learning = 3 * (1 - share)
    return epochs * (share + learning) / (min(views, epochs) * share + epochs * learning)


def _digests(rows: Rows, seed: tuple[int, str] | None) -> Sequence[bytes]:
    """Name the rows' contents; where what is random in a view decides, with the rows' names, of which it is made."""
    own = rows.digests or [place.to_bytes(8) for place in range(len(rows))]
    if seed is None:
        return own
    return [sha256(digest + str(name).encode()).digest() for digest, name in zip(own, rows.ids, strict=True)]


def _batch(rows: Rows, transform: Transform, model: Model) -> Any:
    """Make a batch's x of a few rows, on the model's device."""
    _, batch = next(in_order(rows, transform, batch_size=len(rows)))
    return to_device(batch, device_of(model)).x


def _check_gain(share: float, epochs: float, views: int) -> None:
    """Refuse what would make too little cheaper."""
    gain = gain_of(share, epochs, views)
    if gain < LEAST_GAIN:
        raise Untraceable(
            f"it would make training at most {gain:.2f} times cheaper, and less than {LEAST_GAIN:g} does not pay"
        )


def _possible(model: Model, x: Any) -> tuple[float, float]:
    """Count the multiplications and additions of a forward pass; bound the share of them that can be constant.

    What a gradient reaches is not. Untraceable: the network cannot be run so.
    """
    buffers, backbone, reached = _values(model), model.backbone, set()
    hooks = [
        module.register_forward_hook(
            lambda _, __, out, name=name: reached.add(name) if any(map(_learns, tree_leaves(out))) else None
        )
        for name, module in backbone.named_modules()
        if all(child == "parametrizations" for child, _ in module.named_children())  # it computes itself
    ]
    try:
        with torch.enable_grad(), FlopCounterMode(display=False) as counter:
            backbone(x)
    except (RuntimeError, ValueError) as error:  # which the first step tells better
        raise Untraceable(str(error)) from error
    finally:
        for hook in hooks:
            hook.remove()
        _restore(model, buffers)
    total, counts = float(counter.get_total_flops()), counter.get_flop_counts()
    learnt = sum(sum(counts.get(f"{type(backbone).__name__}.{name}", {}).values()) for name in reached)
    return total, max(0.0, 1 - learnt / max(total, 1.0))


def _learns(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.requires_grad


def _check(model: Model, traced: Cut, rows: Rows, transform: Transform, precision: str, *, with_x: bool) -> None:
    """Compare the parts with the whole, in training and evaluation; rows whose features depend on others are found too.

    What is kept is computed two rows at a time, and the features of all at once.
    """
    device = device_of(model)
    whole = _batch(rows, transform, model)
    order = next(in_order(rows, transform, batch_size=len(rows)))[0]
    kept: dict[int, Row] = {}
    with torch.no_grad(), autocast(precision, device):
        for start in range(0, len(rows), 2):
            places = range(start, min(start + 2, len(rows)))
            for found, batch in in_order(rows.take(places), transform, batch_size=2):
                values = traced.before(to_device(batch, device).x)
                kept |= {start + int(place): tuple(value[n] for value in values) for n, place in enumerate(found)}
        given = batch_of(traced, [kept[int(place)] for place in order], whole if with_x else None)
        was, modes = _values(model), {name: module.training for name, module in model.backbone.named_modules()}
        for training in (True, False):
            if not training:
                model.backbone.eval()
            found = []
            for compute in (
                lambda: model.backbone(whole),
                lambda training=training: traced.after(given.get("x"), list(given["kept"].values()), training=training),
            ):
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(0)
                    given_features = compute()
                    found.append([given_features["pooled"], *given_features.get("maps", ())])
                _restore(model, was)
            for one, other in zip(*found, strict=True):
                worst = (one.float() - other.float()).abs().max() / one.float().abs().max().clamp(min=1e-12)
                if not worst <= CLOSE[precision]:
                    raise Untraceable(f"its parts differ from the whole by {worst.item():.1e} of the largest feature")
        for name, module in model.backbone.named_modules():
            module.training = modes[name]


def _values(model: Model) -> list[torch.Tensor]:
    return [buffer.clone() for buffer in model.backbone.buffers()]


def _restore(model: Model, values: Sequence[torch.Tensor]) -> None:
    with torch.no_grad():
        for buffer, value in zip(model.backbone.buffers(), values, strict=True):
            buffer.copy_(value)


def _compute(
    model: Model,
    traced: Cut,
    examples: Examples,
    places: Sequence[int],
    context: RunContext,
    *,
    batch: int,
    workers: int,
    seed: tuple[int, str] | None,
    epoch: int,
) -> Iterator[tuple[Sequence[int], Sequence[Row]]]:
    """Compute what is kept of some rows; the last batch is filled up by rows that were computed before."""
    device = device_of(model)
    whole = list(places) + [places[n % len(places)] for n in range(-len(places) % batch)]
    rows = examples.rows.unlabelled().take(whole)
    telling = working("computing what stays constant", len(places))
    with torch.no_grad(), autocast(context.precision, device), telling as advance:
        views = {"seed": seed, "epoch": epoch}
        for found, batched in in_order(rows, examples.transform, batch_size=batch, workers=workers, **views):
            context.stop.check()
            values = [value.cpu() for value in traced.before(to_device(batched, device).x)]
            own = [n for n, place in enumerate(found) if place < len(places)]
            yield [places[int(found[n])] for n in own], [tuple(value[n] for value in values) for n in own]
            advance(len(own))
