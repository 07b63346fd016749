"""What a run starts from where nothing is named: the first of the best, by rows that were left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_wine

import headstart as hs
from headstart.core.offer import Offer
from headstart.core.stopping import Stop, Stopped
from headstart.core.types import Event, Score, silent
from headstart.models.sources.vector import Vector
from headstart.runs import choose
from headstart.runs import fit as fit_module


def wine() -> tuple[np.ndarray, list[str]]:
    loaded: Any = load_wine(return_X_y=True)
    x, y = loaded
    return x.astype(np.float32), [f"class {label}" for label in y]


def tried(*losses: float, noise: float) -> list[choose.Tried]:
    """Return offers with these losses, whose differences have noise."""
    parts = [
        tuple(loss + noise * (place % 2 * (number + 1)) for place in range(4)) for number, loss in enumerate(losses)
    ]
    return [
        choose.Tried(Offer(f"s:{number}"), Score("loss", loss, False, None, parts[number]))
        for number, loss in enumerate(losses)
    ]


def test_the_first_is_taken_unless_another_is_ahead_of_it_by_more_than_noise() -> None:
    assert choose.plainest_of_the_best(tried(0.5, 0.49, 0.4, noise=0.0)).offer.source == "s:2"
    assert choose.plainest_of_the_best(tried(0.5, 0.49, 0.48, noise=0.1)).offer.source == "s:0"
    lost = [choose.Tried(Offer("s:lost"), None), *tried(0.5, noise=0.0)]
    assert choose.plainest_of_the_best(lost).offer.source == "s:0"


def test_a_noisy_one_does_not_win_because_a_third_is_ahead_of_the_first() -> None:
    plain, noisy, best = tried(0.50, 0.49, 0.45, noise=0.0)
    shaken = tuple(0.49 + 0.2 * (-1) ** place for place in range(4))
    noisy = noisy._replace(score=Score("loss", 0.49, False, None, shaken))
    assert choose.plainest_of_the_best([plain, noisy, best]).offer == best.offer


@pytest.mark.slow
def test_a_table_needs_no_option(tmp_path: Path) -> None:
    heard: list[Event] = []
    run = fit_module.fit(wine(), hs.Recipe(), out=tmp_path / "run", listen=heard.append)
    assert run.recipe.source is not None and run.recipe.source.name == "vector:columns"
    (losses,) = [event.values["tried"] for event in heard if "tried" in event.values]
    assert set(losses) == {"vector:columns", "vector:columns with head boosting", "vector:mlp"}
    assert (run.evaluations["test"].metrics["accuracy"].value or 0) > 0.9


def test_no_test_row_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    data = hs.read(wine())
    seen: list[str] = []
    score = Score("loss", 0.5, False, None)
    monkeypatch.setattr(choose, "cross_validated_loss", lambda *args: seen.extend(args[3].ids) or score)
    monkeypatch.setattr(choose, "trained_loss", lambda *args: seen.extend(args[2].ids) or score)
    choose.choose_start(hs.Recipe(), data, silent)
    assert len(seen) == 3 * len(data.splits["train"]) and not set(seen) & set(data.splits["test"].ids)


@pytest.mark.slow
def test_a_network_without_pretraining_is_judged_by_what_it_learns_of_other_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rows on two rings are told apart by a network alone; with labels by chance it is no better than chance."""
    monkeypatch.setattr("headstart.runs.trained.FOLDS", 2)
    random = np.random.default_rng(0)
    x = random.normal(size=(150, 2)).astype(np.float32)
    rings = (np.square(x).sum(axis=1) > 1.4).astype(int)
    losses = {}
    for name, y in (("rings", rings), ("chance", random.permutation(rings))):
        data = hs.read((x, [f"c{label}" for label in y]))
        rows = choose.some_rows(data, 0)
        losses[name] = {
            source: choose.try_offer(hs.Recipe(), data, Offer(source), rows, silent).loss
            for source in ("vector:columns", "vector:mlp")
        }
    assert losses["rings"]["vector:mlp"] < losses["rings"]["vector:columns"] / 2
    assert losses["chance"]["vector:mlp"] > 0.65


def test_a_run_that_goes_on_keeps_its_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = Stop()
    monkeypatch.setattr(choose, "trained_loss", lambda *_: Score("loss", 9.0, False, None))

    def listen(event: Event) -> None:
        stop.signal = 15 if event.kind == "stage" else stop.signal

    with pytest.raises(Stopped):
        fit_module.fit(wine(), hs.Recipe(), out=tmp_path / "run", listen=listen, stop=stop)
    monkeypatch.setattr(Vector, "offers", classmethod(lambda *_: pytest.fail("it was asked again")))
    again = fit_module.fit(wine(), hs.Recipe(), out=tmp_path / "run")
    assert again.recipe.source is not None and again.recipe.source.name == "vector:columns"
