"""Nash-MTL: losses bargain for the update (Navon et al. 2022, arXiv:2202.01017).

Their claim 3.1: weights a > 0 with G G'a = 1 / a, elementwise, maximise the product of what the losses gain. They are
the minimum of a'G G'a / 2 - sum over k of log a_k, which damped Newton steps of 1 / (1 + decrement) reach from
anywhere (the function is self-concordant). Unit vectors enter: a rescaled gradient has its weight scaled back, and the
update stays the same. The paper's is sqrt(K) long whatever the gradients; here that is times their geometric mean and
over sqrt(K), so that it ends where they do, and of equal gradients is their mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.combine._programmes import NOISE, typical, unit_vectors
from headstart.core.types import OfGradients

MOST_STEPS = 200  # ten are usual, forty where gradients cancel


@dataclass(frozen=True)
class Nash(OfGradients):
    """Let losses bargain: no other update gains more, relative to this one, over all of them.

    A loss times 1000 changes nothing but the length of all updates, by one factor.
    """

    def weights(
        self, losses: np.ndarray, gram: np.ndarray, state: dict[str, np.ndarray], random: np.random.Generator
    ) -> np.ndarray:
        """Solve for the weights."""
        vectors, lengths = unit_vectors(gram)
        cosines = vectors.T @ vectors + NOISE * np.eye(len(gram))  # gradients that cancel get weights of up to 1000
        found = np.ones(len(gram))
        for _ in range(MOST_STEPS):
            slope = cosines @ found - 1 / found
            step = np.linalg.solve(cosines + np.diag(found**-2.0), slope)
            decrement = np.sqrt(slope @ step)
            found = found - step / (1 + decrement)
            if decrement < NOISE:
                break
        return found * typical(lengths) / lengths / np.sqrt(len(gram))
