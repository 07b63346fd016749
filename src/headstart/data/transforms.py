"""Make what a network expects of the rows: tensors of pixels, token ids or numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from headstart.core.errors import UsageError
from headstart.core.types import ImageInput, Input, Task, TextInput, VectorInput
from headstart.data.image_transform import Augment, ImageTransform
from headstart.data.rows import Rows
from headstart.data.text_transform import TextTransform

if TYPE_CHECKING:
    import torch


class Transform(Protocol):
    """From rows to batches: `prepare` once, `example` for each row, `collate` for each batch."""

    def prepare(self, rows: Rows) -> Any:
        """Do once for all rows what depends on no randomness and stays small."""
        ...

    def lengths(self, prepared: Any) -> np.ndarray | None:
        """Count the tokens of each row, [N], so that batches can hold rows of like length; None if all are alike."""
        ...

    def example(self, item: Any, seed: int | None) -> Any:
        """Make one example; `seed` decides the augmentation, None is for evaluation and has none."""
        ...

    def collate(self, examples: list[Any]) -> Any:
        """Make a batch's x."""
        ...


def make_transform(expects: Input, *, augment: Augment = "none") -> Transform:
    """Make the transform for a network.

    Args:
        expects: What the network expects.
        augment: How training images are varied; text and vectors are never.

    Returns:
        The transform.

    Raises:
        UsageError: There is no such augmentation.
    """
    if augment not in {"none", "light", "strong"}:
        raise UsageError(f"There is no augmentation '{augment}'. Known: none, light, strong.")
    if isinstance(expects, ImageInput):
        return ImageTransform(expects, augment)
    return TextTransform(expects) if isinstance(expects, TextInput) else VectorTransform(expects)


def check_fits(task: Task, expects: Input) -> None:
    """Check that a network takes what the task's rows hold.

    Args:
        task: The target task.
        expects: What the network expects.

    Raises:
        UsageError: It takes another modality.
    """
    takes = {ImageInput: "image", TextInput: "text", VectorInput: "vector"}[type(expects)]
    if takes != task.modality:
        columns = ", ".join(f"'{name}'" for name in task.inputs[:6])
        raise UsageError(
            f"The network takes {takes} input; the data is {task.modality} (column {columns}). "
            f"Choose a source for {task.modality}."
        )


@dataclass(frozen=True)
class VectorTransform:
    """Vectors to tensors [B, D] float32, as they are."""

    expects: VectorInput

    def prepare(self, rows: Rows) -> np.ndarray:  # [N, D]
        """Check the width.

        Args:
            rows: Rows of vectors.

        Returns:
            The vectors, float32.

        Raises:
            UsageError: The rows have another count of numbers than the network takes.
        """
        vectors = np.ascontiguousarray(rows.inputs, dtype=np.float32)
        if self.expects.dim not in {None, vectors.shape[1]}:
            raise UsageError(f"The network takes {self.expects.dim} numbers a row; the data has {vectors.shape[1]}.")
        return vectors

    def lengths(self, prepared: Any) -> np.ndarray | None:
        """Return None: all rows are of one length."""

    def example(self, item: np.ndarray, seed: int | None) -> np.ndarray:
        """Pass the numbers on."""
        return item

    def collate(self, examples: list[np.ndarray]) -> torch.Tensor:  # [B, D]
        """Stack the rows."""
        import torch

        return torch.from_numpy(np.stack(examples))
