"""Numbers of a row that are stretched by a random factor or set to zero, whatever unit a column has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.inputs.vector import Vector


@dataclass(frozen=True)
class Numbers:
    """The deviation of the factor around 1, and the share of the numbers that become zero."""

    noise: float = 0.0
    drop: float = 0.0

    def show(self, raw: np.ndarray, expects: Vector) -> np.ndarray:  # [D]
        """Make one example."""
        import torch

        factors, drawn = torch.randn(len(raw)).numpy(), torch.rand(len(raw)).numpy()
        return raw * (1 + np.float32(self.noise) * factors) * (drawn >= self.drop)
