"""Texts as prompts, behind which answers are laid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np

from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.inputs._prompts import answer_text, laid


class Prompted:
    """An input of texts that a network may go on with."""

    max_length: int
    positions: int | None
    answers: int
    _tokenizer: Any

    @property
    def lays(self) -> bool:
        """Whether answers are laid behind texts."""
        return self.answers > 0

    def with_answers(self, most: int | None, usual: int) -> Self:
        """Return the input of prompts, behind which answers are laid.

        Args:
            most: Tokens of an answer; None is as many as there is room for, up to `usual`.
            usual: The usual most.

        Returns:
            The input.

        Raises:
            UsageError: The texts may take all places of the network, or its tokenizer has no mark of the end.
        """
        left = usual if self.positions is None else self.positions - self.max_length
        if left < 1:
            mend = option("surgery", f"adapt_input max_length={max(1, self.max_length // 2)}")
            raise UsageError(
                f"Prompts may take all {self.max_length:,} places: no answer has room behind one ({mend})."
            )
        if self._tokenizer.eos_token_id is None:
            raise UsageError("This tokenizer has no token that ends an answer (eos_token): take another source.")
        made: Any = self  # a dataclass, as all inputs are
        return replace(made, answers=min(left, most or usual))

    def without_answers(self) -> Self:
        """Return the input of texts alone."""
        made: Any = self
        return replace(made, answers=0)

    @property
    def end(self) -> int:
        """The token that ends an answer."""
        return self._tokenizer.eos_token_id

    def tokens_of(self, answer: str) -> list[int]:
        """Spell an answer, without its end."""
        return self._tokenizer(answer, add_special_tokens=False, verbose=False)["input_ids"]

    def spelt(self, answer: str) -> list[int]:
        """Spell an answer, cut to what it may have, with its end."""
        return [*self.tokens_of(answer)[: self.answers - 1], self.end]

    def written(self, tokens: Sequence[int]) -> str:
        """Read the tokens of an answer, up to its end."""
        return answer_text(self._tokenizer, tokens)

    def behind(self, example: dict[str, np.ndarray], label: np.ndarray) -> dict[str, np.ndarray]:
        """Lay a label, bytes of UTF-8, behind the tokens of a text, and mark its own."""
        return laid(example, self.spelt(label.tobytes().decode()))
