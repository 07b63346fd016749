"""The demo's data: what dictionary definitions are of (WordNet 3.0, Fellbaum 1998, as timm ships it for ImageNet)."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from headstart.core.seeding import numpy_generator
from headstart.core.storage import write_text

TEST_A_CLASS = 60
KINDS = {  # WordNet numbers its nouns by kind: from this number on, up to that one
    "animal": (1_313_093, 2_665_000),
    "thing": (2_665_985, 4_616_000),
    "food": (7_555_863, 7_945_000),
    "person": (9_604_981, 10_806_000),
    "plant": (11_529_603, 13_135_000),
}
LEAST_WORDS = 4  # of a definition; "a shrub" says too little


def definitions() -> dict[str, list[str]]:
    """Return the definitions by kind, each once, in the order of their numbers."""
    table = resources.files("timm.data") / "_info" / "imagenet_synset_to_definition.txt"
    rows = [line.split("\t") for line in table.read_text(encoding="utf-8").splitlines()]
    return {
        kind: list(
            dict.fromkeys(
                text for synset, text in rows if low <= int(synset[1:]) < high and len(text.split()) >= LEAST_WORDS
            )
        )
        for kind, (low, high) in KINDS.items()
    }


def write_definitions(folder: Path, labels_a_class: Sequence[int], draws: int) -> None:
    """Write the tasks `K-a-class-DRAW/`, each with `train.csv` and `test.csv`.

    Every task has the same test rows; its training rows are K a class.

    Args:
        folder: Is made.
        labels_a_class: The numbers K.
        draws: How many draws for each K.
    """
    order = {
        kind: [texts[place] for place in numpy_generator("demo", kind).permutation(len(texts))]
        for kind, texts in definitions().items()
    }
    test = [(text, kind) for kind, texts in order.items() for text in texts[:TEST_A_CLASS]]
    for count in labels_a_class:
        for draw in range(draws):
            task = folder / f"{count}-a-class-{draw}"
            task.mkdir(parents=True)
            train = [
                (texts[TEST_A_CLASS + place], kind)
                for kind, texts in order.items()
                for place in numpy_generator("demo", kind, count, draw).permutation(len(texts) - TEST_A_CLASS)[:count]
            ]
            for name, rows in (("train", train), ("test", test)):
                write_text(task / f"{name}.csv", _table(rows))


def _table(rows: Sequence[tuple[str, str]]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("definition", "kind"))
    writer.writerows(rows)
    return out.getvalue()
