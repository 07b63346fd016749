"""Whether the source knows such data: the share of the training inputs that is unknown to it."""

from __future__ import annotations

from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.core.types import Event, Listener, silent
from headstart.data.rows import Dataset
from headstart.data.transforms import told_cut
from headstart.inputs import by_name
from headstart.models.model import Backbone

SHOWN, WARNED, REFUSED = 0.005, 0.05, 0.9  # shares from which on it is told, and refused


def check_cut(backbone: Backbone, data: Dataset, listen: Listener = silent) -> str:
    """Tell of how many examples the network sees only a part.

    Args:
        backbone: Its input finds them.
        data: All splits are looked at.
        listen: Is told.

    Returns:
        What was told; "" where it sees all of each.
    """
    told = told_cut(list(data.splits.values()), backbone.card.input)
    if told:
        listen(Event("note", told))
    return told


def check_known(backbone: Backbone, data: Dataset, listen: Listener = silent) -> str:
    """Tell how much of the training inputs is unknown to the source, and what to do where it is much.

    Args:
        backbone: Its input measures it.
        data: The training rows are looked at.
        listen: Is told, as a warning where it is much.

    Returns:
        What was told; "" where next to nothing is unknown.

    Raises:
        UsageError: Nearly everything is unknown.
    """
    inputs = data.splits["train"].inputs
    kind, share = by_name(data.task.modality), backbone.card.input.unknown(inputs)
    if share < SHOWN:
        return ""
    told = f"{share:.1%} of the {kind.parts} of the training {kind.plural} are unknown to {backbone.card.name}"
    if share >= WARNED:
        others = [
            option("source", name) for name in (kind.broad, *(each.source for each in kind.baselines(inputs))) if name
        ]
        told += ": it was trained on other data, such as another language or script, and cannot tell these apart"
        told += f". Try {' or '.join(others)}" if others else ""
    if share >= REFUSED:
        raise UsageError(f"{told}. With so little of them known nothing would be learnt.")
    listen(Event("warning" if share >= WARNED else "note", told))
    return told
