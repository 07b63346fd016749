"""Whether the parts of a source fit each other: the network and what its card says of the input."""

from __future__ import annotations

import torch

from headstart.core.errors import SourceError, reason_of
from headstart.models.dryrun import FAILURES, to_device
from headstart.models.model import Backbone, device_of


def check_parts(backbone: Backbone) -> None:
    """Run a loaded network once on the hardest example that its input can give.

    Args:
        backbone: Is left as it was.

    Raises:
        SourceError: The network fails on it, or a part of the input, such as a tokenizer, is missing.
    """
    card = backbone.card
    x = card.input.trial()
    was_training = [module for module in backbone.modules() if module.training]
    backbone.eval()
    try:
        with torch.no_grad():
            backbone(to_device(x, device_of(backbone)))
    except FAILURES as error:
        raise misfit_of(card.name, card.input.describe(), error) from error
    finally:
        for module in was_training:
            module.training = True


def misfit_of(name: str, expected: str, error: Exception) -> SourceError:
    """Make the error for a network that fails on what its card says that it takes.

    Args:
        name: Of the source.
        expected: What its card, preprocessor or tokenizer says of the input.
        error: What the network raised.

    Returns:
        The error, to be raised by the caller.
    """
    reason = reason_of(error)
    beside = f" ({expected})" if expected else ""
    return SourceError(
        f"{name}: its parts do not fit each other. The network fails on what its card says that it takes"
        f"{beside}: {reason}. Take the network, its tokenizer or preprocessor and its card from the same model."
    )
