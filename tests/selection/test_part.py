from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from headstart.core.offer import Offer
from headstart.core.recipe import DataPlan
from headstart.data.read import read
from headstart.data.rows import Dataset
from headstart.selection.found import Found
from headstart.selection.part import Part, affordable, cut
from headstart.selection.rank import labelled

FOUND = Found(Offer("timm:x"), rows=20, look=0.5)


@pytest.fixture
def data() -> Dataset:
    numbers = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    return read((numbers, [f"c{row % 5}" for row in range(200)]), DataPlan(validation=0.15))


def clock(left: float) -> Any:
    return SimpleNamespace(left=left, spent=10.0)


def test_where_one_pass_fits_all_rows_are_taken(data: Dataset) -> None:
    rows = len(data.splits["train"]) + len(data.splits["validation"])
    assert affordable(FOUND, data, clock((rows - 20) * 0.5)) is None
    assert affordable(replace(FOUND, rows=rows), data, clock(-5.0)) is None


def test_else_the_rows_that_fit_beside_the_end_and_what_all_would_need(data: Dataset) -> None:
    part = affordable(FOUND, data, clock(24.0))
    assert part is not None and part.rows == 20 + 40 and part.test
    assert "one pass of timm:x over 200 rows takes about 100 s. 60 of 170 labelled rows" in part.why
    assert "budget='3m' would do for all" in part.why and "evaluate" not in part.why


def test_no_time_left_leaves_the_sample_and_no_test_rows(data: Dataset) -> None:
    part = affordable(FOUND, data, clock(-3.0))
    assert part is not None and part.rows == 20 and not part.test and part.why.endswith("hs.evaluate(RUN) does that.")


def test_a_part_is_the_sample_that_was_looked_at(data: Dataset) -> None:
    some = cut(data, Part(60, True, ""), 3)
    seen = {*labelled(data, 3, 60)[0].ids}
    assert {*some.splits["train"].ids, *some.splits["validation"].ids} == seen
    assert some.pools["train"].ids == some.splits["train"].ids and "test" in some.splits
    assert some.fingerprint != data.fingerprint and "test" not in cut(data, Part(60, False, ""), 3).splits


def test_half_of_a_part_at_least_is_learnt(data: Dataset) -> None:
    splits = {**data.splits, "train": data.splits["validation"], "validation": data.splits["train"]}
    turned = Dataset(data.task, splits, {"train": splits["train"]})
    some = cut(turned, Part(20, True, ""), 0)
    assert len(some.splits["train"]) == 10
