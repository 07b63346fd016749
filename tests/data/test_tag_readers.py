"""Tags of words in files and tables: read alike, and what cannot be used is listed by file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from headstart.core.choice import Choice
from headstart.core.errors import DataError, UsageError
from headstart.core.recipe import DataPlan, TargetPlan
from headstart.data.read import read

SENTENCES = [
    (["Anna", "saw", "New", "York", "."], ["B-PER", "O", "B-LOC", "I-LOC", "O"]),
    (["Rome", "saw", "Anna"], ["B-LOC", "O", "B-PER"]),
    (["It", "is", "so"], ["O", "O", "O"]),
] * 4


def conll(sentences: Any = SENTENCES, between: str = " ", middle: str = " NN") -> str:
    return "\n\n".join(
        "\n".join(f"{word}{middle.replace(' ', between)}{between}{tag}" for word, tag in zip(*each, strict=True))
        for each in sentences
    )


def labels(data: Any, split: str = "train", **plan: Any) -> list[tuple[str, list[str]]]:
    """Read texts with their tags."""
    found = read(data, DataPlan(**plan))
    target: Any = found.task.target
    rows = found.splits[split]
    return sorted((rows.inputs[n], [target.tags[place] for place in label]) for n, label in enumerate(rows.y))


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")
    return folder


def test_official_names_documents_and_blank_lines(tmp_path: Path) -> None:
    text = f"-DOCSTART- -X- O\n\n{conll()}\n\n\n-DOCSTART- -X- O\n{conll(SENTENCES[:1])}\n"
    data = write(tmp_path / "data", eng_train=text, eng_testa=conll(), eng_testb=conll(between="\t"))
    found = read(data, DataPlan())
    assert {name: len(rows) for name, rows in found.splits.items()} == {"train": 13, "validation": 12, "test": 12}
    assert (found.task.kind, found.task.classes, found.task.inputs) == ("tags", ("LOC", "PER"), ("words",))
    assert found.splits["train"].ids[0] == "eng.train:3" and found.splits["train"].inputs[0] == "Anna saw New York ."
    assert any("2 lines -DOCSTART- are passed over" in note for note in found.notes)
    assert any("entities written in IOB2" in note for note in found.notes)
    assert found.task.target.counts(found.splits["test"].y) == {"LOC": 8, "PER": 8}
    assert labels(data, "test") == labels(data, "validation")


def test_columns_may_be_chosen(tmp_path: Path) -> None:
    rows = [[(str(n), word, tag, "x") for n, (word, tag) in enumerate(zip(*each, strict=True))] for each in SENTENCES]
    text = "\n\n".join("\n".join("\t".join(row) for row in each) for each in rows)
    data = write(tmp_path / "data", train_conll=text, test_conll=text)
    chosen = labels(data, "test", reader=Choice("conll", {"word": 2, "tag": 3}))
    assert chosen == sorted((" ".join(words), tags) for words, tags in SENTENCES)


def forms(folder: Path) -> dict[str, Any]:
    """The same rows as a file, tables and in memory."""
    rows = [{"tokens": words, "ner_tags": tags} for words, tags in SENTENCES]
    lines = "\n".join(json.dumps({"id": str(n), **row}) for n, row in enumerate(rows))
    write(folder, a_conll=conll(), b_jsonl=lines)
    written = [{"text": " ".join(words), "label": " ".join(tags)} for words, tags in SENTENCES]
    pd.DataFrame(written).to_csv(folder / "c.csv", index=False)
    memory = ([words for words, _ in SENTENCES], [tags for _, tags in SENTENCES])
    return {
        "conll": folder / "a.conll",
        "jsonl": folder / "b.jsonl",
        "csv": folder / "c.csv",
        "memory": memory,
        "rows": rows,
    }


def test_every_form_gives_the_same_rows(tmp_path: Path) -> None:
    found = {name: labels(data, test=0.25) for name, data in forms(tmp_path / "data").items()}
    texts = {name: {text for text, _ in rows} for name, rows in found.items()}
    for name, rows in found.items():
        assert texts[name] <= {" ".join(words) for words, _ in SENTENCES}, name
        known = {" ".join(words): tags for words, tags in SENTENCES}
        assert all(tags == known[text] for text, tags in rows), name


def test_a_data_set_of_the_library_datasets_with_numbers_for_tags(tmp_path: Path) -> None:
    datasets: Any = pytest.importorskip("datasets", reason="needs datasets, whose features are read")
    names = ["O", "B-PER", "B-LOC", "I-LOC"]
    tags = datasets.Sequence(datasets.ClassLabel(names=names))
    features = datasets.Features({"tokens": datasets.Sequence(datasets.Value("string")), "ner_tags": tags})
    columns = {"tokens": [w for w, _ in SENTENCES], "ner_tags": [[names.index(t) for t in own] for _, own in SENTENCES]}
    made = datasets.Dataset.from_dict(columns, features=features)
    found = labels(datasets.DatasetDict({"train": made, "test": made}), "test")
    assert found == sorted((" ".join(words), tags) for words, tags in SENTENCES)


@pytest.mark.parametrize("scheme", ["IOB1", "IOBES", "BILOU"])
def test_other_schemes_are_the_same_labels(tmp_path: Path, scheme: str) -> None:
    from headstart.targets._schemes import entities_in, written

    other = [(words, written(entities_in(tags, "IOB2"), len(tags), scheme)) for words, tags in SENTENCES]
    data = write(tmp_path / "data", train_conll=conll(other), test_conll=conll(other))
    found = read(data, DataPlan())
    assert any(f"entities written in {scheme}" in note for note in found.notes)
    plain = write(tmp_path / "plain", train_conll=conll(), test_conll=conll())
    assert labels(data, "test") == labels(plain, "test")
    target: Any = found.task.target
    first = found.splits["test"].y[0]
    outputs = target.as_outputs([first]) * 0
    outputs[0, :, 0] = first + 1
    assert target.predictions(outputs)[0] == other[0][1], "tags are written as they were read"


def test_parts_of_speech_are_tags_too(tmp_path: Path) -> None:
    rows = [(["It", "is", "so", "it", "is"], ["PRON", "VERB", "ADV", "PRON", "VERB"])] * 12
    data = write(tmp_path / "data", train_conll=conll(rows), test_conll=conll(rows))
    found = read(data, DataPlan())
    target: Any = found.task.target
    assert (target.tags, target.scheme, target.primary) == (("ADV", "PRON", "VERB"), "", "token_accuracy")
    counts, _ = target.check(found.splits["test"].y, target.as_outputs(found.splits["test"].y))
    assert counts[:, -1].tolist() == [[5, 5, 2]] * 12 and not counts[:, :-1].any()


BAD = {
    "a line without its tag": ("Anna NN B-PER\nsaw", "train.conll:1: line 2 of its sentence: fewer than 2 columns"),
    "an I- that follows nothing": ("Anna NN O\nsaw NN I-PER", "I-PER for tag 2, where no entity"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_lines_are_listed_by_line_and_may_be_left_out(tmp_path: Path, name: str) -> None:
    wrong, said = BAD[name]
    data = write(tmp_path / "data", train_conll=f"{wrong}\n\n{conll()}", test_conll=conll())
    with pytest.raises(DataError) as caught:
        read(data, DataPlan())
    assert said in str(caught.value) and "train.conll:1" in str(caught.value)
    left = read(data, DataPlan(skip_bad=True))
    assert len(left.splits["train"]) + len(left.splits.get("validation", [])) == 12 and len(left.left_out) == 1


def test_classes_that_training_has_not_are_listed(tmp_path: Path) -> None:
    data = write(tmp_path / "data", train_conll=conll(), test_conll=f"{conll()}\n\nIBM NN B-ORG\nsold NN O")
    with pytest.raises(DataError, match=r"test.conll:57: has ORG, which no training row has"):
        read(data, DataPlan())
    assert len(read(data, DataPlan(skip_bad=True)).splits["test"]) == 12


def test_other_lengths_and_empty_sentences_are_listed(tmp_path: Path) -> None:
    rows = [{"tokens": words, "tags": tags} for words, tags in SENTENCES]
    rows[1] = {"tokens": ["Rome", "saw"], "tags": rows[1]["tags"]}
    rows[4] = {"tokens": [], "tags": []}
    data = write(tmp_path / "data", a_jsonl="\n".join(map(json.dumps, rows)))
    with pytest.raises(DataError) as caught:
        read(data, DataPlan(test=0.25))
    told = str(caught.value)
    assert "a.jsonl:5" in told and "has no word" in told
    rows[4] = {"tokens": SENTENCES[4][0], "tags": SENTENCES[4][1]}
    write(tmp_path / "data", a_jsonl="\n".join(map(json.dumps, rows)))
    with pytest.raises(DataError, match=r"a.jsonl:2: has 2 words and 3 tags"):
        read(data, DataPlan(test=0.25))
    left = read(data, DataPlan(test=0.25, skip_bad=True))
    assert sum(map(len, left.splits.values())) == 11


def test_what_is_no_text_and_what_has_one_tag_is_refused(tmp_path: Path) -> None:
    pairs = pd.DataFrame({"sentence1": ["a b"] * 12, "sentence2": ["c d"] * 12, "label": ["B-X O"] * 12})
    pairs.to_csv(tmp_path / "pairs.csv", index=False)
    with pytest.raises(UsageError, match="words of single texts"):
        read(tmp_path / "pairs.csv", DataPlan())
    data = write(tmp_path / "data", train_conll=conll([(["a", "b"], ["O", "O"])] * 12))
    with pytest.raises(DataError, match="one tag only"):
        read(data, DataPlan(test=0.25))
    with pytest.raises(UsageError, match="call them train"):
        read(write(tmp_path / "more", a_conll=conll(), b_conll=conll()), DataPlan())
    with pytest.raises(UsageError, match="counts columns from 1"):
        read(data, DataPlan(reader=Choice("conll", {"word": 0})))


def test_lists_of_labels_of_a_row_are_not_tags() -> None:
    rows = [{"text": f"words {n}", "label": ["a", "b"] if n % 2 else ["b"]} for n in range(20)]
    assert read(rows, DataPlan(test=0.25)).task.kind == "multilabel"
    named = TargetPlan(task="tags")
    with pytest.raises(DataError, match="words and"):
        read([{**row, "label": [*row["label"], "c"]} for row in rows], DataPlan(test=0.25, task=named.task))
