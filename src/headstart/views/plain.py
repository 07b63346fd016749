"""The example as evaluation sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from headstart.core.input import Input, View


@dataclass(frozen=True)
class Plain(View):
    """No variation: every look at a row shows the same."""

    inputs: ClassVar[tuple[type, ...]] = ()
    moves: ClassVar[bool] = True

    def show(self, raw: Any, expects: Input) -> Any:
        """Make the example as the input does."""
        return expects.example(raw)
