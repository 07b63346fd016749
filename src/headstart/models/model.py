"""The network of a run: a backbone that is taken over, and a head that is new."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import nn

from headstart.core.errors import UsageError, first_few
from headstart.core.input import Cut
from headstart.core.learning import map_tensors, where_known
from headstart.core.types import Card, Features, ForwardPass, Labels, LossOptions, Prefix, Solved, Solving, Target
from headstart.models.pooling import WHOLE, Part, Pooling, own_part, pool
from headstart.targets._outputs import Output


class Backbone(nn.Module):
    """The part taken over from a source model: examples in, `Features` out.

    Attributes:
        card: What is known of the source model.
        dim: Width D of the pooled features.
        channels_last: Whether maps inside are [B, H, W, C]; `Features` has them as [B, C, H, W] all the same.
        source_classifier: Weight [C, D] and bias [C] of the source task's own linear classifier on the pooled
            features, where the source has one. It is no part of the backbone: no artefact holds it, and of the
            strategies only `lwf` trains it on.
        source_form: The form of the target that it answers: "classes", one class a row, unless the source knows better.
        source_hidden: Weight [H, D] and bias [H] of the hidden layer, GELU behind it, of the source's head where it
            has one.
        freeze_overrides: Parameters by name that surgery freezes (True) or lets learn (False) under any strategy.
        prefix: What the first tokens of an image are, before its patches; None where that is not known, and for texts.
        parts: Which part of the features is whose, by target, where targets have features of their own.
        only: The target whose features alone are asked for; None: those of all.
        source_decoder: The decoder of the source's own network, where it has one that writes texts: its tensors by
            name, and its tokenizer (JSON of `tokenizers`). It is no part of the backbone.
        source_layer: The output layer of a source that goes on with texts itself, by name; nothing where its embeddings
            are that layer, None where there is none.
        kept_rows: None, or by which names a linear head starts from the rows of `source_classifier` ("CLASS=LABEL").
    """

    card: Card
    dim: int
    channels_last: bool = False
    source_classifier: tuple[torch.Tensor, torch.Tensor | None] | None = None
    source_form: str = "classes"
    source_hidden: tuple[torch.Tensor, torch.Tensor] | None = None
    source_decoder: tuple[Mapping[str, torch.Tensor], str] | None = None
    source_layer: Mapping[str, torch.Tensor] | None = None
    freeze_overrides: Mapping[str, bool] = MappingProxyType({})
    prefix: Prefix | None = None
    kept_rows: tuple[str, ...] | None = None
    parts: Mapping[str, Part] = MappingProxyType({})
    only: str | None = None

    def __repr__(self) -> str:
        """Describe it in a sentence; `headstart.inspect` shows its layers."""
        count = sum(parameter.numel() for parameter in self.parameters())
        return (
            f"Backbone {self.card.name}: {count:,} parameters, features of width {self.dim} (hs.inspect shows layers)"
        )

    @abstractmethod
    def stages(self) -> dict[str, tuple[str, ...]]:
        """Return the names of the parameters by stage, input to output; every parameter is in exactly one stage."""

    @abstractmethod
    def forward(self, x: Any) -> Features:
        """Compute the features of a batch's `x`."""

    def mask_of(self, x: Any, count: int) -> torch.Tensor | None:
        """Find which of the `count` tokens of a hidden state are some of the example's, [B, count]; None: all are."""
        return x.get("attention_mask") if isinstance(x, Mapping) else None


