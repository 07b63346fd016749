"""`logmel:moments`: no pretrained network, but how loud each pitch of a sound is, and how much that changes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch

from headstart.core.errors import UsageError, unknown
from headstart.core.offer import Offer
from headstart.core.types import Card, Features, Task
from headstart.inputs import by_name
from headstart.inputs.audio import Audio
from headstart.models.front_ends import LogMel, Mel
from headstart.models.model import Backbone

NAMES = ("moments",)


@dataclass(frozen=True)
class Logmel:
    """Means and deviations over time of a log-mel spectrogram of 64 bins, where there is sound.

    It has no weights that learn. seconds: how much of a sound is heard; filled from the data.
    """

    seconds: float | None = None

    def names(self, query: str) -> list[str]:
        """List the one."""
        return [name for name in NAMES if query in name]

    @classmethod
    def offers(cls, task: Task, inputs: Any) -> list[Offer]:
        """Offer itself where this is a baseline of the modality.

        Args:
            task: Names the modality.
            inputs: The training rows'.

        Returns:
            One offer, or none.
        """
        return [offer for offer in by_name(task.modality).baselines(inputs) if offer.source.startswith("logmel:")]

    def load(self, name: str) -> Backbone:
        """Build the backbone. UsageError: the name is another one, or the data has not yet said how long sounds are."""
        if name not in NAMES:
            raise unknown("summary of spectrograms", name, list(NAMES))
        if self.seconds is None:
            raise UsageError(f"logmel:{name} needs sounds: name the data, or say how long they are: seconds=1.0.")
        mel = Mel()
        expected = Audio(mel.sample_rate, max(self.seconds, mel.window_samples / mel.sample_rate))
        card = Card(f"logmel:{name}", "logmel", 0, expected, "logmel", asdict(mel), "none: how loud each pitch is")
        return self.rebuild(card)

    def rebuild(self, card: Card) -> Backbone:
        """Build the network of a card: it has no weights."""
        return _Moments(card)


class _Moments(Backbone):
    """Mean and deviation of each mel bin over the windows that hold more than zeros, of silence over all."""

    def __init__(self, card: Card) -> None:
        super().__init__()
        self.card = card
        mel = Mel(**card.architecture)
        self.front_end = LogMel(mel)
        self.dim = 2 * mel.n_mels

    def stages(self) -> dict[str, tuple[str, ...]]:
        return {}

    def forward(self, x: torch.Tensor) -> Features:  # [B, T]
        mel = self.front_end.mel
        spectrum = self.front_end(x)  # [B, frames, mels]
        sounding = x.unfold(1, mel.window_samples, mel.hop_samples).ne(0).any(dim=2)  # [B, frames]
        weights = (sounding | ~sounding.any(dim=1, keepdim=True)).to(spectrum.dtype).unsqueeze(2)
        count = weights.sum(dim=1)
        mean = (spectrum * weights).sum(dim=1) / count
        spread = ((spectrum - mean.unsqueeze(1)).square() * weights).sum(dim=1) / count
        return Features(pooled=torch.cat([mean, (spread + 1e-8).sqrt()], dim=1))
