"""The marks of a tokenizer: which tokens are words, and which one hides a word."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from headstart.inputs._terms import Terms


class Marked:
    """An input whose tokens are words and marks."""

    _tokenizer: Any

    def words(self, tokens: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the places of the tokens of a text that are no marks of the tokenizer."""
        return np.flatnonzero(~np.isin(tokens["input_ids"], self._marks))

    @property
    def hidden(self) -> int | None:
        """The token that hides a word; None where the tokenizer has none."""
        return None if isinstance(self._tokenizer, Terms) else self._tokenizer.mask_token_id

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""
        return len(self._tokenizer)

    @cached_property
    def _marks(self) -> list[int]:
        known = self._tokenizer
        return [] if isinstance(known, Terms) else [*{*known.all_special_ids} - {known.unk_token_id}]
