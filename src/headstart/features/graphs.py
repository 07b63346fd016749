"""A network as a graph of torch's operations: how it is had, and what its nodes do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn
from torch.utils import _pytree as pytree

aten = torch.ops.aten
CONV = (aten.conv1d.default, aten.conv2d.default, aten.conv2d.padding, aten.conv3d.default, aten.convolution.default)
LINEAR = (aten.linear.default,)
PRODUCTS = (aten.matmul.default, aten.mm.default, aten.bmm.default, aten.addmm.default)
DROPOUTS = (aten.dropout.default, aten.feature_dropout.default, aten.alpha_dropout.default)
DROPS = 2  # place of `train` among their arguments
ATTENTION = aten.scaled_dot_product_attention.default
BATCH_NORM, TRAINS = aten.batch_norm.default, 5  # place of `training`


class Untraceable(Exception):
    """A network's graph cannot be had, or not in a form that can be cut; says why."""


@dataclass(frozen=True)
class Sizes:
    """How the shapes of a graph write the number of rows, and of tokens where batches differ in it; and one case."""

    row_name: str
    token_name: str | None
    rows: int
    tokens: int

    def count(self, shape: Any) -> float:
        """Count the entries of a shape in the one case."""
        total = 1.0
        for size in shape:
            total *= self._value(size)
        return total

    def is_by_row(self, shape: Any) -> bool:
        """Return whether a tensor is [rows, …] or [rows, tokens, …] and fixed but for these."""
        names = [str(size) if isinstance(size, torch.SymInt) else "" for size in shape]
        return names[:1] == [self.row_name] and names[1:2] in ([], [""], [self.token_name]) and not any(names[2:])

    def is_ragged(self, shape: Any) -> bool:
        """Return whether a tensor that is one by row is [rows, tokens, …]."""
        return len(shape) > 1 and isinstance(shape[1], torch.SymInt)

    def _value(self, size: Any) -> float:
        if not isinstance(size, torch.SymInt):
            return float(size)
        known = {self.row_name: self.rows, self.token_name: self.tokens}
        found: Any = size.node.expr.subs({each: known.get(str(each), 1) for each in size.node.expr.free_symbols})
        return float(found)


def export(module: nn.Module, x: Any, *, tokens: bool) -> tuple[fx.Graph, Any, nn.Module, Sizes]:
    """Export a module that takes one argument, in its present modes.

    Args:
        module: Gives tensors in lists and dicts.
        x: A batch, its structure is taken over, its sizes but for rows and tokens too.
        tokens: Whether the second axis of all its tensors is a number of tokens that differs between batches.

    Returns:
        The graph, in which what follows a change in place takes the changed tensor from the node that changed it, and
        sizes are those of x; how what it gives is put together; the module that holds its tensors, which are the very
        ones of the module; and what its sizes are called.

    Raises:
        Untraceable: It has no such graph.
    """
    axes = {0: torch.export.Dim.DYNAMIC} | ({1: torch.export.Dim.AUTO} if tokens else {})
    shapes = pytree.tree_map(lambda _: dict(axes), x)
    try:
        made: Any = torch.export.export(module, (x,), strict=False, dynamic_shapes=(shapes,)).module()
    except Exception as error:  # whatever the network's own code, or the export of it, raises
        raise Untraceable(str(error).strip().partition("\n")[0] or type(error).__name__) from error
    graph = _copy(made.graph)
    leaves = [node for node in graph.nodes if node.op == "placeholder"]
    first = leaves[0].meta["val"].shape
    if any(not isinstance(leaf.meta["val"].shape[axis], torch.SymInt) for leaf in leaves for axis in axes):
        raise Untraceable("its graph holds for batches of one size alone")
    sample = pytree.tree_leaves(x)[0].shape
    sizes = Sizes(str(first[0]), str(first[1]) if tokens else None, sample[0], sample[1] if tokens else 1)
    _settle(graph, leaves[0], sizes)
    return graph, made._out_spec, made, sizes


def _copy(graph: fx.Graph) -> fx.Graph:
    """Copy a graph without the checks of its input, which are modules, and without its form of input and output."""
    made = fx.Graph()
    copied: dict[fx.Node, fx.Node] = {}
    for node in graph.nodes:
        if node.op == "call_module" and not node.users:
            continue
        if node.op not in ("placeholder", "get_attr", "call_function", "output"):
            raise Untraceable(f"it calls {node.target} as a whole")
        if node.op == "output":
            made.output(pytree.tree_map_only(fx.Node, copied.__getitem__, pytree.tree_leaves(node.args[0])))
        else:
            copied[node] = made.node_copy(node, copied.__getitem__)
    return made


def _settle(graph: fx.Graph, leaf: fx.Node, sizes: Sizes) -> None:
    order = {node: place for place, node in enumerate(graph.nodes)}
    for node in list(graph.nodes):
        changed = mutated(node)
        if changed is not None and changed.op != "get_attr":
            changed.replace_all_uses_with(node, lambda user, node=node: order[user] > order[node])
        if node.target == aten.sym_size.int:
            name = str(node.meta["val"])
            if name in (sizes.row_name, sizes.token_name):
                node.args = (leaf, 0 if name == sizes.row_name else 1)


def mutated(node: fx.Node) -> fx.Node | None:
    """Return the node whose tensor a node changes in place; None where it changes none."""
    if isinstance(node.target, torch._ops.OpOverload) and node.target._schema.is_mutable:
        return node.args[0] if isinstance(node.args[0], fx.Node) else None
    return None


def buffers_moved(node: fx.Node) -> list[fx.Node]:
    """List those of the network's own tensors that a node changes."""
    changed = mutated(node)
    found = [] if changed is None or changed.op != "get_attr" else [changed]
    if node.target == BATCH_NORM and node.args[TRAINS]:
        found += [each for each in node.args[3:5] if isinstance(each, fx.Node)]
    return found


def is_size(node: fx.Node) -> bool:
    """Return whether a node asks for a size of a tensor, and not for its values."""
    return node.target == aten.sym_size.int


def is_attention(node: fx.Node) -> bool:
    """Return whether a node is attention as one operation."""
    return node.target == ATTENTION


def attention_rate(node: fx.Node) -> float:
    """Return an attention's rate of dropout."""
    given: Any = node.args[4] if len(node.args) > 4 else node.kwargs.get("dropout_p", 0.0)
    return float(given)


def is_random(node: fx.Node) -> bool:
    """Return whether a node draws random numbers."""
    if not isinstance(node.target, torch._ops.OpOverload) or torch.Tag.nondeterministic_seeded not in node.target.tags:
        return False
    if node.target in DROPOUTS:
        return bool(node.args[DROPS]) and bool(node.args[1])  # at a rate of 0 nothing is drawn
    return not is_attention(node) or bool(attention_rate(node))
