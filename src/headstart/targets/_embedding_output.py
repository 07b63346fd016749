"""What an embedding is learnt by where the heads' own loss is minimised: one proxy a class. Imports torch.

Proxies are learnt with the head (Movshovitz-Attias et al. 2017, arXiv:1703.07464); the loss is that of ProxyNCA++ (Teh,
DeVries & Taylor 2020, arXiv:2004.01113, eq. 6): the softmax over all classes of -d / T, where d is the squared distance
of embedding and proxy, both of length 1, and T = 1/9. As d = 2 - 2 cos, the logits are 18 cos.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from headstart.core.types import Labels, LossOptions
from headstart.targets._outputs import Output

TEMPERATURE = 1 / 9


class EmbeddingOutput(Output):
    """An embedding of length 1, and a proxy for each class: labels [B] int64 are places of classes.

    proxies: [C, D]. learnt: which classes have training rows, [C]; the others' proxies take no part.
    """

    learnt: torch.Tensor

    def __init__(self, classes: int, dim: int) -> None:
        super().__init__()
        self.proxies = nn.Parameter(torch.randn(classes, dim))
        self.register_buffer("learnt", torch.ones(classes, dtype=torch.bool))

    def start(self, labels: Labels) -> None:
        """Take down which classes the training labels [N] have."""
        found = np.isin(np.arange(len(self.learnt)), labels)
        self.learnt.copy_(torch.from_numpy(found))

    def cosines(self, out: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Compare outputs with the proxies of the classes that are learnt.

        Args:
            out: [B, D].
            y: Classes [B].

        Returns:
            Cosines [B, C'], and the place of each row's class among these, [B].
        """
        among = functional.normalize(self.proxies[self.learnt].float(), dim=1)
        return functional.normalize(out, dim=1) @ among.T, (self.learnt.cumsum(0) - 1)[y]

    def loss(self, out: torch.Tensor, y: torch.Tensor, options: LossOptions) -> torch.Tensor:
        """Compute ProxyNCA++, the mean over rows."""
        return proxy_nca(*self.cosines(out, y), TEMPERATURE)

    def decode(self, out: torch.Tensor) -> torch.Tensor:
        """Return the embedding, of length 1, [B, D]."""
        return functional.normalize(out, dim=1)


def proxy_nca(cosines: torch.Tensor, places: torch.Tensor, temperature: float) -> torch.Tensor:
    """Compute ProxyNCA++ of cosines with proxies [B, C] and the places [B] of the right ones, a scalar."""
    return functional.cross_entropy(2 * cosines / temperature, places)
