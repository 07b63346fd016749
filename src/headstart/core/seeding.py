"""Counter-based randomness: every random choice is a function of the seed and of what it is for.

Nothing is drawn from a state that has to be saved: the order of an epoch is f(seed, epoch), an
augmentation is f(seed, stream, epoch, row, view), dropout is f(seed, step). Any number of workers, and any
restart, therefore gives the same choices.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def mix(*parts: int | str) -> int:
    """Hash the parts into one seed in [0, 2**63): equal parts give equal seeds on every machine."""
    digest = hashlib.blake2b("\x1f".join(str(part) for part in parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def numpy_generator(*parts: int | str) -> np.random.Generator:
    """Make a NumPy generator seeded by the parts."""
    import numpy as np

    return np.random.default_rng(mix(*parts))


def seed_torch(*parts: int | str) -> None:
    """Seed torch's global generators from the parts.

    `torch.manual_seed` does the same, but where CUDA is installed and not in use it also notes each call down, with
    its traceback, for when CUDA starts: 1 ms and a little memory for each step and each augmented image.
    """
    import torch

    seed = mix(*parts)
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)


@contextmanager
def torch_seeded(*parts: int | str) -> Iterator[None]:
    """Seed torch's global CPU generator inside the block, and put its state back afterwards."""
    import torch

    state = torch.default_generator.get_state()
    torch.default_generator.manual_seed(mix(*parts))
    try:
        yield
    finally:
        torch.default_generator.set_state(state)
