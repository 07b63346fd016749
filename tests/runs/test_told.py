"""How a run's start and method were chosen is in its report, also where the run was resumed."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import headstart as hs
from headstart.core.types import Event


class Cut(BaseException):
    """As a power cut."""


def test_a_resumed_run_tells_what_was_chosen_when_it_began(tmp_path):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(90, 4)), columns=list("abcd"))
    frame["label"] = np.where(frame["a"] > 0, "yes", "no")

    def cut(event: Event) -> None:
        if event.kind == "stage":
            raise Cut

    with pytest.raises(Cut):
        hs.fit(frame, source="vector:columns", out=tmp_path / "run", listen=cut)
    path = tmp_path / "run" / "choices.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    assert any(note.startswith("source: vector:columns") for note in told)
    path.write_text(json.dumps([*told, "start: <by hand>"]), encoding="utf-8")
    run = hs.fit(frame, source="vector:columns", out=tmp_path / "run")
    seen = json.loads((run.folder / "report.json").read_text(encoding="utf-8"))
    assert seen["told"][-1] == "start: <by hand>" and not set(seen["told"]) & set(seen["notes"])
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "How it was chosen" in page and "start: &lt;by hand&gt;" in page
