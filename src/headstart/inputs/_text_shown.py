"""What is shown of a text: its beginning, its tokens as they are spelt, its way into the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from headstart.core.errors import first_few
from headstart.core.told import told
from headstart.inputs import CUT, WORDS
from headstart.inputs._terms import Terms

MOST_SIGNS = 400  # of a text in a preview
BETWEEN = " ⏎ "  # the texts of a pair

Example = Mapping[str, np.ndarray]  # the tokens of a text by name


def previewed(item: Any) -> dict[str, Any]:
    """Show the beginning of a text, or of both of a pair."""
    texts = [item] if isinstance(item, str) else list(item)
    return {WORDS: BETWEEN.join(map(_beginning, texts))}


def kept_and_cut(examples: Sequence[Example], cut: Sequence[int], tokenizer: Any) -> dict[str, Any]:
    """Show the tokens that are kept of a text, or of both of a pair, and those that are cut."""
    kept = BETWEEN.join(_spelt(each, tokenizer) for each in examples)
    rest = " ".join(tokenizer.convert_ids_to_tokens(cut)) if cut else ""
    return {WORDS: _beginning(kept), **({CUT: f"{len(cut):,} tokens, {_beginning(rest)}"} if cut else {})}


def way(
    item: Any, prefix: str, examples: Sequence[Example], tokenizer: Any, length: int, whole: int | None
) -> list[tuple[str, str]]:
    """Tell what happens to a text, or a pair, until it is tokens.

    Args:
        item: The text or the pair.
        prefix: What comes before it.
        examples: Its tokens; of a pair that is separate those of both.
        tokenizer: Made them.
        length: How many are kept.
        whole: How many there were; None where terms take their place.

    Returns:
        Steps in words.
    """
    steps = [("text", told(item))]
    if prefix:
        steps.append(("prefix before it", repr(prefix)))
    if whole is not None:
        kept = "all are kept" if whole <= length else f"the first {length:,} are kept (max_length)"
        steps.append(("tokens", f"{whole:,}; {kept}"))
    words = BETWEEN.join(_spelt(each, tokenizer) for each in examples)
    return [*steps, ("tokens as spelt", _beginning(words))]


def _spelt(example: Example, known: Any) -> str:
    """Write tokens as the tokenizer spells them; terms with their weights, the strongest first."""
    ids = example["input_ids"]
    if not isinstance(known, Terms):
        return " ".join(known.convert_ids_to_tokens(ids.tolist())) or "no token"
    order = np.argsort(-example["weights"], kind="stable")
    return first_few(f"{known.terms[ids[i]]} {example['weights'][i]:.2f}" for i in order) or "no known term"


def _beginning(text: str) -> str:
    return text if len(text) <= MOST_SIGNS else text[: MOST_SIGNS - 1] + "…"
