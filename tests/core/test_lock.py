"""Claims of the lock: one living process holds it, a dead one's is taken over, another machine's is left alone."""

from __future__ import annotations

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
from headstart.core.lock import LOCKED, NAME, locked

HOLD = "import sys, time; from pathlib import Path; from headstart.core.lock import locked\n"
HOLD += "with locked(Path(sys.argv[1]), print): print('held', flush=True); time.sleep(60)"


def hold(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_a_living_holder_is_named_and_a_killed_one_is_followed(tmp_path: Path) -> None:
    process = hold(tmp_path)
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
    assert [path.name for path in tmp_path.iterdir()] == [LOCKED] and (tmp_path / LOCKED).stat().st_size == 0
    process.wait()
    process.stdout.close()


def test_another_machines_lock_is_not_judged(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(json.dumps({"host": "elsewhere", "pid": 1, "started": None}))
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


def test_a_second_writer_in_the_same_process_is_refused(tmp_path: Path) -> None:
    with locked(tmp_path, print):
        with pytest.raises(StorageError, match=f"in use by process {os.getpid()}"), locked(tmp_path, print):
            pass
        assert (tmp_path / NAME).exists()
    with locked(tmp_path, print):
        pass
    assert not (tmp_path / NAME).exists()


def test_a_holder_that_has_not_yet_named_itself_is_not_followed(tmp_path: Path) -> None:
    process = hold(tmp_path)
    assert process.stdout is not None
    (tmp_path / NAME).unlink()
    with pytest.raises(StorageError, match="in use by another process"), locked(tmp_path, print):
        pass
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_living_are_told_from_the_dead_by_the_system_and_not_by_a_number(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(json.dumps({"host": socket.gethostname(), "pid": os.getppid()}))
    notes: list[str] = []
    with locked(tmp_path, notes.append):
        assert json.loads((tmp_path / NAME).read_text()) == {"host": socket.gethostname(), "pid": os.getpid()}
    assert len(notes) == 1 and f"process {os.getppid()}" in notes[0]


def test_a_lock_is_light_to_import() -> None:
    code = "import sys, headstart.core.lock; print(sorted({'torch', 'numpy', 'filelock'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
