"""Numbers out of their range are refused, by the name under which the user gave them."""

from __future__ import annotations

import math
import re

import pytest

import headstart as hs
from headstart.cli.main import main
from headstart.core.errors import UsageError
from headstart.core.interface import command_line
from headstart.core.ranges import RANGES, check_numbers
from headstart.core.recipe import DataPlan, Recipe


@pytest.mark.parametrize(
    ("name", "value", "range_"),
    [
        ("processes", "0", "the number of processes must be at least 1"),
        ("processes", "-1", "the number of processes must be at least 1"),
        ("seed", "-1", "the seed must be at least 0 and below 2**63"),
        ("seed", "99999999999999999999", "the seed must be at least 0 and below 2**63"),
        ("workers", "-1", "the number of processes that load data must be at least 0"),
        ("epochs", "0.0", "the number of passes over the training rows must be above 0"),
        ("lr", "-1.0", "the learning rate must be at least 0"),
        ("lr", "nan", "the learning rate must be at least 0"),
        ("lr", "inf", "the learning rate must be at least 0"),
        ("batch-size", "0", "the number of examples in a step must be at least 1"),
        ("steps", "0", "the number of steps must be at least 1"),
        ("budget", "-1.0", "the time must be above 0"),
        ("budget", "nan", "the time must be above 0"),
        ("folds", "1", "the number of folds must be at least 2"),
        ("folds", "-3", "the number of folds must be at least 2"),
        ("repeats", "0", "the number of repeats must be at least 1"),
        ("validation", "1.0", "the share of rows for validation must be at least 0 and below 1"),
        ("validation", "nan", "the share of rows for validation must be at least 0 and below 1"),
        ("test", "-0.1", "the share of rows for the test must be at least 0 and below 1"),
    ],
)
def test_an_option_out_of_its_range_is_named_before_the_data_is_looked_for(
    name: str, value: str, range_: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["fit", "no such data", f"--{name}", value])
    assert end.value.code == 2
    assert capsys.readouterr().err == f"headstart: --{name} {value}: {range_}.\n"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("seed", -1),
        ("workers", -1),
        ("budget", 0),
        ("checkpoint", math.nan),
        ("data.validation", 1),
        ("data.test", -0.5),
        ("stages.0.epochs", 0),
        ("stages.0.lr", math.nan),
        ("stages.0.batch_size", 0),
        ("stages.0.ema", 1),
        ("stages.0.plateau_factor", 0),
    ],
)
def test_python_and_recipe_files_are_held_to_the_same(path: str, value: float) -> None:
    name = path.rpartition(".")[2]
    with pytest.raises(UsageError, match=f"the recipe.*{name} = .*must be {re.escape(str(RANGES[name]))}"):
        hs.fit("no such data", settings={path: value})
    section = {"data": "[data]\n", "stages": "[[stages]]\n"}.get(path.partition(".")[0], "")
    with pytest.raises(UsageError, match=f"{name} = .*must be {re.escape(str(RANGES[name]))}"):
        Recipe.from_toml(f"{section}{name} = {value}")
    with pytest.raises(UsageError, match=r"^folds=1: the number of folds must be at least 2"):
        hs.cross_validate("no such data", folds=1)
    with pytest.raises(UsageError, match=r"^repeats=0"):
        hs.cross_validate("no such data", repeats=0)


def test_resamples_of_a_comparison_are_held_to_it_before_a_run_is_read() -> None:
    with pytest.raises(UsageError, match=r"^resamples=-1: the number of resamples must be at least 0\.$"):
        hs.compare(["no such run", "nor this one"], resamples=-1)
    with pytest.raises(UsageError, match=r"^seed=-1: the seed must be"):
        hs.compare(["no such run", "nor this one"], seed=-1)


def test_shares_that_leave_nothing_to_learn_from() -> None:
    with command_line(), pytest.raises(UsageError, match=r"^--validation 0.6 and --test 0.6 leave no rows to learn fr"):
        check_numbers({"validation": 0.6, "test": 0.6})
    with pytest.raises(UsageError, match=r"^validation=0.5 and test=0.5 leave no rows to learn from: together the sha"):
        check_numbers({"validation": 0.5, "test": 0.5})
    with pytest.raises(ValueError, match=r"validation = 0.9 and test = 0.15 leave no rows.*\(test=0 where the data"):
        DataPlan(validation=0.9)
    check_numbers({"validation": 0.5, "test": 0.4, "label": "a", "lr": None})


def test_every_range_holds_its_limits_as_it_says_them() -> None:
    assert [RANGES["lr"].holds(v) for v in (0, -0.1, math.inf, math.nan)] == [True, False, False, False]
    assert [RANGES["epochs"].holds(v) for v in (0, 0.01)] == [False, True]
    assert [RANGES["warmup"].holds(v) for v in (0, 1, 1.1)] == [True, True, False]
    assert [RANGES["ema"].holds(v) for v in (0, 0.999, 1)] == [True, True, False]
