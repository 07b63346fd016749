"""Texts and pairs of texts, to padded token tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from headstart.core.cells import missing
from headstart.core.columns import Column, blank_cells, cells_of
from headstart.core.errors import DataError, Problem, UsageError
from headstart.core.input import Input
from headstart.core.kept import Kept
from headstart.inputs import WORDS
from headstart.inputs._kinds import LONG, TAKEN, is_dates, kind, mean_bytes

if TYPE_CHECKING:
    import pandas as pd
    import torch

NAMES = ("text", "texts", "sentence", "content", "review", "title", "question", "document")
PAIR_NAMES = (
    ("sentence1", "sentence2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("text_a", "text_b"),
    ("text1", "text2"),
)
FOLDER = "tokenizer"  # in a saved model
KEPT_BYTES = 256 << 20  # of texts' tokens
MOST_SIGNS = 400  # of a text in a preview
FEATURES = 3  # columns of numbers, dates or categories from which on a table is one of them


@dataclass(frozen=True)
class Text(Input):
    """What a backbone expects of a text: the folder of its tokenizer, the most tokens, words added to the tokenizer."""

    order: ClassVar[int] = 20
    plural: ClassVar[str] = "texts"
    shared: ClassVar[str] = "text"
    label_like: ClassVar[bool] = True
    ragged: ClassVar[bool] = True
    hub: ClassVar[tuple[str, ...]] = ("text-classification",)
    files: ClassVar[tuple[str, ...]] = ("tokenizer",)

    tokenizer: str
    max_length: int
    added: tuple[str, ...] = ()

    @classmethod
    def holds(cls, cells: Sequence[Any]) -> bool:
        """Return whether the first cell is text."""
        return isinstance(cells[0], str)

    @classmethod
    def columns(cls, frame: pd.DataFrame, own: Sequence[str], numbers: Sequence[str]) -> tuple[str, ...]:
        """Choose a usual pair of names, else a usual name, else one or two columns of free text.

        Beside three columns or more of numbers, dates or categories only long text counts: names of people or things
        do not make a table one of texts.

        Args:
            frame: The columns beside the labels.
            own: The columns that hold text.
            numbers: Are found again, with those that hold blank cells.

        Returns:
            One column or two.

        Raises:
            UsageError: More than two columns hold free text.
        """
        if len(frame.columns) > 1:
            own = [name for name in own if not is_dates(frame[name])]
        if len(frame.columns) >= FEATURES and own:
            others = [name for name in map(str, frame.columns) if kind(name, frame[name]) in TAKEN]
            if len(set(others)) >= FEATURES:
                own = [name for name in own if _is_long(frame[name])]
        usual = {name.strip().lower(): name for name in own}
        for first, second in PAIR_NAMES:
            if first in usual and second in usual:
                return usual[first], usual[second]
        for name in NAMES:
            if name in usual:
                return (usual[name],)
        free = [name for name in own if _is_free_text(frame[name])]
        if len(free) > 2:
            raise UsageError(
                f"{len(free)} columns hold text: {', '.join(free)}. Name one, or two as a pair, with inputs."
            )
        return tuple(free or (own if len(frame.columns) == 1 else []))

    @classmethod
    def read(cls, frame: pd.DataFrame, columns: Sequence[str]) -> list[Any]:
        """Take the cells as text.

        Args:
            frame: Cells by column, each row under its name.
            columns: One, or two for pairs.

        Returns:
            Texts, or pairs of texts.

        Raises:
            UsageError: There are more than two columns.
            DataError: Cells are missing or no text; all are listed.
        """
        if len(columns) not in {1, 2}:
            raise UsageError(
                f"A text task has one input column or two, a pair; {len(columns)} are named: {', '.join(columns)}."
            )
        problems = []
        texts: list[list[str]] = []
        for column in columns:
            texts.append([])
            for row, cell in zip(frame.index, cells_of(frame[column]), strict=True):
                if missing(cell) or not isinstance(cell, str | int | float | Path):
                    what = "has no text" if missing(cell) else f"holds {type(cell).__name__}, not text"
                    problems.append(Problem(f"{row}, column '{column}'", what, "give the text, or delete the row"))
                texts[-1].append(str(cell))
        if problems:
            raise DataError("Inputs that are not text:", problems)
        return texts[0] if len(columns) == 1 else list(zip(*texts, strict=True))

    @classmethod
    def loose(cls, items: Any, columns: Sequence[str]) -> dict[str, list[Any]]:
        """Take texts, or pairs where there are two columns.

        Args:
            items: The examples.
            columns: The input's.

        Returns:
            Texts by column.

        Raises:
            DataError: Some are no pairs; all are listed.
        """
        cells = list(items)
        if len(columns) == 1:
            return {columns[0]: cells}
        lone = [Problem(f"[{place}]", "is not a pair of texts") for place, c in enumerate(cells) if not _is_pair(c)]
        if lone:
            raise DataError("The model predicts from pairs of texts:", lone)
        return {name: [cell[place] for cell in cells] for place, name in enumerate(columns)}

    @classmethod
    def preview(cls, item: Any, columns: Sequence[str]) -> dict[str, Any]:
        """Show the beginning of the text, or of both."""
        texts = [item] if isinstance(item, str) else list(item)
        return {WORDS: " ⏎ ".join(_beginning(text) for text in texts)}

    def prepare(self, inputs: Sequence[Any]) -> list[dict[str, np.ndarray]]:
        """Tokenise, cut to the most tokens that the network takes; tokens of a text that comes again are kept."""
        found: dict[Any, dict[str, np.ndarray] | None] = {text: self._kept.get(text) for text in inputs}
        new = [text for text, tokens in found.items() if tokens is None]
        for start in range(0, len(new), 1000):
            part = new[start : start + 1000]
            for text, tokens in zip(part, self._tokenise(part), strict=True):
                found[text] = tokens
                self._kept.put(text, tokens, 500 + 2 * len(str(text)) + sum(ids.nbytes for ids in tokens.values()))
        return [found[text] for text in inputs]  # pyright: ignore[reportReturnType]  # none is left open

    def lengths(self, prepared: list[dict[str, np.ndarray]]) -> np.ndarray:
        """Count tokens, [N]."""
        return np.array([len(item["input_ids"]) for item in prepared])

    def collate(self, examples: list[dict[str, np.ndarray]]) -> dict[str, torch.Tensor]:
        """Pad to the longest text; `attention_mask` is 1 where there is a token."""
        import torch

        longest = max(len(example["input_ids"]) for example in examples)
        padding = self._tokenizer.pad_token_id or 0  # without a padding token the mask hides what stands there
        fill = {"input_ids": padding, "token_type_ids": 0}
        batch = {name: np.full((len(examples), longest), fill[name], dtype=np.int64) for name in examples[0]}
        batch["attention_mask"] = np.zeros((len(examples), longest), dtype=np.int64)
        for row, example in enumerate(examples):
            for name, ids in example.items():
                batch[name][row, : len(ids)] = ids
            batch["attention_mask"][row, : len(example["input_ids"])] = 1
        return {name: torch.from_numpy(array) for name, array in batch.items()}

    def blank(self, rows: int) -> dict[str, torch.Tensor]:  # each [B, T]
        """Make texts of a few first words of the vocabulary."""
        import torch

        ones = torch.ones(rows, min(8, self.max_length), dtype=torch.int64)
        return {"input_ids": ones * 0, "attention_mask": ones}

    def pack(self, folder: Path) -> Self:
        """Write the tokenizer with its added words into the folder."""
        load_tokenizer(self.tokenizer, self.added).save_pretrained(folder / FOLDER)
        return replace(self, tokenizer=FOLDER, added=())

    def _tokenise(self, texts: Sequence[Any]) -> list[dict[str, np.ndarray]]:
        first, second = zip(*texts, strict=True) if isinstance(texts[0], tuple) else (texts, None)
        tokens = self._tokenizer(
            list(first),
            second and list(second),
            truncation=True,
            max_length=self.max_length,
            return_attention_mask=False,
        )
        names = [name for name in ("input_ids", "token_type_ids") if name in tokens]
        return [{name: np.asarray(tokens[name][i], dtype=np.int32) for name in names} for i in range(len(texts))]

    @cached_property
    def _kept(self) -> Kept:
        return Kept(KEPT_BYTES)

    @cached_property
    def _tokenizer(self) -> Any:
        return load_tokenizer(self.tokenizer, self.added)


def load_tokenizer(folder: str, added: Sequence[str]) -> Any:
    """Load a tokenizer of transformers.

    Args:
        folder: Where it is.
        added: Words that it gets besides.

    Returns:
        The tokenizer.

    Raises:
        UsageError: There is none in the folder.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise UsageError(f"There is no tokenizer in the folder '{folder}': {error}") from error
    tokenizer.add_tokens(list(added))
    return tokenizer


def _is_free_text(column: Column) -> bool:
    """Distinguish sentences from categories (few different values) and from codes (no spaces, plain letters)."""
    texts = [str(cell) for cell, blank in zip(cells_of(column), blank_cells(column), strict=True) if not blank]
    worded = sum(not text.isascii() or " " in text.strip() for text in texts)
    return len(set(texts)) > max(1, 0.2 * len(texts)) and worded > 0.1 * len(texts)


def _is_long(column: Column) -> bool:
    """Distinguish texts from names."""
    return mean_bytes([str(cell) for cell in cells_of(column) if not missing(cell)]) >= LONG


def _is_pair(cell: Any) -> bool:
    return isinstance(cell, list | tuple) and len(cell) == 2 and all(isinstance(text, str) for text in cell)


def _beginning(text: str) -> str:
    return text if len(text) <= MOST_SIGNS else text[: MOST_SIGNS - 1] + "…"
