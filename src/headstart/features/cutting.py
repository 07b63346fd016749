"""Choose what of a graph's constant part is kept: the cheapest cut between the examples and what varies.

To keep a tensor costs its bytes for each row, and to leave it out costs its computation at every step. The cheapest
choice is a minimum cut of the graph (Ford and Fulkerson 1956), as when activations are chosen that a backward pass
does not compute again.
"""

from __future__ import annotations

import math
from collections.abc import Set
from typing import Any

import torch
from torch import fx

from headstart.features.graphs import CONV, LINEAR, PRODUCTS, Sizes, is_attention, is_size, mutated

FLOPS = 4e10  # multiplications and additions that a core does in a second
BYTES = 1e8  # a second, at which keeping a tensor is charged: it is read faster, but room is scarce
TOUCH = 20.0  # operations that an entry costs which is read and written, and hardly computed with
OPEN = 1e-3  # seconds to open an example that is not at hand


def cheapest(
    graph: fx.Graph, varying: Set[fx.Node], sizes: Sizes, *, free: bool
) -> tuple[list[fx.Node], set[fx.Node], float, float]:
    """Cut a graph where it costs least.

    Args:
        graph: With the shapes of its tensors.
        varying: Its nodes that must be computed at every step.
        sizes: How its shapes write the number of rows and of tokens.
        free: Whether examples are at hand for every step at no cost.

    Returns:
        The nodes that are kept, in order; the constant ones that are computed again at every step; the share of the
        whole computation that is done once, in [0, 1]; and the bytes that are kept of a row.
    """
    import networkx

    flow = networkx.DiGraph()
    seconds = {node: work(node, sizes) / FLOPS for node in graph.nodes}
    constant = [node for node in graph.nodes if node.op in ("placeholder", "call_function") and node not in varying]
    for node in constant:
        leaf = node.op == "placeholder"
        keep = (0.0 if free else OPEN) if leaf else _bytes(node, sizes) / BYTES
        flow.add_edge("examples", (node, "in"), capacity=math.inf if leaf else seconds[node])
        flow.add_edge((node, "in"), (node, "out"), capacity=keep)
        for user in node.users:
            if is_size(user):
                continue  # a shape is known without the tensor
            if user.op == "output" or user in varying:
                flow.add_edge((node, "out"), "varying", capacity=math.inf)
            else:
                flow.add_edge((node, "out"), (user, "in"), capacity=math.inf)
    if not {"examples", "varying"} <= set(flow):
        return [], set(), 0.0, 0.0
    _, (known, _) = networkx.minimum_cut(flow, "examples", "varying")
    again = {node for node in constant if (node, "in") not in known}
    ends = [node for node in constant if (node, "in") in known and (node, "out") not in known]
    kept = [node for node in ends if node.op != "placeholder"]
    once = [node for node in constant if node not in again and node.op != "placeholder"]
    share = sum(seconds[node] for node in once) / max(sum(seconds.values()), 1e-12)
    return kept, again, share, sum(_bytes(node, sizes) for node in kept)


def work(node: fx.Node, sizes: Sizes) -> float:
    """Estimate the operations of a node for one row."""
    value = node.meta.get("val")
    if node.op != "call_function" or not isinstance(value, torch.Tensor) or _is_view(node):
        return 0.0
    entries = sizes.count(value.shape) / sizes.rows
    given: Any = [each.meta.get("val") if isinstance(each, fx.Node) else each for each in node.args]
    if node.target in CONV:
        return 2 * entries * sizes.count(given[1].shape[1:])
    if node.target in LINEAR or node.target in PRODUCTS:
        return 2 * entries * sizes.count(given[1 if node.target is PRODUCTS[-1] else 0].shape[-1:])
    if is_attention(node):
        return 4 * entries * sizes.count(given[1].shape[-2:-1])
    return TOUCH * entries


def _bytes(node: fx.Node, sizes: Sizes) -> float:
    """Count the bytes of a row; infinite for what belongs to no row, or is changed in place before it is used."""
    value = node.meta.get("val")
    if not isinstance(value, torch.Tensor) or not sizes.is_by_row(value.shape):
        return math.inf
    if any(mutated(user) is node for user in node.users):
        return math.inf
    return sizes.count(value.shape) * value.element_size() / sizes.rows


def _is_view(node: fx.Node) -> bool:
    if not isinstance(node.target, torch._ops.OpOverload):
        return True  # arithmetic with sizes, and one of several results
    returns = node.target._schema.returns
    alias = returns[0].alias_info if returns else None
    return alias is not None and not alias.is_write
