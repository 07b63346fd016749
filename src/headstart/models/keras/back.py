"""A backbone that came from Keras, with its heads, as a Keras model again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from headstart.core.errors import UsageError, first_few
from headstart.models.keras.backbone import Ending, KerasBackbone, ending
from headstart.models.keras.backend import import_keras
from headstart.models.keras.files import check_config
from headstart.models.keras.graph import build, functional
from headstart.models.keras.layers import to_keras, weights_of
from headstart.models.keras.modules import last
from headstart.models.model import Head, Model
from headstart.models.operate import RECORD

TOLERANCE = 1e-5
TRIED = 4  # rows, to compare
WEIGHTLESS = ("freeze", "unfreeze")  # surgery that leaves the network as it is
HIDDEN = {nn.GELU: "gelu", nn.ReLU: "relu", nn.Tanh: "tanh"}


def keras_model(model: Model, temperatures: Mapping[str, float | None]) -> Any:
    """Make a Keras model of a model that was trained from a source `keras:`.

    Args:
        model: The backbone must have the layers that came with the file; heads are linear or `mlp`.
        temperatures: By target, what its probabilities are calibrated by; None leaves them.

    Returns:
        The Keras model: takes what the file's own model took, gives probabilities or values; where there are several
        targets a table of them by name.

    Raises:
        UsageError: The network is not from Keras, or surgery or a strategy changed it, or a head is of another kind.
    """
    backbone = model.backbone
    if not isinstance(backbone, KerasBackbone):
        raise UsageError(f"{backbone.card.name} is no model of Keras: only a run with a source keras: can become one.")
    keras = import_keras()
    with keras.device("cpu"):
        base, end = _filled(backbone)
        value = end.until
        if len(value.shape) == 4:
            value = keras.layers.GlobalAveragePooling2D(name="headstart_pool")(value)
        elif len(value.shape) == 3:
            value = keras.layers.GlobalAveragePooling1D(name="headstart_pool")(value)
        outputs = {name: _head(name, head, value, temperatures.get(name)) for name, head in model.heads.items()}
        answer = outputs if len(outputs) > 1 else next(iter(outputs.values()))
        made = keras.Model(end.graph.inputs[0], answer, name=base.name)
    _check(made, model, temperatures)
    return made


def _filled(backbone: KerasBackbone) -> tuple[Any, Ending]:
    """Build the file's model with the weights that the backbone has now; say where the backbone ends in it."""
    architecture = backbone.card.architecture
    changed = [op["name"] for op in architecture.get(RECORD, {}).get("operations", ())]
    changed = [name for name in changed if name not in WEIGHTLESS] + [str(e["name"]) for e in backbone.card.inserted]
    if changed:
        raise UsageError(f"The network was changed ({first_few(changed)}), and the file's layers do not have this.")
    check_config(architecture["model"], backbone.card.name)
    base = import_keras().models.model_from_json(json.dumps(architecture["model"]))
    end = ending(functional(base), architecture["include_top"])
    built = build(end.graph, end.until)
    state = backbone.net.state_dict()
    for at, (layer, slots) in built.places.items():
        variables = weights_of(layer)
        for name, (own, order) in slots.items():
            variable = variables[name]
            variable.assign(to_keras(state[f"{at}.{own}"].cpu(), order, tuple(variable.shape)))
    return base, end


def _head(name: str, head: nn.Module, value: Any, temperature: float | None) -> Any:
    """Put dense layers behind the features; what decodes the outputs is in the last one."""
    keras = import_keras()
    assert isinstance(head, Head)
    parts = list(head.trunk) if isinstance(head.trunk, nn.Sequential) else [head.trunk]
    kinds = (nn.Linear, nn.Dropout, *HIDDEN)
    if head.pooling != "auto" or not all(isinstance(p, kinds) for p in parts) or not isinstance(parts[-1], nn.Linear):
        raise UsageError(f"The head of '{name}' is not of dense layers on pooled features: 'linear' and 'mlp' can go.")
    last_layer: nn.Linear = parts[-1]
    scale, offset, activation = _decoding(head.decode, last_layer.out_features, name)
    for part, behind in pairwise([*parts, None]):
        if isinstance(part, nn.Dropout):
            value = keras.layers.Dropout(part.p)(value)
        if not isinstance(part, nn.Linear):
            continue
        weight, bias = part.weight.detach().cpu().T, part.bias.detach().cpu()
        if part is last_layer:
            weight, bias = weight * scale / (temperature or 1.0), (bias * scale + offset) / (temperature or 1.0)
            dense = keras.layers.Dense(part.out_features, activation, name=name)
        else:
            dense = keras.layers.Dense(part.out_features, HIDDEN.get(type(behind)))
        value = dense(value)
        dense.set_weights([weight.numpy(), bias.numpy()])
    return value


def _decoding(
    decode: Callable[[torch.Tensor], torch.Tensor], outputs: int, name: str
) -> tuple[torch.Tensor, torch.Tensor, str | None]:
    """Find what decoding does: a softmax, sigmoids, or a scale and an offset for each output."""
    tried = torch.randn(TRIED, outputs, generator=torch.Generator().manual_seed(0))
    none, one = torch.zeros(outputs), torch.ones(outputs)
    with torch.no_grad():
        decode_here = decode(tried)
        if decode_here.shape == tried.shape:
            for activation, wanted in (("softmax", tried.softmax(1)), ("sigmoid", tried.sigmoid())):
                if torch.allclose(decode_here, wanted, atol=TOLERANCE):
                    return one, none, activation
            offset = decode(none[None])[0]
            scale = decode(one[None])[0] - offset
            if torch.allclose(decode_here, tried * scale + offset, rtol=1e-4, atol=TOLERANCE):
                return scale, offset, None
    raise UsageError(f"What the target '{name}' makes of outputs has no counterpart in Keras.")


def _check(made: Any, model: Model, temperatures: Mapping[str, float | None]) -> None:
    """Compare both on numbers that are drawn. UsageError: they differ."""
    x = torch.rand(model.backbone.card.input.blank(TRIED).shape, generator=torch.Generator().manual_seed(0))
    was = model.training
    backbone = model.cpu().eval().backbone
    assert isinstance(backbone, KerasBackbone)
    with torch.no_grad(), import_keras().device("cpu"):
        features, found = backbone(x), made(last(backbone.before(x)), training=False)
        found = found if isinstance(found, dict) else {next(iter(model.heads)): found}
        for name, head in model.heads.items():
            assert isinstance(head, Head)
            wanted = head.decode(head(features) / (temperatures.get(name) or 1.0))
            if not torch.allclose(found[name], wanted, rtol=1e-4, atol=TOLERANCE):
                raise UsageError(f"The Keras model's answers of '{name}' differ; please report this with the recipe.")
    model.train(was)
