"""Claims of the log: a full disk loses and tears no line, and a resume cuts it where it goes on."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from headstart.engine.log import Log


class Full:
    """A file on a disk with room for a few more signs."""

    def __init__(self, file: Any, room: int) -> None:
        self.file, self.room = file, room

    def __enter__(self) -> Full:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def fileno(self) -> int:
        return self.file.fileno()

    def write(self, text: str) -> None:
        self.file.write(text[: self.room])
        self.file.flush()
        raise OSError(errno.ENOSPC, "No space left on device")


def test_lines_wait_while_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(tmp_path / "log")
    log.write({"step": 1})
    with monkeypatch.context() as patched:
        whole = Path.open
        patched.setattr(Path, "open", lambda *arguments, **options: Full(whole(*arguments, **options), 5))
        log.write({"step": 2})
        log.write({"step": 3})
        assert log.position == len('{"step": 1}\n')
    assert (tmp_path / "log").read_text() == '{"step": 1}\n'
    log.write({"step": 4})
    lines = (tmp_path / "log").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4]


def test_a_cut_drops_what_came_later(tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    log.write({"step": 1})
    position = log.position
    log.write({"step": 2})
    Log(tmp_path / "log").cut(position)
    assert (tmp_path / "log").read_text() == '{"step": 1}\n'


def test_a_line_that_a_power_cut_tore_is_dropped(tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    log.write({"step": 1})
    log.write({"step": 2})
    position = log.position
    (tmp_path / "log").write_text((tmp_path / "log").read_text()[:-4])
    again = Log(tmp_path / "log")
    again.cut(position)
    again.write({"step": 3})
    assert [json.loads(line)["step"] for line in (tmp_path / "log").read_text().splitlines()] == [1, 3]
