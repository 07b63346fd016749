"""`python:MODULE:FUNCTION`: a network that your own function builds; the current folder is importable."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from headstart.core import options
from headstart.core.choice import Choice
from headstart.core.errors import HeadstartError, SourceError, UsageError, first_few, reason_of
from headstart.core.storage import sha256
from headstart.core.types import Card, Features, Input
from headstart.inputs import by_name
from headstart.inputs.image import Image
from headstart.inputs.text import Text
from headstart.inputs.vector import Vector
from headstart.models import stages
from headstart.models.model import Backbone
from headstart.models.weights import load_exactly, read_safetensors


@dataclass(frozen=True)
class Python:
    """A network that your own function builds.

    The function takes nothing and returns a module whose output is pooled [B, D], maps [B, C, H, W] or
    a dict with "pooled"; or a Backbone. weights: a safetensors file for it. Images are the default:
    size (height and width), channels, mean, std (one number each channel). With tokenizer (a folder) it takes text of
    at most max_length tokens; with vector it takes rows of `dim` numbers, and dim is filled from the data. input: any
    modality by name, with its fields: {name = "series", length = 64}; it goes before the other options.
    """

    weights: str | None = None
    size: int = 224
    channels: int = 3
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    tokenizer: str | None = None
    max_length: int = 128
    vector: bool = False
    dim: int | None = None
    input: Choice | None = None

    def __post_init__(self) -> None:
        if self.input is not None and (self.tokenizer is not None or self.vector):
            raise ValueError("input excludes tokenizer and vector.")
        if self.tokenizer is not None and self.vector:
            raise ValueError("tokenizer and vector exclude each other.")
        if (
            not self.input
            and not self.tokenizer
            and not self.vector
            and not len(self.mean) == len(self.std) == self.channels
        ):
            raise ValueError(f"mean and std need one number for each of the {self.channels} channels.")

    def names(self, query: str) -> list[str]:
        """List nothing: functions are not looked for."""
        return []

    def load(self, name: str) -> Backbone:
        """Call MODULE:FUNCTION.

        Args:
            name: MODULE:FUNCTION.

        Returns:
            The backbone.

        Raises:
            UsageError: The module or function is not there.
            SourceError: What it returns is no network that can be used.
        """
        card = Card(f"python:{name}", "python", 0, self._input(), "python", {"function": name}, "unknown")
        if self.weights is not None:
            card = replace(card, sha256=sha256(Path(self.weights)) if Path(self.weights).is_file() else "")
        net = _call(name)
        if self.weights is not None:
            load_exactly(net, read_safetensors(Path(self.weights)), self.weights)
        if isinstance(net, Backbone) and hasattr(net, "card"):  # its author says what it expects
            card = replace(
                net.card, name=card.name, builder="python", architecture=card.architecture, sha256=card.sha256
            )
        return _backbone(net, card)

    def rebuild(self, card: Card) -> Backbone:
        """Call the function of a card again; its file must be there.

        Args:
            card: What `load` wrote.

        Returns:
            The backbone.

        Raises:
            SourceError: The function cannot be called here.
        """
        try:
            net = _call(card.architecture["function"])
        except HeadstartError as error:
            raise SourceError(
                f"{card.name} is built by your own Python code, which is not part of the saved model. "
                f"Put its file into the current folder or onto PYTHONPATH. {error}"
            ) from error
        return _backbone(net, card)

    def _input(self) -> Input:
        if self.input is not None:
            kind = by_name(self.input.name)
            own = {"dim": self.dim} if "dim" in {field.name for field in fields(_plugin(kind))} else {}
            return options.build(kind, {**own, **self.input.options}, f"input '{self.input.name}'")
        if self.tokenizer is not None:
            return Text(self.tokenizer, self.max_length)
        if self.vector:
            if self.dim is None:
                raise UsageError(
                    "python: with vector=true needs dim, the numbers in a row. It is filled from the data."
                )
            return Vector(self.dim)
        return Image(self.size, self.size, self.channels, self.mean, self.std)


class _OwnNet(Backbone):
    def __init__(self, net: nn.Module, card: Card) -> None:
        super().__init__()
        self.net = net
        self.card = card
        self.dim = 0  # measured by the first, dry, run

    def stages(self) -> dict[str, tuple[str, ...]]:
        return stages.prefixed(stages.from_children(self.net), "net.")

    def forward(self, x: Any) -> Features:
        out = self.net(x)
        if isinstance(out, dict) and isinstance(out.get("pooled"), torch.Tensor):
            return out  # pyright: ignore[reportReturnType]
        if isinstance(out, torch.Tensor) and out.ndim == 4:
            return Features(pooled=out.mean(dim=(2, 3)), maps=[out])  # [B, C]
        if isinstance(out, torch.Tensor) and out.ndim == 2:
            return Features(pooled=out)
        got = f"a tensor of shape {list(out.shape)}" if isinstance(out, torch.Tensor) else f"a {type(out).__name__}"
        raise SourceError(
            f"{self.card.name}: its network must give pooled [B, D], maps [B, C, H, W] or a dict with 'pooled', "
            f"not {got}."
        )


def _plugin(value: Any) -> Any:
    """Return an input or its class for what takes dataclasses, as all plug-ins are."""
    return value


def _backbone(net: nn.Module, card: Card) -> Backbone:
    card = replace(card, params=sum(parameter.numel() for parameter in net.parameters()))
    if isinstance(net, Backbone):
        net.card = card
        return net
    backbone = _OwnNet(net, card).eval()
    try:
        with torch.no_grad():
            pooled = backbone(card.input.blank(2))["pooled"]  # [2, D]
    except (RuntimeError, TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
        raise SourceError(
            f"{card.name}: its network failed on an empty batch of {asdict(_plugin(card.input))}: {error}"
        ) from error
    if pooled.ndim != 2 or len(pooled) != 2:
        raise SourceError(f"{card.name}: 'pooled' must be [B, D]; for a batch of 2 it is {list(pooled.shape)}.")
    backbone.dim = pooled.shape[1]
    return backbone.train()


def _call(name: str) -> nn.Module:
    module_name, _, function_name = name.partition(":")
    if not module_name or not function_name:
        raise UsageError(f"'python:{name}' must be python:MODULE:FUNCTION, for example python:my_nets:small_cnn.")
    with _current_folder():
        try:
            module = importlib.import_module(module_name)
        except ImportError as error:
            raise UsageError(
                f"python:{name}: the module '{module_name}' cannot be imported: {reason_of(error)}. "
                f"Looked in {Path.cwd()} too."
            ) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        known = first_few(n for n, v in vars(module).items() if callable(v) and not n.startswith("_")) or "none"
        raise UsageError(f"python:{name}: {module_name} has no function '{function_name}'. It has: {known}.")
    net = function()
    if not isinstance(net, nn.Module):
        raise SourceError(f"python:{name} must return a torch.nn.Module, not {type(net).__name__}.")
    return net


@contextmanager
def _current_folder() -> Iterator[None]:
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)
