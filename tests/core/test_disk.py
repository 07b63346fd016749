"""A disk that refuses is told as what, where, how much is free and how to mend it, whichever library met it."""

from __future__ import annotations

import errno
import os
import resource
import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors import SafetensorError
from safetensors.numpy import save_file

from headstart.core import storage
from headstart.core.disk import told
from headstart.core.errors import DiskError, UsageError


@pytest.mark.parametrize(
    ("error", "what", "mend"),
    [
        (OSError(errno.ENOSPC, "x"), "No space left on device", "Make room on that volume."),
        (OSError(errno.EDQUOT, "x"), "Disk quota exceeded", "Your quota is used up"),
        (OSError(errno.EROFS, "x"), "Read-only file system", "make it writable"),
        (SafetensorError("Error: I/O error: No space left (os error 28)"), "No space left on device", "Make room"),
        (RuntimeError("[Errno 28] Error writing bytes to file"), "No space left on device", "Make room"),
        (FileNotFoundError(errno.ENOENT, "x"), "No such file or directory", "Make its folder first"),
        (PermissionError(errno.EACCES, "x"), "Permission denied", "the right to write"),
    ],
)
def test_what_where_and_how_to_mend(tmp_path: Path, error: Exception, what: str, mend: str) -> None:
    with pytest.raises(DiskError) as caught, told(tmp_path / "no" / "model", 1234):
        raise error
    text = str(caught.value)
    assert text.startswith(f"{tmp_path / 'no' / 'model'} could not be written: {what}. ")
    assert mend in text
    assert ("bytes are free there, 1,234 are needed" in text) == (what.startswith(("No space", "Disk quota")))


def test_other_errors_pass(tmp_path: Path) -> None:
    for error in (ValueError("no"), UsageError("no"), RuntimeError("CUDA error 700")):
        with pytest.raises(type(error)), told(tmp_path):
            raise error
    with pytest.raises(FileNotFoundError), told(tmp_path, every=False):
        (tmp_path / "absent").read_text()


@pytest.fixture
def small_files():
    """Let no file be larger than 4,000 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


WRITERS = {
    "text": lambda path: path.write_text("x" * 10_000),
    "safetensors": lambda path: save_file({"a": np.zeros(10_000)}, path),
    "parquet": lambda path: pd.DataFrame({"a": np.random.default_rng(0).random(10_000)}).to_parquet(path),
    "csv": lambda path: pd.DataFrame({"a": range(10_000)}).to_csv(path),
}


@pytest.mark.usefixtures("small_files")
@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_that_may_not_be_so_large_leaves_what_was_there(tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").write_text("before")
    said = r"could not be written: File too large.*ulimit -f"
    with pytest.raises(DiskError, match=f"file {said}"), storage.new_file(tmp_path / "file") as path:
        WRITERS[kind](path)
    with pytest.raises(DiskError, match=f"folder {said}"), storage.new_folder(tmp_path / "folder") as folder:
        WRITERS[kind](folder / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"] and (tmp_path / "file").read_text() == "before"


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
@pytest.mark.parametrize("kind", WRITERS)
def test_files_follow_the_umask_whoever_writes_them(tmp_path: Path, kind: str, umask: int) -> None:
    before = os.umask(umask)
    try:
        with storage.new_file(tmp_path / "file") as path:
            WRITERS[kind](path)
        with storage.new_folder(tmp_path / "folder") as folder:
            (folder / "part").mkdir()
            WRITERS[kind](folder / "part" / "file")
    finally:
        os.umask(before)
    for path in (tmp_path / "file", tmp_path / "folder" / "part" / "file", tmp_path / "folder" / "manifest.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    assert stat.S_IMODE((tmp_path / "folder" / "part").stat().st_mode) == 0o777 & ~umask
