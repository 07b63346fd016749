"""Claims of the storage: a final name is whole, hashed and never torn; orphans are swept; pickles stay unread."""

from __future__ import annotations

import json
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from headstart.core import storage
from headstart.core.errors import SourceError, StorageError


def write(path: Path) -> Path:
    with storage.new_folder(path) as folder:
        (folder / "a.txt").write_text("one")
        (folder / "b").mkdir()
        (folder / "b" / "c.txt").write_text("two")
    return path


def test_a_folder_is_whole_and_verifies(tmp_path: Path) -> None:
    path = write(tmp_path / "x")
    storage.verify(path)
    assert sorted(json.loads((path / "manifest.json").read_text())["files"]) == ["a.txt", "b/c.txt"]
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_an_error_inside_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), storage.new_folder(tmp_path / "x") as folder:
        (folder / "a.txt").write_text("one")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_not_touched(tmp_path: Path) -> None:
    path = write(tmp_path / "x")
    with pytest.raises(StorageError, match="exists already"):
        write(path)
    storage.verify(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [("flip", "its content was changed"), ("cut", "2 bytes instead of 3"), ("empty", "0 bytes"), ("gone", "missing")],
)
def test_damage_is_named(tmp_path: Path, change: str, message: str) -> None:
    path = write(tmp_path / "x")
    file = path / "a.txt"
    {
        "flip": lambda: file.write_text("onf"),
        "cut": lambda: file.write_text("on"),
        "empty": lambda: file.write_text(""),
        "gone": file.unlink,
    }[change]()
    with pytest.raises(StorageError, match=f"a.txt: {message}"):
        storage.verify(path)


def test_a_manifest_cannot_point_outside(tmp_path: Path) -> None:
    path = write(tmp_path / "x")
    (path / "manifest.json").write_text(json.dumps({"files": {"../y": {"bytes": 1, "sha256": ""}}}))
    with pytest.raises(StorageError, match="points outside"):
        storage.verify(path)


def test_orphans_of_dead_writers_are_swept_and_others_are_not(tmp_path: Path) -> None:
    dead = tmp_path / f".tmp-{socket.gethostname()}-4194303-00ff"
    living = tmp_path / f".tmp-{socket.gethostname()}-{os.getpid()}-00ff"
    elsewhere = tmp_path / ".tmp-another-host-4194303-00ff"
    for folder in (dead, living, elsewhere):
        folder.mkdir()
    assert storage.sweep(tmp_path) == [dead]
    assert living.exists() and elsewhere.exists()


def test_replacing_a_text_keeps_it_whole(tmp_path: Path) -> None:
    storage.write_text(tmp_path / "a", "one")
    storage.write_text(tmp_path / "a", "two")
    assert (tmp_path / "a").read_text() == "two"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("ending", sorted(storage.PICKLE_SUFFIXES))
def test_files_that_can_hold_a_pickle_are_refused(tmp_path: Path, ending: str) -> None:
    with pytest.raises(SourceError, match="was not read"):
        storage.refuse_pickle(tmp_path / f"model{ending}")


def test_writers_of_one_file_at_once_leave_one_whole_text(tmp_path: Path) -> None:
    path = tmp_path / "note"
    texts = [str(number) * 100_000 for number in range(4)]
    storage.write_text(path, texts[0])
    with ThreadPoolExecutor(4) as pool:
        written = [pool.submit(storage.write_text, path, text) for text in texts * 5]
        while not all(task.done() for task in written):
            assert path.read_text() in texts
    assert [task.result() for task in written] == [None] * 20
    assert [found.name for found in tmp_path.iterdir()] == ["note"]


def test_of_two_writers_of_one_folder_the_first_one_wins(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="could not be written"), storage.new_folder(tmp_path / "x") as folder:
        (folder / "a.txt").write_text("late")
        write(tmp_path / "x")
    storage.verify(tmp_path / "x")
    assert (tmp_path / "x" / "a.txt").read_text() == "one"
    assert [found.name for found in tmp_path.iterdir()] == ["x"]


def test_of_two_that_fill_a_folder_of_the_cache_the_first_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def quick(folder: Path) -> None:
        (folder / "a").write_text("first")

    def slow(folder: Path) -> None:
        (folder / "a").write_text("second")
        storage.kept_folder("x", quick)

    kept = storage.kept_folder("x", slow)
    assert kept == tmp_path / "headstart" / "x" and (kept / "a").read_text() == "first"
    assert [path.name for path in kept.parent.iterdir()] == ["x"]
    storage.kept_folder("x", lambda _: pytest.fail("it is there"))


def test_a_cache_that_cannot_be_written_says_which_variable_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(StorageError, match="XDG_CACHE_HOME"):
        storage.kept_folder("x", lambda _: None)
