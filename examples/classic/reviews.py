"""Reviews that are good (1) or bad (0): sentences put together from words, or those of SST-2 below HEADSTART_SHARED."""

import os
import random

import pandas as pd

GOOD = ["good", "great", "superb", "funny", "moving", "clever", "charming", "brilliant", "gripping", "fresh"]
BAD = ["bad", "dull", "awful", "boring", "weak", "silly", "tedious", "stale", "clumsy", "flat"]
THINGS = ["film", "story", "cast", "ending", "music", "plot", "acting", "script", "first half", "dialogue"]
SIZES = {"train": 320, "validation": 100, "test": 200}


def reviews() -> dict[str, tuple[list[str], list[int]]]:
    """Return texts and labels by split; words alone do not tell the label, as half of the sentences negate."""
    if shared := os.environ.get("HEADSTART_SHARED"):
        files = {"train": "train", "validation": "dev", "test": "test"}
        tables = {split: pd.read_csv(f"{shared}/data/text/sst2/{name}.csv") for split, name in files.items()}
        drawn = {split: table.sample(SIZES[split], random_state=0) for split, table in tables.items()}
        return {split: (list(table["text"]), list(table["label"])) for split, table in drawn.items()}
    draw = random.Random(0)
    made = {split: [sentence(draw) for _ in range(size)] for split, size in SIZES.items()}
    return {split: ([text for text, _ in rows], [label for _, label in rows]) for split, rows in made.items()}


def sentence(draw: random.Random) -> tuple[str, int]:
    """Make a sentence: what was said of one thing, and what another one was."""
    good, negated = draw.random() < 0.5, draw.random() < 0.5
    words, others = (GOOD, BAD) if good != negated else (BAD, GOOD)
    said, thing = draw.sample(THINGS, 2)
    how = draw.choice(["not ", "never ", "hardly "] if negated else ["really ", "very ", "quite ", ""])
    text = f"They said the {said} would be {draw.choice(others)}, but the {thing} was {how}{draw.choice(words)}."
    return text, int(good)
