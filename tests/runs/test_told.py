"""How a run's start and method were chosen is in its report, also where the run was resumed."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import headstart as hs
from headstart.core.types import Card, Event
from headstart.inputs.vector import Vector
from headstart.runs.fit import start_of


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


@pytest.mark.parametrize(
    ("params", "trained", "said"),
    [
        (0, "none: the data's own columns", "source: x:y, the data's own columns, no pretraining"),
        (1200, "imagenet-1k", "source: x:y, 1,200 parameters, pretrained: imagenet-1k"),
        (1200, "", "source: x:y, 1,200 parameters"),
    ],
)
def test_a_source_is_told_in_words(params: int, trained: str, said: str) -> None:
    card = Card("x:y", "y", params, Vector(2), "x", {}, source_task=trained)
    assert start_of(card) == said
