"""headstart demo: a whole transfer on real handwritten digits, in about a minute, without a network."""

from __future__ import annotations

import contextlib
import io
import json
import math
import shlex
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headstart.core.errors import UsageError

if TYPE_CHECKING:
    from headstart.cli.show import Show

LABELS_A_CLASS = (5, 10, 20, 50)
STRATEGIES = ("scratch", "linear_probe", "full")
STEPS = 100  # the same for all, so that no strategy has more work than another
RATES = {"scratch": "0.004", "linear_probe": "0.01", "full": "0.004"}


def demo(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder for the images and the runs; it must not exist.")] = Path(
        "headstart-demo"
    ),
    seeds: Annotated[int, typer.Option(help="Runs of each kind, each with other examples.", min=1)] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")] = False,
) -> None:
    """Pretrain on the digits 0 to 4, learn 5 to 9 from few examples: what does the head start gain?"""
    from headstart.cli.show import Show

    show, headstart = Show(as_json), context.find_root().command
    started = time.monotonic()
    if out.exists():
        raise UsageError(f"{out} exists already. Name another folder with --out, or delete it.")
    from headstart.runs.demo_data import write_digits

    show.say(
        "Real handwritten digits (scikit-learn), each at a random place of a 16 x 16 picture, as image folders. "
        "Each command below is run as it stands."
    )
    write_digits(out, LABELS_A_CLASS, seeds)
    source = out / "runs" / "source"
    arguments = f"fit {_quote(out / 'source')} --source digits:cnn --strategy scratch --epochs 15 --lr 0.002"
    arguments += f" --augment plain --out {_quote(source)}"
    pretraining = _run(show, headstart, shlex.split(arguments))
    accuracy = pretraining["metrics"]["test"]["accuracy"]["value"]
    show.say(f"  source task, digits 0 to 4: test accuracy {accuracy:.3f}")
    table: dict[str, dict[int, list[float]]] = {
        strategy: {shots: [] for shots in LABELS_A_CLASS} for strategy in STRATEGIES
    }
    for shots in LABELS_A_CLASS:
        for seed in range(seeds):
            for strategy in STRATEGIES:
                run = out / "runs" / f"{strategy}-{shots}-{seed}"
                arguments = (
                    f"fit {_quote(out / 'target' / f'{shots}-a-class-{seed}')} --source {_quote(f'run:{source}')}"
                )
                arguments += f" --strategy {strategy} --steps {STEPS} --lr {RATES[strategy]} --augment plain"
                arguments += f" --validation 0 --seed {seed} --out {_quote(run)}"
                arguments += " --set stages.0.strategy.head_lr=1" if strategy == "full" else ""
                result = _run(show, headstart, shlex.split(arguments))
                table[strategy][shots].append(result["metrics"]["test"]["accuracy"]["value"])
    columns = ("", *(f"{shots} a class" for shots in LABELS_A_CLASS))
    show.say("")
    show.table(
        f"Test accuracy on the digits 5 to 9, mean ± standard deviation over {seeds} seeds",
        columns,
        ([s, *map(_cell, table[s].values())] for s in STRATEGIES),
    )
    seconds = time.monotonic() - started
    show.say(
        f"Images, runs and saved models are in {out}/ ({seconds:.0f} s). "
        "On your own folder: headstart fit FOLDER --source timm:resnet18"
    )
    show.finish({"folder": str(out), "source_accuracy": accuracy, "accuracy": table, "seconds": round(seconds, 1)})


def _run(show: Show, headstart: Any, arguments: list[str]) -> dict[str, Any]:
    """Run the command `headstart` in this process, and take its JSON."""
    show.say("$ headstart " + shlex.join(arguments))
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(io.StringIO()):
        headstart.main([*arguments, "--json"], prog_name="headstart", standalone_mode=False)
    return json.loads(output.getvalue().splitlines()[-1])


def _quote(word: object) -> str:
    """Quote a word of a command for a shell."""
    return shlex.quote(str(word))


def _cell(values: list[float]) -> str:
    spread = statistics.stdev(values) if len(values) > 1 else math.nan
    return f"{statistics.fmean(values):.3f} ± {spread:.3f}" if len(values) > 1 else f"{values[0]:.3f}"
