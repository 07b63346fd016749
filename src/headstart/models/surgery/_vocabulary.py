"""Add words to a text network: rows of its embedding that start as the mean of their sub-words, or of all words.

A new word that starts near what its pieces meant learns faster than one at random (Hewitt 2021, "Initializing new
word embeddings for pretrained language models", for the mean of all).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import nn

from headstart.core.errors import UsageError, first_few
from headstart.inputs import require
from headstart.inputs._tokens import load_tokenizer
from headstart.inputs.text import Text
from headstart.models.dryrun import root
from headstart.models.operate import Body
from headstart.models.vocabulary import embedding_of


def add_words(body: Body, words: Sequence[str], start: str, least: int) -> int:
    """Add words to the tokenizer and rows to the embedding.

    Args:
        body: A backbone for text.
        words: The new ones; those that the tokenizer knows are left out.
        start: "subword" or "mean".
        least: The least number of rows.

    Returns:
        The number of rows of the embedding.

    Raises:
        UsageError: The network takes no text, names no embedding, or there is no tokenizer.
    """
    expected = require(body.backbone.card.input, Text, "adapt_input: tokens and rows are for text")
    net = cast(Any, root(body.backbone)[0])
    embedding = embedding_of(body.backbone)
    if embedding is None:
        raise UsageError(f"adapt_input: {body.backbone.card.name} does not say which layer embeds its words.")
    old = embedding.weight.detach()
    starts: dict[int, torch.Tensor] = {}
    rows = max(least, len(old))
    if not body.replaying:  # on load the rows are known, and their weights are in the file
        tokenizer = load_tokenizer(expected.tokenizer, expected.added)
        known = set(tokenizer.get_vocab())
        fresh = [word for word in dict.fromkeys(words) if word not in known]
        pieces = {word: tokenizer(word, add_special_tokens=False)["input_ids"] for word in fresh}
        tokenizer.add_tokens(fresh)
        for word in fresh:
            own = old[pieces[word]] if start == "subword" and pieces[word] else old
            starts[tokenizer.convert_tokens_to_ids(word)] = own.mean(dim=0)
        rows = max(rows, len(tokenizer))
        body.expect(replace(expected, added=(*expected.added, *fresh)))
        if ignored := [word for word in words if word in known]:
            body.warn(f"the tokenizer knows {first_few(ignored)} already")
        body.note(f"{len(fresh)} new words start as the mean of {'their sub-words' if start == 'subword' else 'all'}")
    new = nn.Embedding(rows, old.shape[1], padding_idx=embedding.padding_idx)
    with torch.no_grad():
        new.weight[: len(old)] = old
        new.weight[len(old) :] = old.mean(dim=0)
        for row, value in starts.items():
            new.weight[row] = value
    new.weight.requires_grad_(embedding.weight.requires_grad)
    net.set_input_embeddings(new)
    net.config.vocab_size = rows
    return rows
