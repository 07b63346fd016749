"""From texts to tokens and back, as a decoder needs them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch

from headstart.models.weights import AnyShape

FIRST, PADDING, END = 3, 0, 1  # bytes begin at the third token, as in ByT5 (Xue et al. 2022, arXiv:2105.13626)


class Spelling(AnyShape, ABC):
    """How a decoder spells texts: its tokens, those that go before each answer, and the one that ends it.

    Attributes:
        start: The token that a decoder begins with.
        end: The token that ends an answer.
        padding: The token that fills up.
    """

    start: int
    end: int
    padding: int

    @property
    def before(self) -> tuple[int, ...]:
        """What stands before each answer, behind the first token."""
        return ()

    @abstractmethod
    def tokens(self, text: str) -> list[int]:
        """Spell a text, without its end."""

    @abstractmethod
    def text(self, tokens: Sequence[int]) -> str:
        """Read tokens before the end."""

    def read(self, rows: torch.Tensor) -> list[str]:
        """Read what was written, [B, T], up to the end of each."""
        found = []
        for row in rows.tolist():
            ended = row.index(self.end) if self.end in row else len(row)
            found.append(self.text([token for token in row[:ended] if token != self.padding]).strip())
        return found


class Bytes(Spelling):
    """Bytes of UTF-8: every text of every script can be written, in many tokens."""

    start, end, padding, size = PADDING, END, PADDING, FIRST + 256

    def tokens(self, text: str) -> list[int]:
        """Shift the bytes behind the special tokens."""
        return [FIRST + byte for byte in text.encode()]

    def text(self, tokens: Sequence[int]) -> str:
        """Read the bytes; what is no whole character is left out."""
        return bytes(token - FIRST for token in tokens if token >= FIRST).decode("utf-8", errors="ignore")


class Words(Spelling):
    """Tokens of the source's own tokenizer, which is kept as the bytes of its JSON and saved with the head.

    Args:
        config: Of the decoder: which tokens begin, end and fill up.
        prompt: Special tokens, as text, before each answer; "" takes those that the tokenizer begins a text with.
    """

    written: torch.Tensor

    def __init__(self, config: Any, prompt: str) -> None:
        super().__init__()
        ends = config.eos_token_id
        self.end = ends[0] if isinstance(ends, list) else ends
        self.padding = self.end if config.pad_token_id is None else config.pad_token_id
        self.start = self.padding if config.decoder_start_token_id is None else config.decoder_start_token_id
        self.prompt = prompt
        self.register_buffer("written", torch.zeros(0, dtype=torch.uint8))

    def learn(self, tokenizer: str) -> None:
        """Take a tokenizer's JSON."""
        self.written = torch.from_numpy(np.frombuffer(tokenizer.encode(), dtype=np.uint8).copy())

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        made = Tokenizer.from_str(self.written.cpu().numpy().tobytes().decode())
        made.no_truncation()
        made.no_padding()
        return made

    def __getstate__(self) -> dict[str, Any]:
        """Leave the tokenizer out of copies: it is made again of its JSON."""
        return {name: value for name, value in self.__dict__.items() if name != "_tokenizer"}

    @cached_property
    def before(self) -> tuple[int, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The prompt, or what the tokenizer puts before an empty text."""
        if self.prompt:
            return tuple(self._tokenizer.encode(self.prompt, add_special_tokens=False).ids)
        blank = self._tokenizer.encode("").ids
        blank = blank[1:] if blank[:1] == [self.start] else blank
        return tuple(blank[:-1] if blank[-1:] == [self.end] else blank)

    def tokens(self, text: str) -> list[int]:
        """Spell a text by the tokenizer."""
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def text(self, tokens: Sequence[int]) -> str:
        """Read tokens; special ones are left out."""
        return self._tokenizer.decode(list(tokens), skip_special_tokens=True)
