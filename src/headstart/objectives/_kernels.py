"""Maximum mean discrepancy with Gaussian kernels of several widths (Gretton et al. 2012; arXiv:1502.02791)."""

from __future__ import annotations

import torch

WIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)  # times the median squared distance


def gaussian_kernel(rows: torch.Tensor) -> torch.Tensor:
    """Compute the mean of exp(-|x - y|^2 / w) over widths w around the median squared distance, which is a constant.

    Args:
        rows: [N, D].

    Returns:
        The kernel of each pair, [N, N]: 1 where rows are equal.
    """
    centred = rows - rows.mean(dim=0)  # the same distances, with less rounding
    squares = centred.square().sum(dim=1)
    distances = (squares.unsqueeze(1) + squares - 2 * centred @ centred.T).clamp(min=0)  # [N, N]
    between = ~torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    median = distances.detach()[between].median().clamp(min=torch.finfo(rows.dtype).tiny)
    return torch.stack([torch.exp(-distances / (width * median)) for width in WIDTHS]).mean(dim=0)


def mmd(kernel: torch.Tensor, count: int) -> torch.Tensor:
    """Compute the squared maximum mean discrepancy of the first `count` rows of a kernel [N, N] and the others."""
    return kernel[:count, :count].mean() + kernel[count:, count:].mean() - 2 * kernel[:count, count:].mean()
