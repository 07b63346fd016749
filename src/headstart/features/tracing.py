"""The constant part of a network, found on its graph: what no learning parameter and no randomness can change.

The backbone is exported as it trains. A node of the graph varies if it is a learning parameter, is random, changes a
buffer, or has an input that varies; all else is the same at every step. Of the constant tensors those at the cheapest
cut are kept for each row, and the graph becomes two: one gives these tensors from an example, the other one gives
the features from them. No prefix is assumed: adapters in upper layers, layers frozen in the middle, and frozen branches
beside learning ones fall out of the same rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn
from torch.utils import _pytree as pytree

from headstart.core.types import Features
from headstart.features.cutting import cheapest
from headstart.features.graphs import (
    BATCH_NORM,
    DROPOUTS,
    TRAINS,
    Untraceable,
    attention_rate,
    buffers_moved,
    export,
    is_attention,
    is_random,
    is_size,
    mutated,
)
from headstart.models.model import Backbone

aten = torch.ops.aten


@dataclass(frozen=True)
class Traced:
    """A backbone cut in two.

    Attributes:
        constant: Gives the kept tensors [B, …] from the tensors of a batch's x; nothing in it learns.
        training: Gives the features' tensors from those of x and the kept ones, as in training mode. Its parameters
            and buffers are the backbone's own.
        evaluating: The same as in evaluation mode.
        needs_x: Whether these two read x; where they do not, they ask for its shape alone.
        blank: The shapes [1, …] and types of the tensors of x, for where they are not read.
        ragged: For each kept tensor whether its second axis is the number of tokens.
        share: What part of a forward pass is done once, in [0, 1].
        row_bytes: Bytes that are kept of a row.
        spec: How features are put together.
    """

    constant: fx.GraphModule
    training: fx.GraphModule
    evaluating: fx.GraphModule
    needs_x: bool
    blank: tuple[torch.Tensor, ...]
    ragged: tuple[bool, ...]
    share: float
    row_bytes: float
    spec: Any

    @property
    def code(self) -> str:
        """What the constant part computes, in words that tell it from any other."""
        return self.constant.code

    @property
    def tensors(self) -> dict[str, torch.Tensor]:
        """All that the constant part computes with, by name."""
        return self.constant.state_dict()

    def before(self, x: Any) -> list[torch.Tensor]:
        """Compute what is kept of a batch, tensors [B, …]."""
        return list(self.constant(*pytree.tree_leaves(x)))

    def after(self, x: Any, kept: Sequence[torch.Tensor], *, training: bool) -> Features:
        """Compute the features of a batch from what was kept of it; x may be None where it is not read."""
        rest = self.training if training else self.evaluating
        rows = len(kept[0])
        leaves = [each.expand(rows, *each.shape[1:]) for each in self.blank] if x is None else pytree.tree_leaves(x)
        features: Features = pytree.tree_unflatten(rest(*leaves, *kept), self.spec)
        return features


def trace(backbone: Backbone, x: Any, learning: Iterable[nn.Parameter], *, tokens: bool, free: bool) -> Traced:
    """Cut a backbone at what stays constant while some of its parameters learn.

    Args:
        backbone: In the modes that it trains in: frozen modules in evaluation mode, the others in training mode.
        x: A batch of two rows or more.
        learning: Every parameter that may learn.
        tokens: Whether the second axis of all tensors of x is a number of tokens that differs between batches.
        free: Whether examples are at hand for every step at no cost, as texts are; pictures have to be opened.

    Returns:
        The two parts.

    Raises:
        Untraceable: The network has no such graph, or nothing in it is constant and worth keeping.
    """
    graph, spec, root, sizes = export(backbone, x, tokens=tokens)
    varying = _varying(graph, root, {id(parameter) for parameter in learning})
    kept, again, share, row_bytes = cheapest(graph, varying, sizes, free=free)
    if not kept:
        raise Untraceable("nothing in it is constant and worth keeping")
    rest = _rest(graph, root, kept)
    leaves = [node for node in graph.nodes if node.op == "placeholder"]
    needs_x = any(user in again or user in varying for leaf in leaves for user in leaf.users if not is_size(user))
    return Traced(
        constant=_constant(graph, root, kept),
        training=rest,
        evaluating=_as_evaluated(rest),
        needs_x=needs_x,
        blank=tuple(leaf.new_zeros(()).expand(1, *leaf.shape[1:]) for leaf in pytree.tree_leaves(x)),
        ragged=tuple(sizes.is_ragged(node.meta["val"].shape) for node in kept),
        share=share,
        row_bytes=row_bytes,
        spec=spec,
    )


def _varying(graph: fx.Graph, root: nn.Module, learning: Set[int]) -> set[fx.Node]:
    """Find the nodes that are not the same at every step."""
    moving = {each.target for node in graph.nodes for each in buffers_moved(node)}
    varying: set[fx.Node] = set()
    for node in graph.nodes:
        moves = node.op == "get_attr" and (node.target in moving or id(_tensor(root, node)) in learning)
        inherits = node.op != "output" and any(each in varying for each in node.all_input_nodes if not is_size(node))
        if moves or inherits or is_random(node) or buffers_moved(node):
            varying.add(node)
    return varying


def _tensor(root: nn.Module, node: fx.Node) -> Any:
    found: Any = root
    for part in str(node.target).split("."):
        found = getattr(found, part)
    return found


def _constant(graph: fx.Graph, root: nn.Module, kept: Sequence[fx.Node]) -> fx.GraphModule:
    """Make the part that gives the kept tensors."""
    needed = _needed(kept, stop=())
    made, copied = fx.Graph(), {}
    for node in graph.nodes:
        if node.op == "placeholder" or node in needed:
            copied[node] = made.node_copy(node, copied.__getitem__)
    made.output([copied[node] for node in kept])
    return fx.GraphModule(root, made)


def _rest(graph: fx.Graph, root: nn.Module, kept: Sequence[fx.Node]) -> fx.GraphModule:
    """Make the part that goes on from the kept tensors."""
    output = next(node for node in graph.nodes if node.op == "output")
    acting = [node for node in graph.nodes if buffers_moved(node)]
    needed = _needed([*output.all_input_nodes, *acting], stop=kept)
    made = fx.Graph()
    copied = {node: made.node_copy(node) for node in graph.nodes if node.op == "placeholder"}
    copied |= {node: made.placeholder(f"kept_{place}") for place, node in enumerate(kept)}
    for node in graph.nodes:
        if node not in needed or node in copied or node.op == "output":
            continue
        if (changed := mutated(node)) in kept:  # which is computed on again
            copied[changed] = made.call_function(aten.clone.default, (copied[changed],))
        copied[node] = made.node_copy(node, copied.__getitem__)
    made.output([copied[each] if isinstance(each, fx.Node) else each for each in output.args[0]])
    return fx.GraphModule(root, made)


def _needed(nodes: Iterable[fx.Node], stop: Sequence[fx.Node]) -> set[fx.Node]:
    """Find all that some nodes are computed from, themselves included, up to what is given."""
    found: set[fx.Node] = set()
    left = list(nodes)
    while left:
        node = left.pop()
        if node not in found:
            found.add(node)
            left += [] if node in stop else node.all_input_nodes
    return found


def _as_evaluated(rest: fx.GraphModule) -> fx.GraphModule:
    """Make what is computed in evaluation mode: nothing is dropped, and batch norms take what they remember."""
    graph = fx.Graph()
    graph.output(graph.graph_copy(rest.graph, {}))
    for node in list(graph.nodes):
        if node.target in DROPOUTS:
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
        elif is_attention(node) and attention_rate(node) > 0:
            node.args, node.kwargs = node.args[:4], {**node.kwargs, "dropout_p": 0.0}
        elif node.target == BATCH_NORM:
            node.update_arg(TRAINS, False)
        elif buffers_moved(node):  # such as the count of batches
            if node.users:
                raise Untraceable("its features depend on how often it was run")
            graph.erase_node(node)
    return fx.GraphModule(rest, graph)
