"""What surgeries have in common that change what a text network says of its tokens."""

from __future__ import annotations

from typing import Any

from headstart.core.errors import UsageError
from headstart.core.input import Input
from headstart.core.interface import option
from headstart.models.operate import Body
from headstart.models.surgery._around import Around, forward_of, set_forward


def put_around(body: Body, name: str, around: type[Around], expects: Input | None, does: str) -> None:
    """Let a network expect another input of its texts, and put a forward pass around its own.

    Args:
        body: The network.
        name: Of the surgery, for messages.
        around: The forward pass.
        expects: The input; None where examples are no such texts.
        does: What the network does then, for messages.

    Raises:
        UsageError: It was put there before, examples are no such texts, or the network gives no tokens.
    """
    backbone = body.backbone
    inner = forward_of(backbone)
    if isinstance(inner, around):
        raise UsageError(f"{name}: {backbone.card.name} {does} already.")
    if expects is None or (body.trace.features or {}).get("tokens") is None:
        raise UsageError(
            f"{name}: {backbone.card.name} gives no tokens of such texts. Take a text network, such as "
            f"{option('source', 'hf:distilbert-base-cased')}."
        )
    body.expect(expects)
    made: Any = around(backbone, inner)
    set_forward(backbone, made)
    body.note(f"{name}: {does}")
