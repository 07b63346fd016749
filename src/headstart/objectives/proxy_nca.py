"""ProxyNCA++: each row is to find the proxy of its class among all (Teh, DeVries & Taylor 2020, arXiv:2004.01113).

Proxies take the place of rows, so that no batch need hold two of a class (Movshovitz-Attias et al. 2017,
arXiv:1703.07464); eq. 6 with the temperature. It is what `supervised` minimises for embeddings.
pytorch-metric-learning's ProxyNCALoss is the same at `softmax_scale` = 1 / temperature.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from headstart.objectives._metric_learning import MetricLearning
from headstart.targets._embedding_output import TEMPERATURE, EmbeddingOutput, proxy_nca


@dataclass(frozen=True)
class ProxyNca(MetricLearning):
    """Let each row find the proxy of its class among those of all classes (retrieval).

    temperature: divides the squared distances, on the unit sphere; a lower one looks at the nearest proxies alone.
    """

    temperature: float = TEMPERATURE

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise ValueError(f"temperature must be above 0; it is {self.temperature}.")

    def loss(self, out: torch.Tensor, y: torch.Tensor, output: EmbeddingOutput) -> torch.Tensor:
        """Compute the cross-entropy of the proxies, the mean over rows."""
        return proxy_nca(*output.cosines(out, y), self.temperature)