class Head(nn.Module):
    """The part that is new for a target: pools the features, then maps them to the target's outputs.

    Args:
        trunk: Maps pooled features [B, D] to [B, target.outputs].
        target: Decides the loss and the decoding.
        pooling: "auto" takes the backbone's own pooled features; "cls" the class token, of a text the first token;
            "mean" the mean over the tokens of a text or of an image's patches.

    Attributes:
        learns_by_steps: Whether gradients can train it; one that is only solved is refused elsewhere.
        pooled: Whether it reads pooled features alone; others read maps or tokens.
        forms: Of the targets that it answers for where it does not read pooled features.
        starts_new: Whether its weights are drawn; those that are the source's learn at the rate of the backbone.
    """

    learns_by_steps: ClassVar[bool] = True
    pooled: ClassVar[bool] = True
    forms: ClassVar[tuple[str, ...]] = ()
    starts_new: bool = True
    output: Output

    def __init__(self, trunk: nn.Module, target: Target, pooling: Pooling = "auto") -> None:
        super().__init__()
        self.trunk = trunk
        self.target = target
        self.pooling: Pooling = pooling
        self.output = cast(Output, target.output())
        self.part = WHOLE

    def needs(self, labels: Labels) -> np.ndarray | None:
        """Count the tokens of an example that each label needs, [N]; None: any number will do."""
        return None

    def forward(self, features: Features) -> torch.Tensor:  # [B, target.outputs]
        return self.trunk(own_part(pool(features, self.pooling), self.part))

    def fit_to(self, backbone: Backbone) -> None:
        """Make what depends on the shapes that the backbone gives, before weights are drawn or loaded; nothing unless a
        head says so. UsageError: the backbone does not give what it reads.
        """

    def start(self, backbone: Backbone) -> None:
        """Take what it needs of the source before training; nothing unless a head says so. UsageError: it lacks it."""

    def cut(self, labels: Labels) -> Cut | None:
        """Find labels of which it can learn and give only a part; a head says where there may be some."""
        return None

    def solves(self, wanted: Solving) -> bool:
        """Return whether `solve` finds the optimum of this loss; heads that need steps do not."""
        return False

    def solve(self, features: np.ndarray, labels: Labels, wanted: Solving) -> Solved:
        """Find the head's optimum for features that stay the same, without steps, and take it.

        Args:
            features: Pooled as the head does, [N, D].
            labels: Of the same rows, as the target's `encode` gave them.
            wanted: The loss, whose way with rare classes the output has been told (`rebalance`), and the folds.

        Returns:
            How it was done.

        Raises:
            UsageError: The head cannot be solved for this loss.
        """
        raise UsageError(
            "This head is trained by steps: it has no solution of its own. Leave optimiser = 'solve' away."
        )

    def precede(self, matrix: np.ndarray, offset: np.ndarray) -> None:
        """Let features x go through matrix x + offset first, [D, D] and [D]. UsageError: only a linear head can."""
        raise UsageError("This mapping changes the rows that are predicted too, which only the head 'linear' takes up.")

    def loss(
        self,
        out: torch.Tensor,
        y: torch.Tensor,
        options: LossOptions | None = None,
        known: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Compute the mean loss over a batch, a scalar.

        Args:
            out: What `forward` gave, [B, outputs].
            y: Labels as in `Batch`.
            options: Options of the loss; None is the task's usual one.
            known: Which rows have a label, [B]: the others count as 0, so that the mean over the batch is that of its
                micro-batches. None: all have one.

        Returns:
            The loss.
        """
        if known is None:
            return self.output.loss(out.float(), y, options or LossOptions())
        own = where_known(out, known)
        if not len(own):
            return own.float().sum()  # 0, and every parameter still has a gradient
        return self.loss(own, where_known(y, known), options) * (len(own) / len(out))

    def decode(self, out: torch.Tensor) -> torch.Tensor:
        """Turn outputs [B, outputs] into probabilities [B, C] or regression values [B, T]."""
        return self.output.decode(out.float())


class Cuts:
    """Features that a graph was cut at.

    Attributes:
        features: As the backbone gave them, with what they were computed of.
        leaves: The copies that the losses are made of.
    """

    def __init__(self) -> None:
        self.features: list[torch.Tensor] = []
        self.leaves: list[torch.Tensor] = []

    def cut(self, features: Features) -> Features:
        """Put copies in the place of those features that a gradient can reach."""
        return cast(Features, map_tensors(features, self._copy))

    def _copy(self, tensor: torch.Tensor) -> torch.Tensor:
        if not tensor.requires_grad:
            return tensor
        self.features.append(tensor)
        self.leaves.append(tensor.detach().requires_grad_())
        return self.leaves[-1]


class Model(nn.Module):
    """A backbone with one head a target, by the target's name; without heads it gives features only.

    Args:
        backbone: The part taken over.
        heads: Heads by target.

    Attributes:
        after: While a stage trains on what is kept of the backbone's constant part: computes features of it.

    Raises:
        UsageError: A target has a name that torch keeps for itself.
    """

    def __init__(self, backbone: Backbone, heads: Mapping[str, Head]) -> None:
        super().__init__()
        self.backbone = backbone
        try:
            self.heads = nn.ModuleDict(heads)
        except KeyError as error:  # "type", "float" … are attributes of every torch module
            raise UsageError(f"A target cannot be called so ({error.args[0]}). Name it otherwise.") from error
        for name, head in heads.items():
            head.part = backbone.parts.get(name, WHOLE)
        self._passes: list[ForwardPass] | None = None
        self._cuts: Cuts | None = None
        self.after: Callable[..., Features] | None = None

    def __repr__(self) -> str:
        """Describe it in a sentence; `headstart.inspect` shows its layers."""
        count = sum(parameter.numel() for parameter in self.parameters())
        names = f" ({first_few(self.heads)})" if len(self.heads) > 1 else ""
        heads = f"{len(self.heads) or 'no'} head{'s' * (len(self.heads) > 1)}{names}"
        return f"Model of {self.backbone.card.name}: {count:,} parameters, {heads} (hs.inspect shows its layers)"

    @property
    def head(self) -> Head:
        """The only head.

        Raises:
            UsageError: There are several, or none.
        """
        if len(self.heads) != 1:
            found = f"{len(self.heads)} heads ({first_few(self.heads)})" if self.heads else "no head"
            raise UsageError(f"This needs a model with one head; the model has {found}.")
        return next(iter(self.by_target().values()))

    def by_target(self) -> dict[str, Head]:
        """Return the heads by the names of their targets."""
        return {name: cast(Head, head) for name, head in self.heads.items()}

    def features(self, x: Any, target: str | None = None) -> Features:
        """Compute a batch's features; features that were computed before pass through.

        Where targets have features of their own, `target` asks for those of one alone; the others' are zeros.

        Of what is kept of the backbone's constant part, {"kept": tensors, "x"}, `after` computes them.
        """
        if isinstance(x, dict) and "pooled" in x:
            return cast(Features, x)
        if isinstance(x, dict) and "kept" in x:
            assert self.after is not None
            kept = list(x["kept"].values())
            features = self.after(x.get("x"), kept, training=self.backbone.training)
        else:
            self.backbone.only = target
            try:
                features = cast(Features, self.backbone(x))
            finally:
                self.backbone.only = None
        if self._cuts is not None:
            features = self._cuts.cut(features)
        if self._passes is not None and features["pooled"].requires_grad:
            self._passes.append(ForwardPass(x, features))
        return features

    @contextmanager
    def passes(self) -> Iterator[list[ForwardPass]]:
        """Keep the forward passes of the backbone that are made inside the block and that a gradient can reach.

        Inside another such block, they are kept by the inner one alone.
        """
        outer, self._passes = self._passes, []
        try:
            yield self._passes
        finally:
            self._passes = outer

    @contextmanager
    def cutting(self) -> Iterator[Cuts]:
        """Cut the graph between backbone and heads inside the block: losses end at copies of the features."""
        self._cuts = cuts = Cuts()
        try:
            yield cuts
        finally:
            self._cuts = None

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Put the model into evaluation mode inside the block."""
        was_training = [module for module in self.modules() if module.training]
        self.eval()
        try:
            yield
        finally:
            for module in was_training:
                module.training = True

    def forward(self, x: Any) -> Any:
        """Compute the outputs of a batch's `x`.

        Args:
            x: Inputs as in `Batch`.

        Returns:
            [B, outputs] of the only head; where there are several heads, or none, a dict of these by target.
        """
        features = self.features(x)
        outputs = {name: head(features) for name, head in self.heads.items()}
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs

    def stage_parameters(self) -> dict[str, list[nn.Parameter]]:
        """Return the backbone's parameters by stage, input to output."""
        parameters = dict(self.backbone.named_parameters())
        return {stage: [parameters[name] for name in names] for stage, names in self.backbone.stages().items()}

    def train_learning(self) -> None:
        """Set what learns to training mode and what is frozen to evaluation mode.

        `requires_grad=False` alone would let frozen batch norm drift and frozen dropout drop.
        """
        self.train()
        _freeze_modes(self)


def reads_more(model: Model) -> bool:
    """Return whether a head reads more than pooled features, so that these alone are not worth keeping."""
    return any(isinstance(head, Head) and not head.pooled for head in model.heads.values())


def check_pooled(model: Model, name: str) -> None:
    """Refuse heads that read more than pooled features, for what looks at these and at numbers made of them.

    Args:
        model: Has the heads.
        name: Of the strategy or the objective, for the message.

    Raises:
        UsageError: A head reads maps or tokens.
    """
    if reads_more(model):
        raise UsageError(f"{name} needs heads on pooled features, and those of this kind of target read more of them.")


def device_of(module: nn.Module) -> torch.device:
    """Return the device that a module's parameters are on; one without parameters computes wherever it is asked to."""
    return next((parameter.device for parameter in module.parameters()), torch.device("cpu"))


def _freeze_modes(module: nn.Module) -> None:
    parameters = list(module.parameters())
    if parameters and not any(p.requires_grad for p in parameters):
        module.eval()  # its children too, those without parameters included
        return
    for child in module.children():
        _freeze_modes(child)


def frozen_modules_train(module: nn.Module) -> list[str]:
    """Name the modules that are in training mode although all their parameters are frozen: there should be none."""
    return [
        name
        for name, part in module.named_modules()
        if part.training and (own := list(part.parameters())) and not any(p.requires_grad for p in own)
    ]
