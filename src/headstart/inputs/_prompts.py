"""Prompts and answers as the tokens of a network that goes on with a text (a causal language model).

A prompt is a text, or the turns of a chat as JSON (`[{"role": "user", "content": "…"}]`), in which a lone text is the
user's only turn. Turns are written by the tokenizer's own chat template, which transformers runs in a sandbox. Without
one a line break ends a text, and turns are paragraphs that begin with their role.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from headstart.core.errors import UsageError
from headstart.inputs._tokens import ANSWERS, TYPES

Turns = list[dict[str, str]]


def prompts(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """Spell prompts up to where their answers begin.

    Args:
        tokenizer: transformers'.
        texts: The prompts.

    Returns:
        The tokens of each.

    Raises:
        UsageError: The chat template refuses the turns of one.
    """
    if not tokenizer.chat_template:
        spelt = tokenizer([_plainly(text) for text in texts], verbose=False)["input_ids"]
        return [ids[:-1] if ids[-1:] == [tokenizer.eos_token_id] else ids for ids in spelt]
    from jinja2 import TemplateError

    try:
        written = [
            tokenizer.apply_chat_template(turns_of(text) or _alone(text), add_generation_prompt=True, tokenize=False)
            for text in texts
        ]
    except TemplateError as error:
        raise UsageError(f"The chat template of this tokenizer refuses a prompt: {error}") from error
    return tokenizer(written, add_special_tokens=False, verbose=False)["input_ids"]


def turns_of(text: str) -> Turns | None:
    """Read the turns of a chat; None where a text is of another kind."""
    if not text.startswith("[{"):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    known = all(isinstance(turn, dict) and {"role", "content"} <= turn.keys() for turn in found)
    return found if known else None


def answer_text(tokenizer: Any, tokens: Sequence[int]) -> str:
    """Read the tokens of an answer, up to its end."""
    end = tokenizer.eos_token_id
    own = [*tokens]
    return tokenizer.decode(own[: own.index(end)] if end in own else own, skip_special_tokens=True).strip()


def laid(example: Mapping[str, np.ndarray], answer: Sequence[int]) -> dict[str, np.ndarray]:
    """Lay the tokens of an answer behind those of a prompt, and mark which are which."""
    prompt = example["input_ids"]
    marks = np.repeat([0, 1], [len(prompt), len(answer)])
    ids = np.concatenate([prompt, np.asarray(answer, prompt.dtype)])
    return {"input_ids": ids, ANSWERS: marks.astype(TYPES[ANSWERS])}


def _alone(text: str) -> Turns:
    return [{"role": "user", "content": text}]


def _plainly(text: str) -> str:
    """Write a prompt for a network without a chat template."""
    turns = turns_of(text)
    if turns is None:
        return f"{text}\n"
    return "".join(f"{turn['role']}: {turn['content']}\n\n" for turn in turns) + "assistant: "
