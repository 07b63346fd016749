"""Read folders of images with and without splits and domains; FAULTS 55, 56, 66."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from headstart.core.choice import Choice
from headstart.core.errors import DataError, UsageError
from headstart.core.interface import command_line
from headstart.core.recipe import DataPlan
from headstart.data.read import read
from headstart.data.readers.image_folder import ImageFolder
from headstart.data.unlabelled import read_unlabelled

DOMAINS = DataPlan(source_domain=("photo",), target_domain=("sketch",))


def fill(folder: Path, classes: Sequence[str] = "ab", count: int = 10, start: int = 0) -> None:
    for k, name in enumerate(classes):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            Image.new("RGB", (4, 4), (k, i, start)).save(folder / name / f"{i}.png")


def test_55_hidden_and_foreign_files_are_left_out_and_noted(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "x.png").touch()
    (tmp_path / "a" / "Thumbs.db").touch()
    (tmp_path / "a" / "._1.png").touch()
    (tmp_path / "README.md").write_text("hello")
    dataset = read(tmp_path, DataPlan())
    assert sum(map(len, dataset.splits.values())) == 20
    assert any("README.md" in note for note in dataset.notes)


def test_55_an_empty_class_and_a_loose_image_are_errors(tmp_path: Path) -> None:
    fill(tmp_path / "train")
    fill(tmp_path / "val", start=1)
    (tmp_path / "val" / "empty").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "train" / "loose.png")
    with pytest.raises(DataError) as caught:
        read(tmp_path, DataPlan())
    assert {p.where for p in caught.value.problems} == {"val/empty/", "train/loose.png"}


def test_56_the_same_file_in_train_and_test_is_refused(tmp_path: Path) -> None:
    fill(tmp_path / "train")
    fill(tmp_path / "test", start=1)
    copy = tmp_path / "test" / "b" / "copy.png"
    copy.write_bytes((tmp_path / "train" / "a" / "3.png").read_bytes())
    with pytest.raises(DataError, match=r"test/b/copy.png: is the same file as train/a/3.png"):
        read(tmp_path, DataPlan())


def test_56_copies_stay_together_where_the_rows_are_split_here(tmp_path: Path) -> None:
    fill(tmp_path)
    for i in range(10):
        (tmp_path / "a" / f"copy{i}.png").write_bytes((tmp_path / "a" / f"{i}.png").read_bytes())
    dataset = read(tmp_path, DataPlan(test=0.4))
    train = {path.read_bytes() for path in dataset.splits["train"].inputs}
    assert not train & {path.read_bytes() for path in dataset.splits["test"].inputs}


def test_66_links_to_pictures_and_class_folders_are_read_and_circles_are_not_followed(tmp_path: Path) -> None:
    fill(tmp_path / "store", "abc", count=2)
    folder = tmp_path / "set"
    (folder / "b").mkdir(parents=True)
    (folder / "a").symlink_to(tmp_path / "store" / "a")
    (folder / "b" / "0.png").symlink_to(tmp_path / "store" / "b" / "0.png")
    (folder / "b" / "more").symlink_to(tmp_path / "store" / "c")
    whole = ["a/0.png", "a/1.png", "b/0.png", "b/more/0.png", "b/more/1.png"]
    assert list(ImageFolder().read(folder).splits["all"].index) == whole
    (folder / "b" / "self").symlink_to(folder / "b")
    (folder / "b" / "top").symlink_to(folder)
    (tmp_path / "store" / "c" / "up").symlink_to("..")
    (tmp_path / "store" / "a" / "b").symlink_to("../b")
    (tmp_path / "store" / "b" / "a").symlink_to("../a")
    tables = ImageFolder().read(folder)
    assert list(tables.splits["all"].index) == ["a/0.png", "a/1.png", "a/b/0.png", "a/b/1.png", *whole[2:]]
    assert tables.notes[0].endswith("images: a/b/a, b/more/up, b/self, b/top")
    (tmp_path / "entry").symlink_to(folder)
    assert len(ImageFolder().read(tmp_path / "entry").splits["all"]) == len(tables.splits["all"])


def test_domains_with_and_without_splits(tmp_path: Path) -> None:
    for part, start in (("train", 0), ("test", 1)):
        fill(tmp_path / "photo" / part, start=start)
    fill(tmp_path / "sketch", start=2)
    dataset = read(tmp_path, replace(DOMAINS, validation=0.15))
    assert {name: len(rows) for name, rows in dataset.splits.items()} == {"train": 17, "validation": 3, "test": 10}
    assert {name: len(rows) for name, rows in dataset.pools.items()} == {"train": 17, "source": 17, "target": 10}
    assert dataset.pools["target"].y is None
    assert all(
        row.startswith("photo/train") for row in [*dataset.pools["source"].ids, *dataset.splits["validation"].ids]
    )
    assert all(row.startswith("sketch/") for row in [*dataset.pools["target"].ids, *dataset.splits["test"].ids])
    assert not set(dataset.pools["target"].ids) & set(dataset.splits["test"].ids)


def test_target_rows_outside_the_test_split_need_no_known_class(tmp_path: Path) -> None:
    fill(tmp_path / "photo")
    fill(tmp_path / "sketch" / "train", classes="abz", start=1)
    fill(tmp_path / "sketch" / "test", start=2)
    dataset = read(tmp_path, DOMAINS)
    assert dataset.task.classes == ("a", "b")
    assert len(dataset.pools["target"]) == 30 and len(dataset.splits["test"]) == 20


def test_a_folder_of_tables_is_not_taken_for_images(tmp_path: Path) -> None:
    fill(tmp_path / "pictures")
    assert ImageFolder().matches(tmp_path)
    (tmp_path / "train.csv").touch()
    assert not ImageFolder().matches(tmp_path)


@pytest.mark.parametrize("data", [["a"], {"train": []}, 3, None])
def test_what_is_no_path_is_none(data: object) -> None:
    assert not ImageFolder().matches(data)


def test_a_folder_is_one_by_its_path_and_by_its_text_and_a_file_is_none(tmp_path: Path) -> None:
    fill(tmp_path / "set", count=1)
    assert ImageFolder().matches(tmp_path / "set")
    assert ImageFolder().matches(str(tmp_path / "set"))
    for other in ("set/a/0.png", "nowhere"):
        assert not ImageFolder().matches(tmp_path / other)
        assert not ImageFolder().matches(str(tmp_path / other))


def test_images_lie_in_folders_at_any_depth_or_in_no_folder(tmp_path: Path) -> None:
    assert not ImageFolder().matches(tmp_path)
    Image.new("RGB", (4, 4)).save(tmp_path / "loose.png")
    assert ImageFolder().matches(tmp_path)
    (tmp_path / "a" / "deep").mkdir(parents=True)
    (tmp_path / "a" / "text.txt").touch()
    assert list(ImageFolder().read(tmp_path).splits) == ["unlabelled"]
    Image.new("RGB", (4, 4)).save(tmp_path / "a" / "deep" / "0.png")
    (error,) = ImageFolder().read(tmp_path).wrong
    assert [problem.where for problem in error.problems] == ["loose.png"]


@pytest.mark.parametrize(
    ("beside", "matches"),
    [
        ("dataset_info.json", False),
        ("dataset_dict.json", False),
        ("Train.CSV", False),
        ("val.tsv", False),
        ("test.jsonl", False),
        ("train.parquet", False),
        ("train.txt", True),  # a split's name, and no table
        ("notes.csv", True),  # a table, and no split's name
        ("info.json", True),
    ],
)
def test_what_lies_beside_the_folders_decides(tmp_path: Path, beside: str, matches: bool) -> None:
    fill(tmp_path, count=1)
    (tmp_path / beside).touch()
    assert ImageFolder().matches(tmp_path) is matches


def test_a_folder_with_the_name_of_a_table_is_no_table(tmp_path: Path) -> None:
    fill(tmp_path, count=1)
    (tmp_path / "train.csv").mkdir()
    (tmp_path / "dataset_info.json").mkdir()
    assert ImageFolder().matches(tmp_path)


@pytest.mark.parametrize(
    ("folders", "splits"),
    [
        (("train",), {"train"}),
        (("test",), {"test"}),
        (("Training", "testing"), {"train", "test"}),
        (("train", "val", "test"), {"train", "validation", "test"}),
    ],
)
def test_train_or_test_makes_splits_of_the_folders(tmp_path: Path, folders: tuple[str, ...], splits: set[str]) -> None:
    for name in folders:
        fill(tmp_path / name, count=1)
    assert set(ImageFolder().read(tmp_path).splits) == splits


def test_a_folder_called_val_alone_is_a_class(tmp_path: Path) -> None:
    fill(tmp_path, "a", count=1)
    fill(tmp_path, ("val",), count=1)  # pyright: ignore[reportArgumentType]
    frames = ImageFolder().read(tmp_path).splits
    assert set(frames) == {"all"} and set(frames["all"]["label"]) == {"a", "val"}


def test_folders_and_files_beside_splits_are_left_out_and_told(tmp_path: Path) -> None:
    fill(tmp_path / "train", count=1)
    fill(tmp_path / "extra", count=1)
    (tmp_path / "notes.txt").touch()
    tables = ImageFolder().read(tmp_path)
    assert set(tables.splits) == {"train"}
    assert tables.notes == ("ignored 2 entries other than images: extra/, notes.txt",)
    Image.new("RGB", (4, 4)).save(tmp_path / "loose.png")
    (error,) = ImageFolder().read(tmp_path).wrong
    assert "loose.png: lies outside the class folders" in str(error)


def test_images_come_from_subfolders_in_order_without_what_is_hidden(tmp_path: Path) -> None:
    fill(tmp_path, "a", count=2)
    fill(tmp_path / "a" / "deep", "x", count=1)
    fill(tmp_path / "a" / "__MACOSX", "x", count=1)
    (tmp_path / "a" / ".hidden.png").touch()
    (tmp_path / "a" / "note.txt").touch()
    tables = ImageFolder().read(tmp_path)
    assert list(tables.splits["all"].index) == ["a/0.png", "a/1.png", "a/deep/x/0.png"]
    assert tables.notes == ("ignored 1 entry other than images: a/note.txt",)


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    fill(tmp_path / "set", "a", count=1)
    (tmp_path / "set" / "a" / "gone.png").symlink_to("none.png")
    (tmp_path / "set" / "gone.png").symlink_to("none.png")
    (tmp_path / "set" / ".hidden.png").touch()
    with pytest.raises(DataError) as caught:
        read(tmp_path / "set", DataPlan())
    assert {str(problem).partition(" (")[0] for problem in caught.value.problems} == {
        "a/gone.png: is a link to none.png, which is not there",
        "gone.png: lies outside the class folders",
    }


def test_rows_are_kept_together_only_where_there_are_copies(tmp_path: Path) -> None:
    fill(tmp_path)
    assert read(tmp_path, DataPlan()).groups == {}
    Image.open(tmp_path / "a" / "0.png").save(tmp_path / "a" / "copy.png")
    groups = read(tmp_path, DataPlan(test=0)).groups
    assert len(groups) == 21 and groups["a/0.png"] == groups["a/copy.png"] and len(set(groups.values())) == 20


@pytest.mark.parametrize(("count", "ending"), [(10, "a/9.txt"), (11, "a/8.txt, and 1 more")])
def test_ten_names_of_what_was_ignored_are_told(tmp_path: Path, count: int, ending: str) -> None:
    fill(tmp_path, count=1)
    for i in range(count):
        (tmp_path / "a" / f"{i}.txt").touch()
    (note,) = ImageFolder().read(tmp_path).notes
    assert note.startswith(f"ignored {count} entries other than images: a/0.txt") and note.endswith(ending)


@pytest.mark.parametrize("split", ["test", "val"])
@pytest.mark.parametrize("inside", ["", "images"])
@pytest.mark.parametrize("beside", [True, False])
def test_pictures_of_a_split_without_class_folders_are_set_aside(
    split: str, inside: str, beside: bool, tmp_path: Path
) -> None:
    fill(tmp_path if beside else tmp_path / "train", count=4)
    fill(tmp_path / split, (inside,), count=3, start=1)  # pyright: ignore[reportArgumentType]
    if beside and split == "val" and inside:
        return  # a class called val
    if beside and split == "val":
        assert read(tmp_path, DataPlan()).task.classes == ("a", "b", "val")
        return
    with command_line():
        dataset = read(tmp_path, DataPlan())
    assert sum(map(len, dataset.splits.values())) == 8 and "unlabelled" not in dataset.pools
    name = "test" if split == "test" else "validation"
    told = f"3 rows without labels are set aside (headstart predict RUN {tmp_path / split} answers them)"
    assert f"{name}: {told}" in dataset.notes
    assert len(read_unlabelled(tmp_path / split, DataPlan(), dataset.task)[0]) == 3
    if not beside:
        fill(tmp_path / split, count=2, start=1)  # pictures of classes, beside those of none
        with pytest.raises(DataError, match=r"lies outside the class folders|Classes that were not in training"):
            read(tmp_path, DataPlan())


@pytest.mark.parametrize("folders", [("images",), ("train", "test")])
def test_a_table_beside_folders_without_classes_says_what_they_are(folders: tuple[str, ...], tmp_path: Path) -> None:
    for k, folder in enumerate(folders):
        fill(tmp_path, (folder,), count=4, start=k)  # pyright: ignore[reportArgumentType]
    rows = [f"{folder}/{i}.png,{'ab'[i % 2]}\n" for folder in folders for i in range(4)]
    (tmp_path / "labels.csv").write_text("".join(["file,label\n", *rows]))
    assert not ImageFolder().matches(tmp_path)
    assert read(tmp_path, DataPlan(test=0.0)).task.classes == ("a", "b")
    fill(tmp_path / folders[0], count=1)
    with pytest.raises(UsageError, match="Give reader='image_folder' or reader='table'"):
        read(tmp_path, DataPlan())


def test_a_test_of_other_classes_is_refused(tmp_path: Path) -> None:
    fill(tmp_path / "train", count=4)
    fill(tmp_path / "test", "xy", count=3, start=1)
    with pytest.raises(DataError, match="Classes that were not in training: x, y"):
        read(tmp_path, DataPlan())


def test_classes_with_their_own_splits(tmp_path: Path) -> None:
    for name in "ab":
        for part, start in (("train", 0), ("test", 1)):
            fill(tmp_path / name, (part,), start=start, count=4)  # pyright: ignore[reportArgumentType]
            Image.new("RGB", (4, 4), (ord(name), start, 9)).save(tmp_path / name / part / "own.png")
            for i in range(4):
                Image.new("RGB", (4, 4), (ord(name), i, start)).save(tmp_path / name / part / f"{i}.png")
    dataset = read(tmp_path, DataPlan())
    assert dataset.task.classes == ("a", "b") and len(dataset.splits["test"]) == 10


@pytest.mark.parametrize("splits", [("",), ("train", "test")])
def test_folders_that_hold_the_same_folders_are_domains_and_the_other_reading_is_told(
    splits: tuple[str, ...], tmp_path: Path
) -> None:
    for k, domain in enumerate(["art", "photo"]):
        for j, split in enumerate(splits):
            fill(tmp_path / domain / split, "abc", count=4, start=10 * k + j)
    with command_line():
        dataset = read(tmp_path, DataPlan(test=0.2))
    assert dataset.task.classes == ("a", "b", "c") and dataset.task.inputs == ("image",)
    assert dataset.notes[0] == (
        "2 folders hold the same 3 (a, b, c), taken for the classes; else: --reader 'image_folder domains=false', "
        "or --source-domain and --target-domain"
    )
    assert not any("domain" in note for note in dataset.notes[1:])
    other = read(tmp_path, DataPlan(reader=Choice("image_folder", {"domains": False})))
    assert other.task.classes == ("art", "photo")
    fill(tmp_path / "sketch" / splits[0], "abd", count=1, start=5)  # other names: no domains
    assert set(read(tmp_path, DataPlan()).task.classes) == {"art", "photo", "sketch"}


def test_few_equal_folders_in_more_folders_are_no_classes_and_that_is_told(tmp_path: Path) -> None:
    for k, name in enumerate("abc"):
        fill(tmp_path / name, ("left", "right"), count=3, start=k)  # pyright: ignore[reportArgumentType]
    dataset = read(tmp_path, DataPlan())
    assert dataset.task.classes == ("a", "b", "c")
    told = "3 folders hold the same 2 (left, right), taken for no classes; else: reader='image_folder domains=true'"
    assert told in dataset.notes
    other = read(tmp_path, DataPlan(reader=Choice("image_folder", {"domains": True})))
    assert other.task.classes == ("left", "right")


@pytest.mark.parametrize("wrap", ["photos", "a/b", "photos/train"])
def test_the_only_folder_with_data_is_entered(wrap: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    fill(root / wrap, count=6)
    (root / "docs").mkdir()
    (root / "docs" / "README.md").touch()
    dataset = read(root, DataPlan())
    assert dataset.task.classes == ("a", "b")
    entered = root / wrap.removesuffix("/train")
    assert dataset.notes[0] == f"read {entered}, the only folder with data in {root}"
    assert dataset.splits["train"].ids[0].startswith("train/" if "train" in wrap else ("a/", "b/"))


def test_a_split_without_classes_is_named_in_the_folder_that_was_entered(tmp_path: Path) -> None:
    fill(tmp_path / "photos" / "train", count=4)
    fill(tmp_path / "photos" / "test", ("",), count=3, start=1)  # pyright: ignore[reportArgumentType]
    place = tmp_path / "photos" / "test"
    told = f"test: 3 rows without labels are set aside (hs.load(RUN).predict('{place}') answers them)"
    assert told in read(tmp_path, DataPlan()).notes


def test_a_folder_of_one_class_is_not_entered(tmp_path: Path) -> None:
    fill(tmp_path, "a")
    with pytest.raises(DataError, match="only one class, 'a'"):
        read(tmp_path, DataPlan())


@pytest.mark.parametrize(
    ("train", "test"), [("training_set", "test_set"), ("seg_train", "seg_test"), ("Train", "test-data")]
)
@pytest.mark.parametrize("twice", [False, True])
def test_folders_called_after_splits_are_splits_and_told(train: str, test: str, twice: bool, tmp_path: Path) -> None:
    for start, split in enumerate((train, test)):
        fill(tmp_path / split / (split if twice else ""), ("cats", "dogs"), 4 - start, start)
    found = read(tmp_path, DataPlan(validation=0.0))
    assert found.task.classes == ("cats", "dogs")
    assert {name: len(rows) for name, rows in found.splits.items()} == {"train": 8, "test": 6}
    told = [note.partition("/")[0] for note in found.notes if "by its name" in note]
    assert told == ([test] if train == "Train" else [test, train])


def test_classes_called_like_splits_are_classes(tmp_path: Path) -> None:
    fill(tmp_path, ("train_engine", "test_tube"))
    assert read(tmp_path, DataPlan()).task.classes == ("test_tube", "train_engine")


def test_folders_of_the_system_are_no_classes(tmp_path: Path) -> None:
    fill(tmp_path, ("cats", "dogs", "@eaDir", "lost+found", "$RECYCLE.BIN", "__MACOSX"))
    assert read(tmp_path, DataPlan()).task.classes == ("cats", "dogs")


def test_a_name_is_one_class_in_both_forms_of_unicode(tmp_path: Path) -> None:
    names = ("B\u00e4r", "\u00d6l")
    for start, split in enumerate(("train", "test")):
        fill(
            tmp_path / split, tuple(unicodedata.normalize("NFD" if start else "NFC", name) for name in names), 3, start
        )
    found = read(tmp_path, DataPlan(validation=0.0))
    assert found.task.classes == names and sorted(found.splits["test"].y.tolist()) == [0] * 3 + [1] * 3


@pytest.mark.parametrize(
    "name, said",
    [("a.zip", "Unpack a.zip"), ("a.tar.gz", "Unpack a.tar.gz"), ("a.xlsx", "Save a.xlsx as .csv")],
)
@pytest.mark.parametrize("inside", [False, True])
def test_an_archive_and_a_sheet_are_told_what_to_do_with(name: str, said: str, inside: bool, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(UsageError, match=re.escape(said)):
        read(tmp_path if inside else tmp_path / name, DataPlan())
