"""What every view must do. They are found by themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import toys
from headstart.core import plugins
from headstart.core.recipe import Recipe
from headstart.data.transforms import Draw, make_transform
from headstart.inputs._sound import Clip
from headstart.inputs.audio import Audio
from headstart.inputs.image import Image
from headstart.inputs.text import Text
from headstart.inputs.vector import Vector
from headstart.views import PLAIN, shows

IMAGE = Image(16, 16)
PICTURE = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
TEXT = Text(str(toys.ENGLISH / "tokenizer"), 64)
SOUND = Clip(np.sin(np.arange(1200, dtype=np.float32)), 8000)
EXAMPLES: list[tuple[Any, Any]] = [
    (Audio(8000, 0.2), SOUND),
    (IMAGE, PICTURE),
    (Vector(40), np.arange(40, dtype=np.float32)),
    (TEXT, TEXT.prepare(["a good film " * 8])[0]),
]


def as_tensor(example: Any) -> torch.Tensor:
    """Take the tokens of a text, and pixels and numbers as they are."""
    return torch.as_tensor(example["input_ids"] if isinstance(example, dict) else example)


def seen(view: str, expects: Any, item: Any, seed: int) -> torch.Tensor:
    return as_tensor(make_transform(expects, {"x": view}).example(item, "x", Draw(0, seed)))


def shapes(x: Any) -> Any:
    """Return the shape of a batch; of texts, which differ in length, the number of rows."""
    return len(x["input_ids"]) if isinstance(x, dict) else x.shape


@pytest.mark.parametrize("view", plugins.names("views"))
def test_a_view_is_decided_by_its_seed(view: str) -> None:
    suited = [(expects, item) for expects, item in EXAMPLES if shows(view, type(expects))]
    assert suited, "declares inputs that no example here has"
    for expects, item in suited:
        before = torch.random.get_rng_state()
        one, again = seen(view, expects, item, 1), seen(view, expects, item, 1)
        others = [seen(view, expects, item, seed) for seed in range(2, 6)]
        assert torch.equal(before, torch.random.get_rng_state())
        assert torch.equal(one, again)
        known = view == PLAIN or plugins.load("views", view).ways > 0
        assert all(torch.equal(one, other) for other in others) == known
        transform = make_transform(expects, {"x": view})
        made = [transform.example(item, "x", Draw(0, seed)) for seed in (1, 2)]
        assert shapes(transform.collate(made)) == shapes(expects.blank(2))
        plain = as_tensor(transform.example(item, "x", None))
        assert torch.equal(plain, seen(PLAIN, expects, item, 9))


@pytest.mark.parametrize("view", plugins.names("views"))
def test_a_view_declares_its_inputs(view: str) -> None:
    declared = plugins.load("views", view).inputs
    assert isinstance(declared, tuple) and all(isinstance(kind, type) for kind in declared)


def test_the_spellings_of_version_0_1_are_read_as_todays_views() -> None:
    for older, name in (("none", "plain"), ("light", "weak"), ("strong", "strong")):
        recipe = Recipe().with_settings({"stages.0.augment": older})
        assert recipe.stages[0].augment == name and name in plugins.names("views")
        assert Recipe.from_toml(recipe.to_toml()) == recipe


def test_a_mirrored_image_is_mirrored() -> None:
    transform = make_transform(IMAGE, {"x": "mirror"})
    plain, mirrored = (transform.example(PICTURE, "x", draw) for draw in (None, Draw(1, 0)))
    assert torch.equal(plain.flip(1), mirrored) and not torch.equal(plain, mirrored)


def test_two_views_of_one_row_differ() -> None:
    transform = make_transform(IMAGE, {"weak": "weak", "strong": "strong"})
    weak, strong = (transform.example(PICTURE, key, Draw(0, 1)) for key in ("weak", "strong"))
    assert not torch.equal(weak, strong)
