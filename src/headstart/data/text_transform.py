"""Texts and pairs of texts to padded token tensors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.core.errors import UsageError
from headstart.core.types import TextInput
from headstart.data.rows import Rows

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class TextTransform:
    """Texts and pairs of texts to token tensors [B, T], padded to the longest of the batch. Never augmented."""

    expects: TextInput

    def prepare(self, rows: Rows) -> list[dict[str, np.ndarray]]:
        """Tokenise all rows at once, cut to the most tokens that the network takes."""
        prepared: list[dict[str, np.ndarray]] = []
        for start in range(0, len(rows), 1000):
            texts = rows.inputs[start : start + 1000]
            first, second = zip(*texts, strict=True) if isinstance(texts[0], tuple) else (texts, None)
            tokens = self._tokenizer(
                list(first),
                second and list(second),
                truncation=True,
                max_length=self.expects.max_length,
                return_attention_mask=False,
            )
            names = [name for name in ("input_ids", "token_type_ids") if name in tokens]
            prepared.extend(
                {name: np.asarray(tokens[name][i], dtype=np.int32) for name in names} for i in range(len(texts))
            )
        return prepared

    def lengths(self, prepared: list[dict[str, np.ndarray]]) -> np.ndarray | None:
        """Count tokens, [N]."""
        return np.array([len(item["input_ids"]) for item in prepared])

    def example(self, item: dict[str, np.ndarray], seed: int | None) -> dict[str, np.ndarray]:
        """Pass the tokens on."""
        return item

    def collate(self, examples: list[dict[str, np.ndarray]]) -> dict[str, torch.Tensor]:
        """Pad to the longest text; `attention_mask` is 1 where there is a token."""
        import torch

        longest = max(len(example["input_ids"]) for example in examples)
        fill = {"input_ids": self._padding, "token_type_ids": 0}
        batch = {name: np.full((len(examples), longest), fill[name], dtype=np.int64) for name in examples[0]}
        batch["attention_mask"] = np.zeros((len(examples), longest), dtype=np.int64)
        for row, example in enumerate(examples):
            for name, ids in example.items():
                batch[name][row, : len(ids)] = ids
            batch["attention_mask"][row, : len(example["input_ids"])] = 1
        return {name: torch.from_numpy(array) for name, array in batch.items()}

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(
                self.expects.tokenizer, local_files_only=True, trust_remote_code=False
            )
        except (OSError, ValueError) as error:
            raise UsageError(f"There is no tokenizer in the folder '{self.expects.tokenizer}': {error}") from error
        tokenizer.add_tokens(list(self.expects.added))
        return tokenizer

    @cached_property
    def _padding(self) -> int:
        return (
            self._tokenizer.pad_token_id or 0
        )  # a tokenizer without a padding token: the mask hides what stands there
