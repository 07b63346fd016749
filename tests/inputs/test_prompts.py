"""Prompts as tokens: by the tokenizer's own chat template, or plainly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from encoder_decoders import PAIRS, save_tokenizer
from headstart.core.errors import UsageError
from headstart.inputs._prompts import prompts, turns_of
from headstart.inputs.text import Text

TEMPLATE = (
    "{% for turn in messages %}{{ '<s>' + turn['role'] + ': ' + turn['content'] + '</s>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<s>assistant: ' }}{% endif %}"
)
CHAT = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "1"}, {"role": "user", "content": "two"}]


def made(folder: Path, template: str = "") -> Any:
    save_tokenizer(folder, [text for pair in PAIRS for text in pair])
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if template:
        tokenizer.chat_template = template
        tokenizer.save_pretrained(folder)
    return tokenizer


def test_the_template_of_the_tokenizer_writes_prompts_and_is_kept(tmp_path: Path) -> None:
    tokenizer = made(tmp_path / "own", TEMPLATE)
    lone, chat = prompts(tokenizer, ["forty one", json.dumps(CHAT)])
    assert tokenizer.decode(lone) == "<s>user: forty one</s><s>assistant: "
    assert tokenizer.decode(chat) == "<s>user: one</s><s>assistant: 1</s><s>user: two</s><s>assistant: "
    expects = Text(str(tmp_path / "own"), 40, positions=64).with_answers(None, 512)
    kept = expects.pack(tmp_path / "kept")
    again = Text(str(tmp_path / "kept" / kept.tokenizer), 40, answers=expects.answers)
    for text in ("forty one", json.dumps(CHAT)):
        assert again.prepare([text])[0]["input_ids"].tolist() == expects.prepare([text])[0]["input_ids"].tolist()


def test_without_a_template_a_line_break_ends_a_prompt_and_no_end_is_written(tmp_path: Path) -> None:
    tokenizer = made(tmp_path)
    lone, chat = prompts(tokenizer, ["forty one", json.dumps(CHAT)])
    assert tokenizer.decode(lone) == "forty one\n"
    assert tokenizer.decode(chat) == "user: one\n\nassistant: 1\n\nuser: two\n\nassistant: "


def test_a_template_that_refuses_turns_is_told(tmp_path: Path) -> None:
    tokenizer = made(tmp_path, "{{ raise_exception('roles must alternate') }}")
    with pytest.raises(UsageError, match="chat template of this tokenizer refuses a prompt: roles must alternate"):
        prompts(tokenizer, ["one"])


def test_texts_that_only_look_like_turns_are_texts() -> None:
    assert turns_of(json.dumps(CHAT)) == CHAT
    for text in ("one", "[{", '[{"role": "user"}]', '[{"content": 1}]'):
        assert turns_of(text) is None
