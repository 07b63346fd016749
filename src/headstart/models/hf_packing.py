"""Several texts in one sequence of a causal network: less is computed for places that only fill up.

Texts share a sequence by first fit, the longest first (Johnson et al. 1974). Each sees itself alone, under a mask of
blocks, and counts its own positions, so that its states are those that it has by itself (Krell et al. 2021,
arXiv:2107.02027).
"""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple

import torch
from torch import nn

WORTH = 0.8  # share of the sequences that may be left for it to pay
TOLERANCE = 1e-4  # of states, by the greatest one


class Packed(NamedTuple):
    """Texts in fewer sequences: tokens and positions [S, T], the mask [S, 1, T, T] that is added, places [B, T]."""

    ids: torch.Tensor
    positions: torch.Tensor
    mask: torch.Tensor
    places: torch.Tensor


def packed(ids: torch.Tensor, mask: torch.Tensor) -> Packed | None:
    """Put texts, [B, T] with their mask, into fewer sequences of T places; None where hardly one is saved."""
    lengths, width = mask.sum(dim=1).tolist(), ids.shape[1]
    free: list[int] = []
    where: list[tuple[int, int]] = [(0, 0)] * len(lengths)
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        sequence = next((place for place, room in enumerate(free) if room >= lengths[row]), len(free))
        if sequence == len(free):
            free.append(width)
        where[row] = sequence, width - free[sequence]
        free[sequence] -= lengths[row]
    if len(free) > WORTH * len(lengths):
        return None
    steps = torch.arange(width, device=ids.device)
    starts = torch.tensor([sequence * width + start for sequence, start in where], device=ids.device)
    places = (starts[:, None] + steps).clamp(max=len(free) * width - 1)
    own = mask > 0
    made, positions, texts = (ids.new_zeros(len(free) * width) for _ in range(3))
    made[places[own]] = ids[own]
    positions[places[own]] = steps.expand_as(ids)[own]
    texts[places[own]] = torch.arange(1, len(ids) + 1, device=ids.device)[:, None].expand_as(ids)[own]
    made, positions, texts = (each.view(len(free), width) for each in (made, positions, texts))
    seen = (texts[:, :, None] == texts[:, None, :]).tril()
    added = torch.zeros(seen.shape, device=ids.device).masked_fill(~seen, torch.finfo(torch.float32).min)
    return Packed(made, positions, added.unsqueeze(1), places)


def states_of(net: Any, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Compute the last states of texts, [B, T, D], in fewer sequences where that pays."""
    found = packed(ids, mask)
    if found is None:
        return net(input_ids=ids, attention_mask=mask).last_hidden_state
    states = net(input_ids=found.ids, attention_mask=found.mask, position_ids=found.positions).last_hidden_state
    return states.flatten(0, 1)[found.places] * mask.unsqueeze(2)


def packs(net: nn.Module) -> bool:
    """Return whether a network gives texts that share a sequence the states that they have by themselves."""
    if "position_ids" not in inspect.signature(net.forward).parameters:
        return False
    ids = torch.arange(1, 9).repeat(4, 2)
    mask = (torch.arange(16) < torch.tensor([16, 9, 4, 3])[:, None]).long()
    try:
        together = states_of(net, ids, mask)
    except (RuntimeError, ValueError, TypeError, IndexError):
        return False
    alone: Any = net(input_ids=ids, attention_mask=mask)
    wanted = alone.last_hidden_state * mask.unsqueeze(2)
    return bool((together - wanted).abs().max() <= TOLERANCE * wanted.abs().max())
