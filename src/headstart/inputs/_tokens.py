"""Load the tokenizer of a text network, and pad what it gives."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.core.errors import SourceError, UsageError, first_few
from headstart.inputs._terms import FILE, Terms

if TYPE_CHECKING:
    import torch

TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "merges.txt", "*.model")
ANSWERS = "answers"  # 1 where a token is of an answer that is laid behind a text
TYPES: dict[str, Any] = {  # of a text
    **dict.fromkeys(("input_ids", "token_type_ids", "term_ids", "word_places", "asked", ANSWERS), np.int32),
    **dict.fromkeys(("context_starts", "context_ends"), np.int32),
    **dict.fromkeys(("weights", "term_weights"), np.float32),
}
PROBE = "A word, 1 \u00e9 \u4e2d"  # which every whole tokenizer takes


def has_tokenizer(folder: Path) -> bool:
    """Return whether a folder has files of a tokenizer."""
    return any(next(folder.glob(pattern), None) for pattern in TOKENIZER_FILES)


def load_tokenizer(folder: str, added: Sequence[str]) -> Any:
    """Load a tokenizer of transformers, or the terms that stand in its place.

    Args:
        folder: Where it is.
        added: Words that it gets besides.

    Returns:
        The tokenizer.

    Raises:
        UsageError: There is no such folder.
        SourceError: There is none in the folder, or a part of it alone.
    """
    if (Path(folder) / FILE).is_file():
        return Terms.read(Path(folder) / FILE)
    if not Path(folder).is_dir():
        raise UsageError(f"There is no tokenizer: there is no folder '{folder}'.")
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        tokenizer(PROBE)
    except Exception as error:  # of a damaged file the tokenizers raise what they like
        raise _no_tokenizer(folder, f": {str(error).partition(chr(10))[0]}") from error
    if tokenizer.vocab_files_names and set(tokenizer.get_vocab()) <= set(tokenizer.all_special_tokens):
        raise _no_tokenizer(folder, ", and without them transformers would make one that knows no word")
    tokenizer.add_tokens(list(added))
    return tokenizer


def shared_tokenizer(folder: str, added: Sequence[str]) -> Any:
    """Load a tokenizer, as `load_tokenizer` does, once for all inputs that have it; it is to be called, not changed."""
    files = sorted(Path(folder).glob("*"))
    return _shared(folder, tuple(added), tuple((file.name, *_stamp(file)) for file in files))


@lru_cache(maxsize=8)
def _shared(folder: str, added: tuple[str, ...], files: tuple[tuple[Any, ...], ...]) -> Any:
    assert files is not None  # those of a folder that was written anew are loaded anew
    return load_tokenizer(folder, added)


def _stamp(file: Path) -> tuple[int, ...]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns, found.st_ino


def _no_tokenizer(folder: str, why: str) -> SourceError:
    there = [name for pattern in TOKENIZER_FILES for name in sorted(p.name for p in Path(folder).glob(pattern))]
    return SourceError(
        f"There is no whole tokenizer in the folder '{folder}' (of its files: {first_few(there) or 'none'}){why}. "
        "Put those of the same model there: tokenizer.json, or vocab.txt, or vocab.json with merges.txt, or *.model."
    )


def padded(examples: list[dict[str, np.ndarray]], padding: int) -> dict[str, torch.Tensor]:
    """Pad the tokens of texts to the longest; `attention_mask` is 1 where there is a token.

    Args:
        examples: Tokens by name, of each text; at least one place is made, so that a text of none has a row too.
        padding: The token; without one of its own the mask hides what stands there.

    Returns:
        Each [B, T].
    """
    import torch

    batch = {}
    for name in examples[0]:
        longest = max(1, *(len(example[name]) for example in examples))
        kind = np.int64 if TYPES[name] is np.int32 else TYPES[name]
        batch[name] = np.full((len(examples), longest), padding if name == "input_ids" else 0, dtype=kind)
    batch["attention_mask"] = np.zeros_like(batch["input_ids"])
    for row, example in enumerate(examples):
        for name, ids in example.items():
            batch[name][row, : len(ids)] = ids
        batch["attention_mask"][row, : len(example["input_ids"])] = 1
    return {name: torch.from_numpy(array) for name, array in batch.items()}
