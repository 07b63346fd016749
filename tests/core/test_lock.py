"""Claims of the lock: one living process holds it, a dead one's is taken over, another machine's is left alone."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from headstart.core.errors import StorageError
from headstart.core.lock import NAME, locked

HOLD = "import sys, time; from pathlib import Path; from headstart.core.lock import locked\n"
HOLD += "with locked(Path(sys.argv[1]), print): print('held', flush=True); time.sleep(60)"


def apply_freezes(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_a_living_holder_is_named_and_a_killed_one_is_followed(tmp_path: Path) -> None:
    process = apply_freezes(tmp_path)
    assert process.stdout is not None
    with (
        pytest.raises(StorageError, match=f"in use by process {process.pid} on {socket.gethostname()}"),
        locked(tmp_path, print),
    ):
        pass
    process.send_signal(signal.SIGKILL)
    time.sleep(0.1)  # it is a zombie now, which is dead
    notes: list[str] = []
    with locked(tmp_path, notes.append):
        assert json.loads((tmp_path / NAME).read_text())["pid"] == os.getpid()
    assert len(notes) == 1 and f"process {process.pid}" in notes[0]
    assert list(tmp_path.iterdir()) == []
    process.wait()
    process.stdout.close()


def test_a_number_that_was_given_to_another_process_is_no_holder(tmp_path: Path) -> None:
    entry = {"host": socket.gethostname(), "pid": os.getpid(), "started": "long ago", "token": "x"}
    (tmp_path / NAME).write_text(json.dumps(entry))
    if not Path(f"/proc/{os.getpid()}/stat").exists():
        pytest.skip("this system does not tell when a process started")
    with locked(tmp_path, lambda text: None):
        pass


def test_another_machines_lock_is_not_judged(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(json.dumps({"host": "elsewhere", "pid": 1, "started": None, "token": "x"}))
    with pytest.raises(StorageError, match=r"process 1 on elsewhere, another machine.*delete"), locked(tmp_path, print):
        pass
    assert (tmp_path / NAME).exists()


def test_a_damaged_lock_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("{")
    with pytest.raises(StorageError, match="is damaged"), locked(tmp_path, print):
        pass


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(StorageError, match="cannot be written to"), locked(file / "folder", print):
        pass


def test_a_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_link(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_link)
    with locked(tmp_path, lambda text: None):
        with pytest.raises(StorageError, match="in use by process"), locked(tmp_path, lambda text: None):
            pass
        assert (tmp_path / NAME).exists()
    assert not (tmp_path / NAME).exists()
