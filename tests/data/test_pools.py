"""Rows without labels: from a folder, a split, blank labels, a path of their own; and pools of several targets."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from headstart.core.errors import DataError, UsageError
from headstart.core.recipe import DataPlan, Recipe, TargetPlan
from headstart.data.read import read
from headstart.data.unlabelled import read_unlabelled
from headstart.runs.plan import make_plan


def table(folder: Path, labels: list[str], name: str = "rows.csv", column: str = "label") -> str:
    path = folder / name
    lines = [f"{i / 7:.3f},{i % 5}.5,{label}" for i, label in enumerate(labels)]
    path.write_text("\n".join([f"a,b,{column}", *lines]) + "\n")
    return str(path)


def photos(folder: Path, count: int, start: int = 0) -> None:
    folder.mkdir(parents=True)
    for i in range(start, start + count):
        pixels = np.random.default_rng(i).integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")


def test_rows_without_a_label_are_refused_unless_the_user_says_so(tmp_path: Path) -> None:
    path = table(tmp_path, ["x", "y", ""] * 10)
    with pytest.raises(DataError, match="10 labels are missing") as caught:
        read(path, DataPlan())
    assert len(caught.value.problems) == 10
    data = read(path, DataPlan(blank_labels="unlabelled"))
    assert len(data.pools["unlabelled"]) == 10 and not data.pools["unlabelled"].labels
    assert sum(len(rows) for rows in data.splits.values()) == 20
    assert {int(row.partition(":")[2]) % 3 for row in data.pools["unlabelled"].ids} == {1}  # lines 4, 7, 10 …
    assert "rows without labels: 10, the pool 'unlabelled'" in data.notes
    assert data.fingerprint != read(table(tmp_path, ["x", "y"] * 10), DataPlan()).fingerprint


def test_a_blank_label_in_the_test_rows_stays_an_error(tmp_path: Path) -> None:
    table(tmp_path, ["x", "y", ""] * 6, "train.csv")
    table(tmp_path, ["x", ""], "test.csv")
    with pytest.raises(DataError, match="1 label is missing"):
        read(str(tmp_path), DataPlan(blank_labels="unlabelled"))


def test_a_folder_of_that_name_holds_no_class(tmp_path: Path) -> None:
    for start, name in ((0, "ant"), (10, "bee")):
        photos(tmp_path / name, 6, start)
    photos(tmp_path / "unlabelled" / "anything", 4, 20)
    photos(tmp_path / "unlabelled" / "else", 1, 30)
    data = read(str(tmp_path), DataPlan())
    assert data.task.classes == ("ant", "bee")
    assert list(data.pools["unlabelled"].ids) == [
        *(f"unlabelled/anything/{i}.png" for i in range(20, 24)),
        "unlabelled/else/30.png",
    ]
    (tmp_path / "split").mkdir()
    for split, start in (("train", 40), ("test", 60)):
        for place, name in enumerate(("ant", "bee")):
            photos(tmp_path / "split" / split / name, 4, start + 5 * place)
    photos(tmp_path / "split" / "unlabelled", 3, 80)
    data = read(str(tmp_path / "split"), DataPlan())
    assert len(data.splits["test"]) == 8 and len(data.pools["unlabelled"]) == 3


@pytest.mark.parametrize("kind", ["table", "memory", "column"])
def test_a_split_of_that_name_needs_no_labels(tmp_path: Path, kind: str) -> None:
    x, y = np.random.default_rng(0).normal(size=(20, 3)), ["a", "b"] * 10
    data: Any = {"train": (x, y), "unlabelled": x[:7] + 1}
    if kind == "table":
        frame = pd.DataFrame(x, columns=["p", "q", "r"])
        frame.assign(label=y).to_csv(tmp_path / "train.csv", index=False)
        (frame.head(7) + 1).to_csv(tmp_path / "unlabelled.csv", index=False)
        data = str(tmp_path)
    elif kind == "column":
        frame = pd.DataFrame(x, columns=["p", "q", "r"]).assign(label=y, split="train")
        frame.loc[:6, "split"], frame.loc[:6, "label"] = "unlabelled", ""
        frame.to_csv(tmp_path / "rows.csv", index=False)
        data = str(tmp_path / "rows.csv")
    made = read(data, DataPlan())
    assert len(made.pools["unlabelled"]) == 7 and made.task.classes == ("a", "b")


def test_a_path_of_their_own(tmp_path: Path) -> None:
    for start, name in ((0, "ant"), (10, "bee")):
        photos(tmp_path / "photos" / name, 6, start)
    photos(tmp_path / "more", 5, 20)
    Image.open(tmp_path / "photos" / "ant" / "0.png").save(tmp_path / "more" / "copy.png")
    plan = DataPlan(unlabelled=str(tmp_path / "more"), test=0.5)
    with pytest.raises(DataError, match=r"in test too, so that the test .* transductive=True") as refused:
        read(str(tmp_path / "photos"), plan)
    assert [problem.where for problem in refused.value.problems] == ["more/copy.png"]
    data = read(str(tmp_path / "photos"), dataclasses.replace(plan, transductive=True))
    assert any(note.startswith("transductive: 1 row without labels is in test too") for note in data.notes)
    assert len(data.pools["unlabelled"]) == 6
    assert all(row.startswith("more/") for row in data.pools["unlabelled"].ids)
    labelled = table(tmp_path, ["x", "y"] * 8)
    bare = tmp_path / "bare.csv"
    bare.write_text("b,a\n1,2\n3,4\n")
    data = read(labelled, DataPlan(unlabelled=str(bare)))
    assert data.pools["unlabelled"].inputs.tolist() == [[2, 1], [4, 3]]  # columns by name
    bare.write_text("b,c\n1,2\n")
    with pytest.raises(DataError, match=r"no column 'a'"):
        read(labelled, DataPlan(unlabelled=str(bare)))
    with pytest.raises(UsageError, match="no file or folder"):
        read(labelled, DataPlan(unlabelled=str(tmp_path / "bear.csv")))
    (tmp_path / "nothing").mkdir()
    with pytest.raises(UsageError, match="nothing is empty"):
        read(labelled, DataPlan(unlabelled=str(tmp_path / "nothing")))


def test_test_rows_among_them_are_told(tmp_path: Path) -> None:
    table(tmp_path, ["x", "y"] * 8, "train.csv")
    table(tmp_path, ["x", "y"], "test.csv")
    (tmp_path / "unlabelled.csv").write_text("a,b\n0.000,0.5\n9,9\n")
    notes = read(str(tmp_path), DataPlan()).notes
    assert any("1 row without labels is in test too" in note and "unlabelled.csv:2" in note for note in notes)
    (tmp_path / "unlabelled.csv").write_text((tmp_path / "test.csv").read_text())
    with pytest.raises(DataError, match="2 rows without labels are in test too"):
        read(str(tmp_path), DataPlan())


def test_each_of_several_targets_has_a_pool_with_the_rows_that_have_its_label(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    moods = ["glad", "sad", "", "glad"] * 8
    sizes = ["1", "2.5", "3", ""] * 8
    path.write_text(
        "a,mood,size\n" + "".join(f"{i},{m},{s}\n" for i, (m, s) in enumerate(zip(moods, sizes, strict=True)))
    )
    targets = {"mood": TargetPlan(("mood",)), "size": TargetPlan(("size",), "regression")}
    data = read(str(path), DataPlan(targets=targets, blank_labels="unlabelled", test=0, validation=0))
    train, mood, size = (data.pools[name] for name in ("train", "task:mood", "task:size"))
    assert len(train) == 32 and set(train.labels) == {"mood", "size"} and "unlabelled" not in data.pools
    assert len(mood) == len(size) == 24
    assert set(mood.labels) == {"mood"} and set(size.labels) == {"size"}
    assert set(mood.ids) | set(size.ids) == set(train.ids) and len(set(mood.ids) & set(size.ids)) == 16
    assert train.known["size"].tolist() == [True, True, True, False] * 8
    assert train.labels_of("size")[:3].tolist() == [[1.0], [2.5], [3.0]] and not train.labels["size"][3].any()
    assert any("some lack the label of a target" in note and "mood 8, size 8" in note for note in data.notes)


def test_rows_with_some_labels_are_in_all_splits_and_refused_unless_the_user_says_so(tmp_path: Path) -> None:
    rows = [("glad", "1"), ("sad", "2.5"), ("", "3"), ("glad", ""), ("", "")] * 30
    lines = [f"{i * 37 % 150 / 7:.3f},{i % 7},{m},{s}" for i, (m, s) in enumerate(rows)]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,mood,size", *lines]))
    targets = {"mood": TargetPlan(("mood",)), "size": TargetPlan(("size",), "regression")}
    with pytest.raises(DataError, match=r"Rows lack the labels of some targets \(blank_labels='unlabelled'"):
        read(str(tmp_path / "rows.csv"), DataPlan(targets=targets))
    plan = DataPlan(targets=targets, blank_labels="unlabelled")
    data = read(str(tmp_path / "rows.csv"), plan)
    assert len(data.pools["unlabelled"]) == 30 and sum(map(len, data.splits.values())) == 120
    for rows in data.splits.values():
        lacking = {name: float((~known).mean()) for name, known in rows.known.items()}
        assert set(lacking) == {"mood", "size"} and all(0.1 < share < 0.4 for share in lacking.values())
    again = read(str(tmp_path / "rows.csv"), plan, task=data.task)
    assert again.fingerprint == data.fingerprint
    alone = read(str(tmp_path / "rows.csv"), DataPlan(labels=("mood",), inputs=("a", "b"), blank_labels="unlabelled"))
    assert not alone.splits["train"].known and len(alone.pools["unlabelled"]) == 60


def test_a_test_split_with_the_labels_of_one_target_measures_that_one(tmp_path: Path) -> None:
    header, targets = "a,mood,size\n", {"mood": TargetPlan(("mood",)), "size": TargetPlan(("size",), "regression")}
    lines = [f"{i},{'glad' if i % 3 else 'sad'},{i / 3:.2f}\n" for i in range(40)]
    (tmp_path / "train.csv").write_text(header + "".join(lines))
    (tmp_path / "test.csv").write_text(header + "50,glad,\n51,sad,\n")
    plan = DataPlan(targets=targets, blank_labels="unlabelled", validation=0)
    data = read(str(tmp_path), plan)
    assert data.splits["test"].targets == ["mood"] and not data.splits["test"].known
    (tmp_path / "test.csv").write_text(header + "50,glad,\n51,,\n")
    with pytest.raises(DataError, match="missing") as caught:
        read(str(tmp_path), plan)
    assert {problem.row for problem in caught.value.problems} == {"test.csv:3"}
    (tmp_path / "train.csv").write_text(header + "".join(line.rpartition(",")[0] + ",\n" for line in lines))
    with pytest.raises(DataError, match="No training row has a label of the target 'size'"):
        read(str(tmp_path), plan)


def test_an_objective_without_its_rows_says_where_they_come_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "own" / "objectives"
    folder.mkdir(parents=True)
    (folder / "wanting.py").write_text(
        '"""Wants rows without labels."""\n'
        "from dataclasses import dataclass\n"
        "from headstart.core.types import Objective, Stream\n"
        "@dataclass(frozen=True)\nclass Wanting(Objective):\n"
        '    """Wants rows without labels."""\n'
        "    @property\n    def streams(self):\n"
        '        return (Stream("train"), Stream("unlabelled", labelled=False))\n'
        "    def losses(self, model, extra, batches, progress):\n        return {}\n"
    )
    monkeypatch.setenv("HEADSTART_PLUGINS", str(tmp_path / "own"))
    data = read(table(tmp_path, ["x", "y"] * 8), DataPlan())
    with pytest.raises(UsageError, match=r"needs rows for unlabelled.*unlabelled="):
        make_plan(Recipe().with_settings({"stages.0.objective": "wanting"}), data)


def two_targets_of_photos(folder: Path, last: str) -> DataPlan:
    """Write photos with two labels each, given as train and test; the last training row lacks one label."""
    photos(folder / "im", 24)
    copy = folder / "im" / "last.png"
    copy.write_bytes((folder / "im" / "23.png").read_bytes() if last == "copy" else b"no picture")
    lines = [f"im/{i}.png,{'cat' if i % 2 else 'dog'},{i / 7:.2f}\n" for i in range(24)]
    header = "image,first,second\n"
    (folder / "train.csv").write_text(header + "".join(lines[:18]) + "im/last.png,,1.1\n")
    (folder / "test.csv").write_text(header + "".join(lines[18:]))
    targets = {"first": TargetPlan(("first",)), "second": TargetPlan(("second",), "regression")}
    return DataPlan(targets=targets, blank_labels="unlabelled", validation=0)


@pytest.mark.parametrize(
    ("last", "problem"), [("copy", r"is the same file as .*train\.csv:20"), ("broken", "train.csv:20")]
)
def test_rows_with_some_labels_are_checked_as_the_others_are(tmp_path: Path, last: str, problem: str) -> None:
    plan = two_targets_of_photos(tmp_path, last)
    with pytest.raises(DataError, match=problem):
        read(str(tmp_path), plan)


def test_rows_that_nothing_reads_are_told(tmp_path: Path) -> None:
    data = read(table(tmp_path, ["a", "b"] * 20 + [""] * 5), DataPlan(blank_labels="unlabelled"))
    told = "the rows without labels are not used"
    assert any(told in note for note in make_plan(Recipe(), data).notes)
    (tmp_path / "full").mkdir()
    full = read(table(tmp_path / "full", ["a", "b"] * 20), DataPlan())
    assert not any(told in note for note in make_plan(Recipe(), full).notes)


def test_a_view_for_another_modality_is_refused_by_the_plan(tmp_path: Path) -> None:
    data = read(table(tmp_path, ["a", "b"] * 20), DataPlan())
    with pytest.raises(UsageError, match=r"The view 'mirror' cannot show vector input\. Views that can: plain"):
        make_plan(Recipe().with_settings({"stages.0.augment": "mirror"}), data)


def test_nothing_is_held_out_for_a_test_where_nothing_is_predicted(tmp_path: Path) -> None:
    data = read(table(tmp_path, ["a", "b"] * 20), DataPlan(task="none"))
    assert "test" not in data.splits and sum(map(len, data.splits.values())) == 40


def test_a_folder_of_loose_files_is_pretrained_on_and_lacks_labels(tmp_path: Path) -> None:
    photos(tmp_path / "loose", 5)
    (tmp_path / "loose" / ".hidden.png").touch()
    data = read(str(tmp_path / "loose"), DataPlan(task="none"))
    assert sorted(row for rows in data.splits.values() for row in rows.ids) == [f"{i}.png" for i in range(5)]
    assert "unlabelled" not in data.pools and not data.task.predicted
    with pytest.raises(DataError, match=r"; the data has 5 rows without labels\. .* ask for task='none'"):
        read(str(tmp_path / "loose"), DataPlan())
    cells = [f"{i}.png,{'ab'[i % 2]}" for i in range(4)]
    (tmp_path / "loose" / "labels.csv").write_text("\n".join(["file,label", *cells]) + "\n")
    beside = read(str(tmp_path / "loose"), DataPlan(validation=0, test=0))  # the table is the data, not its folder
    assert [row.partition(":")[0] for row in beside.splits["train"].ids] == ["labels.csv"] * 4


def test_files_beside_folders_are_all_taken(tmp_path: Path) -> None:
    photos(tmp_path / "more", 2)
    photos(tmp_path / "more" / "deep" / "er", 3, 10)
    photos(tmp_path / "more" / ".cache", 1, 20)
    for start, name in ((30, "ant"), (40, "bee")):
        photos(tmp_path / "photos" / name, 6, start)
    data = read(str(tmp_path / "photos"), DataPlan(unlabelled=str(tmp_path / "more")))
    assert list(data.pools["unlabelled"].ids) == [
        "more/0.png",
        "more/1.png",
        *(f"more/deep/er/{i}.png" for i in range(10, 13)),
    ]
    assert len(read_unlabelled(tmp_path / "more", DataPlan(), data.task)[0]) == 5


def test_the_rows_of_a_table_are_named_once(tmp_path: Path) -> None:
    (tmp_path / "bare.csv").write_text("a,b\n1,2\n3,4\n")
    data = read(table(tmp_path, ["x", "y"] * 8), DataPlan(unlabelled=str(tmp_path / "bare.csv")))
    assert list(data.pools["unlabelled"].ids) == ["bare.csv:2", "bare.csv:3"]


def test_arrays_without_labels_beside_pairs() -> None:
    x = np.random.default_rng(0).normal(size=(20, 3))
    data = read({"train": (x, ["a", "b"] * 10), "unlabelled": (x + 1, None)}, DataPlan())
    assert len(data.pools["unlabelled"]) == 20
    with pytest.raises(DataError, match=r"no labelled training rows; .* has 20 rows without labels"):
        read({"unlabelled": x}, DataPlan())
    assert len(read({"unlabelled": x}, DataPlan(task="none")).splits["train"]) > 10


@pytest.mark.parametrize("seed", range(4))
def test_a_test_picture_among_the_training_ones_is_refused_wherever_the_seed_puts_it(tmp_path: Path, seed: int) -> None:
    for start, name in ((0, "ant"), (10, "bee")):
        photos(tmp_path / "train" / name, 4, start)
        photos(tmp_path / "test" / name, 2, start + 50)
    Image.open(tmp_path / "train" / "ant" / "1.png").save(tmp_path / "test" / "ant" / "copy.png")
    with pytest.raises(DataError, match=r"test/ant/copy\.png: is the same file as train/ant/1\.png"):
        read(str(tmp_path), DataPlan(validation=0.5), seed=seed)


def test_test_rows_among_the_validation_rows_are_told(tmp_path: Path) -> None:
    table(tmp_path, ["x", "y"] * 8, "train.csv")
    (tmp_path / "val.csv").write_text("a,b,label\n7,7,x\n8,8,y\n")
    (tmp_path / "test.csv").write_text("a,b,label\n8,8,y\n9,9,x\n")
    notes = read(str(tmp_path), DataPlan()).notes
    assert "1 of 2 test rows is in validation too, on which the best step is chosen: test.csv:2" in notes
