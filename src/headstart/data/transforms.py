"""Make what a network expects of the rows: tensors of pixels, token ids or numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from headstart.core.errors import UsageError
from headstart.core.types import ImageInput, Input, Task, TextInput, VectorInput
from headstart.data.image_transform import Augment, ImageTransform
from headstart.data.rows import Rows
from headstart.data.text_transform import TextTransform

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Transform:
    """From rows to batches: `prepare` once, `example` for each row and view, `collate` for each batch."""

    views: Mapping[str, Any]

    def prepare(self, inputs: Any) -> Any:
        """Do once for all rows what depends on no randomness and stays small."""
        return self._plain.prepare(Rows([""] * len(inputs), inputs))

    def lengths(self, prepared: Any) -> np.ndarray | None:
        """Count the tokens of each row, [N], so that batches can hold rows of like length; None if all are alike."""
        return self._plain.lengths(prepared)

    def example(self, item: Any, key: str, seed: int | None) -> Any:
        """Make one example; `seed` decides the augmentation, None is for evaluation and has none."""
        return self._plain.example(item, None) if seed is None else self.views[key].example(item, seed)

    def collate(self, examples: list[Any]) -> Any:
        """Make one view of a batch."""
        return self._plain.collate(examples)

    @property
    def _plain(self) -> Any:
        return next(iter(self.views.values()))


NAMES = {"plain": "none", "weak": "light", "strong": "strong", "none": "none", "light": "light"}


def make_transform(expects: Input, *, views: Mapping[str, str] | None = None) -> Transform:
    """Make the transform for a network.

    Args:
        expects: What the network expects.
        views: How examples are shown, by key; None shows them plainly under the key "x". Text and vectors are never
            varied.

    Returns:
        The transform.

    Raises:
        UsageError: There is no such view.
    """
    return Transform({key: _one(expects, view) for key, view in (views or {"x": "plain"}).items()})


def _one(expects: Input, view: str) -> Any:
    if view not in NAMES:
        raise UsageError(f"There is no view '{view}'. Known: plain, weak, strong.")
    if isinstance(expects, ImageInput):
        return ImageTransform(expects, cast(Augment, NAMES[view]))
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
