"""Schemes in which tags of words write entities: IOB1, IOB2, IOBES and BILOU.

An entity is (first word, word behind its last one, class). In IOB2, or BIO, each begins with B- (Tjong Kim Sang &
Veenstra 1999, arXiv:cs/9907006); in IOB1 only one right behind another of its class does (Ramshaw & Marcus 1995,
arXiv:cmp-lg/9505040); in IOBES the last word has E- and a lone one S-; in BILOU these are L- and U- (Ratinov & Roth
2009, W09-1119).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from headstart.targets._doubts import written_list

OUT = "O"
TAG = re.compile(r"([BIESLU])(?:-(.+))?", re.DOTALL)
BARE = "entity"  # the class of tags without one, such as B
BEGINS, INSIDE, ENDS, ALONE = "BIES"
ENDINGS = {"IOBES": "ES", "BILOU": "LU"}  # of the last word of several, and of a lone one

Entity = tuple[int, int, str]


class BadTags(ValueError):
    """Tags cannot be used; says why, in words that follow the name of their row."""


def tags_of(cell: Any) -> list[str]:
    """Read the tags of a cell: a list, a list that is written as text, or text with white space between tags."""
    found = (written_list(cell) or cell.split()) if isinstance(cell, str) else cell
    if not isinstance(found, list | tuple | np.ndarray):
        raise BadTags(f"has {type(cell).__name__} for tags: give a list with a tag for each word")
    tags = [str(each) for each in found]
    for place, tag in enumerate(tags, 1):
        if not tag or any(map(str.isspace, tag)):
            raise BadTags(f"has '{tag}' for tag {place}: a tag is one word")
    return tags


def seems_scheme(tags: Iterable[str]) -> bool:
    """Return whether all of these tags write entities, some with a class."""
    every = {*tags}
    return all(tag == OUT or TAG.fullmatch(tag) for tag in every) and any("-" in tag for tag in every)


def scheme_of(rows: Sequence[Sequence[str]]) -> str:
    """Recognise the scheme of tags; "" where they write no entities, as parts of speech do.

    Args:
        rows: Tags of each row.

    Returns:
        "IOB1", "IOB2", "IOBES", "BILOU" or "". Of IOB1 and IOB2 the one is taken that fewer entities contradict.

    Raises:
        BadTags: Tags of two schemes are mixed.
    """
    every = {tag for tags in rows for tag in tags}
    written = [match for tag in every if tag != OUT and (match := TAG.fullmatch(tag))]
    bare = all(match[2] is None for match in written)
    others = len(written) < len(every - {OUT})
    if not written or (OUT not in every and bare) or (others and (OUT not in every or bare)):
        return ""
    letters = {match[1] for match in written}
    fitting = [name for name, ends in ENDINGS.items() if letters & {*ends}]
    if len(fitting) > 1:
        raise BadTags(f"have E- or S- of IOBES and L- or U- of BILOU: {', '.join(sorted(every))}")
    if fitting:
        return fitting[0]
    starts: Counter[str] = Counter()
    for tags in rows:
        before = ""
        for tag in tags:
            match = TAG.fullmatch(tag)
            name = "" if match is None else match[2] or BARE
            if match is not None and name != before:
                starts[match[1]] += 1
            before = name
    return "IOB1" if starts[INSIDE] > starts[BEGINS] else "IOB2"


def entities_in(tags: Sequence[str], scheme: str) -> list[Entity]:
    """Read the entities of a row. BadTags: a tag is none of the scheme, or not at its place."""
    found: list[Entity] = []
    begun: tuple[int, str] | None = None  # an entity that is open: its first word and its class
    closed = scheme in ENDINGS
    for place, tag in enumerate([*tags, OUT]):
        letter, name = _split(tag, place, scheme)
        follows = begun is not None and begun[1] == name
        goes_on = letter in (INSIDE, ENDS) and follows
        if begun is not None and not goes_on:
            if closed:
                raise BadTags(
                    f"has {tags[begun[0]]} for tag {begun[0] + 1}, and its entity has no last word ({scheme})"
                )
            found.append((begun[0], place, begun[1]))
        if letter == ENDS and begun is not None and goes_on:
            found.append((begun[0], place + 1, name))
            begun = None
        elif letter == ALONE:
            found.append((place, place + 1, name))
            begun = None
        elif letter == OUT:
            begun = None
        elif not goes_on:
            if letter != BEGINS and scheme != "IOB1":
                raise BadTags(f"has {tag} for tag {place + 1}, where no entity of its class has begun ({scheme})")
            if letter == BEGINS and scheme == "IOB1" and not follows:
                raise BadTags(f"has {tag} for tag {place + 1}, which follows no entity of its class: I- in IOB1")
            begun = place, name
    return found


def _split(tag: str, place: int, scheme: str) -> tuple[str, str]:
    """Split a tag into the letter that IOBES has for it, and its class."""
    if tag == OUT:
        return OUT, ""
    match, own = TAG.fullmatch(tag), ENDINGS.get(scheme, "")
    if match is None or match[1] not in BEGINS + INSIDE + own:
        raise BadTags(f"has '{tag}' for tag {place + 1}, which is none of {scheme}")
    letter = (ENDS, ALONE)[own.index(match[1])] if match[1] in own else match[1]
    return letter, match[2] or BARE


def written(entities: Iterable[Entity], count: int, scheme: str) -> list[str]:
    """Write entities, in their order, as the tags of so many words."""
    tags = [OUT] * count
    before: Entity = (-1, -1, "")
    for start, end, name in entities:
        letters = [INSIDE] * (end - start)
        if scheme != "IOB1" or before[1:] == (start, name):
            letters[0] = BEGINS
        if scheme in ENDINGS:
            last, alone = ENDINGS[scheme]
            letters[-1] = alone if end - start == 1 else last
        tags[start:end] = [f"{letter}-{name}" for letter in letters]
        before = (start, end, name)
    return tags


def as_places(entities: Iterable[Entity], count: int, classes: Sequence[str]) -> np.ndarray:
    """Write entities as places among the tags of IOB2, [count] uint8: O is 0, of class c B- is 2c + 1, I- 2c + 2."""
    found = np.zeros(count, dtype=np.uint8)
    for start, end, name in entities:
        place = classes.index(name)
        found[start:end] = 2 * place + 2
        found[start] = 2 * place + 1
    return found


def spans(places: np.ndarray) -> list[tuple[int, int, int]]:
    """Read entities from places among the tags of IOB2, as `as_places` writes them; those below 0 are O.

    Tags at a wrong place count as conlleval and seqeval have it: I- behind another class begins an entity.
    """
    found: list[tuple[int, int, int]] = []
    start, own = 0, -1
    for place, tag in enumerate([*places.tolist(), 0]):
        name, begins = ((tag - 1) // 2, tag % 2 == 1) if tag > 0 else (-1, False)
        if own >= 0 and (name != own or begins):
            found.append((start, place, own))
        if name >= 0 and (name != own or begins):
            start = place
        own = name
    return found
