"""Supervised learning on the source domain alone: what every adaptation is measured by."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.core.types import Stream
from headstart.objectives.supervised import Supervised


@dataclass(frozen=True)
class SourceOnly(Supervised):
    """Minimise the heads' losses on the stream `source`, as `supervised` does on `train`."""

    @property
    def streams(self) -> tuple[Stream, ...]:
        """A labelled source domain."""
        return (Stream("source"),)
